"""The chart of a sweep: one figure of each strategy over one setting, with its thresholds."""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from loadtest.report import svg

WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 520.0, 280.0, 58.0, 16.0, 52.0, 46.0
NAME_GAP_PX = 18.0


@dataclass(frozen=True, slots=True)
class SweptLine:
    """The figure of one strategy at each setting: the median of its repeats, the least and the most."""

    strategy: str
    x: Sequence[float]
    median: Sequence[float]
    least: Sequence[float]
    most: Sequence[float]


def sweep_chart(
    title: str,
    words: tuple[str, str],
    lines: Sequence[SweptLine],
    inks: Mapping[str, str],
    is_log: bool,
    thresholds: Sequence[float] = (),
) -> str:
    """The SVG: settings on a logarithmic axis, values too where `is_log`; `words` are those of the two axes."""
    xs = sorted({x for one in lines for x in one.x})
    seen = [value for one in lines for value in (*one.least, *one.most) if math.isfinite(value)]
    positive = [value for value in seen if value > 0]
    low = 10 ** math.floor(math.log10(min(positive))) if is_log and positive else 0.0
    high = max([*seen, low * 10 or 1.0])
    high = 10 ** math.ceil(math.log10(high)) if is_log else high * 1.08

    def at_x(value: float) -> float:
        span = math.log(xs[-1] / xs[0]) or 1.0
        return LEFT + math.log(value / xs[0]) / span * (WIDTH - LEFT - RIGHT)

    def at_y(value: float) -> float:
        share = math.log(max(value, low) / low) / math.log(high / low) if is_log else value / high
        return HEIGHT - BOTTOM - min(1.0, share) * (HEIGHT - TOP - BOTTOM)

    elements = [svg.text(words[1], LEFT, TOP - 10, class_="dim", font_size="12px")]
    for tick in _ticks(low, high, is_log):
        elements.append(svg.line(LEFT, at_y(tick), WIDTH - RIGHT, at_y(tick), class_="grid"))
        elements.append(
            svg.text(
                f"{tick:,.0f}" if tick >= 1_000 else f"{tick:.4g}", LEFT - 6, at_y(tick) + 4.5, "end", font_size="12px"
            )
        )
    for place, x in enumerate(xs):
        anchor = "end" if place == len(xs) - 1 else "middle"
        elements.append(svg.line(at_x(x), HEIGHT - BOTTOM, at_x(x), HEIGHT - BOTTOM + 4, class_="axis"))
        elements.append(svg.text(f"{x:,.4g}", at_x(x), HEIGHT - BOTTOM + 18, anchor, font_size="12px"))
    elements.append(
        svg.text(words[0], (LEFT + WIDTH - RIGHT) / 2, HEIGHT - 8, "middle", class_="dim", font_size="12px")
    )
    for threshold in thresholds:
        elements.append(svg.line(at_x(threshold), TOP, at_x(threshold), HEIGHT - BOTTOM, class_="axis",
                                 stroke_dasharray="3 4"))  # fmt: skip
    name_x = LEFT
    for one in lines:
        ink = inks[one.strategy]
        elements += [svg.element("rect", x=name_x, y=11.0, width=11.0, height=11.0, rx=2.0, fill=ink),
                     svg.text(one.strategy, name_x + 16, 21, font_weight="600", font_size="13px")]  # fmt: skip
        name_x += 16 + 8 * len(one.strategy) + NAME_GAP_PX
        known = [at for at in zip(one.x, one.median, one.least, one.most, strict=True) if math.isfinite(at[1])]
        path = "".join(
            f"{'L' if n else 'M'}{svg.number(at_x(x))} {svg.number(at_y(y))}" for n, (x, y, *_) in enumerate(known)
        )
        elements.append(svg.element("path", d=path, fill="none", stroke=ink, stroke_width="2"))
        for x, y, least, most in known:
            elements.append(svg.line(at_x(x), at_y(least), at_x(x), at_y(most), stroke=ink, stroke_width="1"))
            elements.append(svg.element("circle", cx=at_x(x), cy=at_y(y), r=3.2, fill=ink))
    told = "; ".join(
        f"{one.strategy}: " + ", ".join(f"{y:.4g} at {x:.4g}" for x, y in zip(one.x, one.median, strict=True))
        for one in lines
    )
    return svg.document(title, f"{words[1]} by {words[0]}. {told}.", WIDTH, HEIGHT, elements)


def _ticks(low: float, high: float, is_log: bool) -> list[float]:
    if is_log:
        return [10.0**power for power in range(round(math.log10(low)), round(math.log10(high)) + 1)]
    step = 10 ** math.floor(math.log10(high))
    step = step if high / step > 2.5 else step / 4
    return [step * number for number in range(int(high / step) + 1)]
