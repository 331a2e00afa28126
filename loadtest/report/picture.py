"""The picture of a run for a page or a slide: a small SVG with a row of panels for each strategy, on equal axes.

It needs neither browser nor script, and is readable at 400 px, in light and in dark. The same courses give the same
bytes.
"""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np

from loadtest.figures.records import Floats
from loadtest.report import svg
from loadtest.report.colours import BAD, PALETTE

WIDTH, LEFT, RIGHT = 520.0, 58.0, 14.0
HEADING_PX, NAME_PX, LABEL_PX, GAP_PX, AXIS_PX, LEGEND_PX = 14.0, 26.0, 15.0, 10.0, 42.0, 24.0
SHADES = {"loaded": 0.95, "waited": 0.6, "stale": 0.28, "failed": 0.95}
"""The parts of the answers that were no fresh hits, from the bottom up, each with its opacity."""
TICKS_S = (1, 2, 5, 10, 20, 30, 60, 120, 300, 600)


@dataclass(frozen=True, slots=True)
class Course:
    """One strategy in one run, as a picture draws it: values over bins of `bin_s` seconds from the load's start."""

    strategy: str
    bin_s: float
    reads: Floats
    """Origin reads in the second that ends with each bin."""
    p99_ms: Floats
    answers: Mapping[str, Floats] = field(default_factory=dict)
    """Answers per second that were no fresh hits, by the words of `SHADES`."""
    asked: Floats | None = None
    good: Floats | None = None
    """Requests that were meant for each bin, and those with a good answer, per second; None for patient clients."""
    said: str = ""
    """The figures that stand beside the strategy's name."""
    steady_peak: float | None = None
    """The exact peak of the steady state, drawn as a dashed line."""


@dataclass(frozen=True, slots=True)
class Band:
    """A span of time that is marked in every panel, as the trigger of an outage is."""

    what: str
    began_s: float
    ended_s: float


@dataclass(frozen=True, slots=True)
class Panel:
    """One of the panels that every strategy has."""

    title: str
    height: float
    draw: Callable[["Frame", Course, str], Iterator[str]]
    top: Callable[[Sequence[Course]], float]
    is_log: bool = False


@dataclass(frozen=True, slots=True)
class Frame:
    """The place of a panel on the page, and its scales."""

    top_px: float
    height: float
    from_s: float
    to_s: float
    highest: float
    is_log: bool

    def x(self, time_s: float) -> float:
        share = (time_s - self.from_s) / (self.to_s - self.from_s)
        return LEFT + min(1.0, max(0.0, share)) * (WIDTH - LEFT - RIGHT)

    def y(self, value: float) -> float:
        if math.isnan(value):
            return value
        share = math.log10(max(1.0, value)) / math.log10(self.highest) if self.is_log else value / self.highest
        return self.top_px + self.height * (1 - min(1.0, share))

    def staircase(self, values: Floats, bin_s: float) -> str:
        first, last = math.floor(self.from_s / bin_s), math.ceil(self.to_s / bin_s)
        shown = values[first:last]
        edges = [self.x((first + place) * bin_s) for place in range(len(shown) + 1)]
        return svg.steps(edges, [self.y(float(value)) for value in shown])

    def area(self, values: Floats, bin_s: float) -> str:
        """The path of the area below a staircase; empty where nothing is above 0."""
        if not np.nan_to_num(values).any() or not (path := self.staircase(np.nan_to_num(values), bin_s)):
            return ""
        right = self.x(min(self.to_s, len(values) * bin_s))
        return f"{path}H{svg.number(right)}V{svg.number(self.y(0))}H{svg.number(self.x(self.from_s))}Z"


def _reads(frame: Frame, course: Course, ink: str) -> Iterator[str]:
    yield svg.element("path", d=frame.area(course.reads, course.bin_s), fill=ink, fill_opacity="0.75")
    if course.steady_peak is not None:
        y = frame.y(course.steady_peak)
        yield svg.line(LEFT, y, WIDTH - RIGHT, y, stroke=ink, stroke_dasharray="4 4", fill="none")


def _answers(frame: Frame, course: Course, ink: str) -> Iterator[str]:
    below = np.zeros(len(course.reads))
    layers = []
    for what, opacity in SHADES.items():
        if (values := course.answers.get(what)) is not None and values.any():
            below = below + values
            layers.append((below, BAD if what == "failed" else ink, opacity))
    for top, colour, opacity in reversed(layers):
        # each lies on the page's own colour, so that what is behind it does not shine through
        path = frame.area(top, course.bin_s)
        yield svg.element("path", d=path, class_="page")
        yield svg.element("path", d=path, fill=colour, fill_opacity=f"{opacity:g}")


def _p99(frame: Frame, course: Course, ink: str) -> Iterator[str]:
    path = frame.staircase(course.p99_ms, course.bin_s)
    yield svg.element("path", d=path, fill="none", stroke=ink, stroke_width="1.6")


def _goodput(frame: Frame, course: Course, ink: str) -> Iterator[str]:
    if course.good is None or course.asked is None:
        return
    yield svg.element("path", d=frame.area(course.asked, course.bin_s), fill=BAD, fill_opacity="0.3")
    path = frame.area(course.good, course.bin_s)
    if path:
        yield svg.element("path", d=path, class_="page")
        yield svg.element("path", d=path, fill=ink, fill_opacity="0.75")


def _highest(*values: Floats | None) -> float:
    return max([1.0, *(float(np.nanmax(one)) for one in values if one is not None and np.isfinite(one).any())])


PANELS: Mapping[str, Panel] = {
    "reads": Panel("origin reads in the last second", 78, _reads, lambda all_: _highest(*(one.reads for one in all_))),
    "answers": Panel(
        "answers/s that were no fresh hit",
        60,
        _answers,
        lambda all_: _highest(*(sum(one.answers.values(), np.zeros(len(one.reads))) for one in all_)),
    ),
    "p99": Panel("p99 latency, ms", 60, _p99, lambda all_: max(100.0, _highest(*(one.p99_ms for one in all_))), True),
    "goodput": Panel(
        "requests/s: good answers, and without one (red)", 78, _goodput,
        lambda all_: _highest(*(one.asked for one in all_)),
    ),
}  # fmt: skip


def picture(
    title: str,
    courses: Sequence[Course],
    inks: Mapping[str, str],
    panels: Sequence[str] = ("reads",),
    from_s: float = 0.0,
    to_s: float | None = None,
    bands: Sequence[Band] = (),
) -> str:
    """The SVG of these strategies, one below the other. Raises KeyError for a panel that there is not."""
    shown = [PANELS[name] for name in panels]
    until_s = to_s or max(len(one.reads) * one.bin_s for one in courses)
    tops = [_rounded_up(panel.top([_cut(one, from_s, until_s) for one in courses]), panel.is_log) for panel in shown]
    elements: list[str] = []
    at_px = HEADING_PX
    for course in courses:
        ink = inks.get(course.strategy, PALETTE[0])
        elements += _named(course, ink, at_px)
        at_px += NAME_PX
        for place, (panel, highest) in enumerate(zip(shown, tops, strict=True)):
            is_first = course is courses[0]
            label_px = LABEL_PX if is_first or len(shown) > 1 else 0.0
            frame = Frame(at_px + label_px, panel.height, from_s, until_s, highest, panel.is_log)
            elements += _backed(frame, panel.title if label_px else "", bands, is_named=is_first and place == 0)
            elements += [one for one in panel.draw(frame, course, ink) if ' d=""' not in one]
            at_px += label_px + panel.height + GAP_PX
    elements += _time_axis(frame, at_px - GAP_PX)
    at_px += AXIS_PX - GAP_PX
    if "answers" in panels:
        elements += _legend(inks.get(courses[-1].strategy, PALETTE[0]), at_px, courses)
        at_px += LEGEND_PX
    said = "; ".join(f"{one.strategy}: {one.said}" for one in courses if one.said)
    what = f"{', '.join(panel.title for panel in shown)}, from {from_s:g} to {until_s:g} s, the same axes for each."
    return svg.document(title, f"{what} {said}.".replace(" .", ""), WIDTH, at_px, elements)


def _cut(course: Course, from_s: float, to_s: float) -> Course:
    """The course within the span that is drawn, for the scales."""
    span = slice(math.floor(from_s / course.bin_s), math.ceil(to_s / course.bin_s))
    return Course(
        course.strategy, course.bin_s, course.reads[span], course.p99_ms[span],
        {what: values[span] for what, values in course.answers.items()},
        None if course.asked is None else course.asked[span],
        None if course.good is None else course.good[span],
    )  # fmt: skip


def _rounded_up(value: float, is_log: bool) -> float:
    """The end of an axis: a round number that is not below the value."""
    power = 10.0 ** math.floor(math.log10(value))
    if is_log:
        return float(power * 10)
    return float(next(step * power for step in (1, 1.25, 1.5, 2, 2.5, 3, 4, 5, 6, 8, 10) if step * power >= value))


def _named(course: Course, ink: str, at_px: float) -> Iterator[str]:
    yield svg.element("rect", x=LEFT, y=at_px + 1.5, width=11.0, height=11.0, rx=2.0, fill=ink)
    yield svg.text(course.strategy, LEFT + 17, at_px + 12, font_weight="600")
    if course.said:
        yield svg.text(course.said, WIDTH - RIGHT, at_px + 12, "end", class_="dim", font_size="13px")


def _backed(frame: Frame, title: str, bands: Sequence[Band], is_named: bool) -> Iterator[str]:
    """The title of a panel, its scale, and the spans that are marked, named where `is_named`."""
    if title:
        yield svg.text(title, LEFT, frame.top_px - 4, class_="dim", font_size="12px")
    if is_named and bands:  # at the panel's end, because a short span has no room for its name
        names = ", ".join(dict.fromkeys(band.what for band in bands))
        yield svg.text(f"▮ {names}", WIDTH - RIGHT, frame.top_px - 4, "end", fill=BAD, font_size="12px")
    for band in bands:
        left, right = frame.x(band.began_s), frame.x(band.ended_s)
        yield svg.element(
            "rect", x=left, y=frame.top_px, width=max(1.5, right - left), height=frame.height,
            fill=BAD, fill_opacity="0.14",
        )  # fmt: skip
    ticks = [0.0, frame.highest / 2, frame.highest]
    if frame.is_log:
        ticks = [10.0**power for power in range(round(math.log10(frame.highest)) + 1)]
        ticks = ticks if len(ticks) < 5 else ticks[::2]
    for tick in ticks:
        y = frame.y(tick)
        yield svg.line(LEFT, y, WIDTH - RIGHT, y, class_="grid")
        if tick != ticks[1] or frame.is_log:
            yield svg.text(f"{tick:,.4g}" if tick < 1e4 else f"{tick:,.0f}", LEFT - 6, y + 4.5, "end", font_size="12px")


def _time_axis(frame: Frame, at_px: float) -> Iterator[str]:
    span_s = frame.to_s - frame.from_s
    step_s = next((one for one in TICKS_S if span_s / one <= 7), TICKS_S[-1])
    time_s = math.ceil(frame.from_s / step_s) * step_s
    while time_s <= frame.to_s + 1e-9:
        x = frame.x(time_s)
        yield svg.line(x, at_px, x, at_px + 4, class_="axis")
        is_last = time_s + step_s > frame.to_s + 1e-9
        anchor = "end" if is_last and x > WIDTH - RIGHT - 12 else "middle"
        yield svg.text(f"{time_s:g}{' s' if is_last else ''}", x, at_px + 18, anchor, font_size="12px")
        time_s += step_s


def _legend(ink: str, at_px: float, courses: Sequence[Course]) -> Iterator[str]:
    seen = [what for what in SHADES if any(one.answers.get(what, np.zeros(1)).any() for one in courses)]
    x = LEFT
    for what in seen:
        words = {"loaded": "loaded it itself", "waited": "waited for a load"}.get(what, what)
        colour = BAD if what == "failed" else ink
        yield svg.element("rect", x=x, y=at_px - 4, width=11.0, height=11.0, fill=colour,
                          fill_opacity=f"{SHADES[what]:g}")  # fmt: skip
        yield svg.text(words, x + 16, at_px + 6, font_size="12px", class_="dim")
        x += 34 + 6.3 * len(words)
