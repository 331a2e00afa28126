"""The map as report.html with the picture, as report.md, and as a document with every figure of every place."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.figures.plain_text import plain
from loadtest.figures.whole_file import write_whole
from loadtest.report.contents import stamp
from loadtest.report.embedding import chart
from loadtest.report.markdown_table import markdown_table
from loadtest.report.marks import marked
from loadtest.report.quoting import for_markdown
from loadtest.report.rendering import Line, render
from loadtest.report.workload_in_words import sentence
from loadtest.studies.tipping.fate import Fate, Found
from loadtest.studies.tipping.map_chart import figure, in_the_square, trigger_in_words
from loadtest.studies.tipping.places import MapPlan
from loadtest.workload.schema import SCHEMA

LEGEND = (
    "A run per place, from the same seed. Back: at least 95 % of the goodput before, to the end of the run. Never: not "
    "by the end of it. Theory: capacity of the origin over the attempts that a request makes while all of them fail; "
    "left of the line every backlog ends, though a long one may outlast the run."
)


@dataclass(frozen=True, slots=True)
class Map:
    """A map that was drawn: the plan, the fate of every place, and theory's line for each strategy."""

    plan: MapPlan
    found: Sequence[Found]
    lines_per_s: Mapping[str, float | None]

    @property
    def simulated(self) -> list[Found]:
        return [one for one in self.found if one.world == "virtual"]

    @property
    def measured(self) -> list[Found]:
        return [one for one in self.found if one.world != "virtual"]

    @property
    def said(self) -> list[str]:
        """A sentence for each strategy, and one for each place that was measured."""
        return [*map(self._of, self.plan.strategies), *map(self._beside, self.measured)]

    def _of(self, strategy: str) -> str:
        own = [one for one in self.simulated if one.place.strategy == strategy]
        counts = {fate: sum(one.fate is fate for one in own) for fate in Fate}
        told = f"{marked(strategy)}: of {len(own)} places it stays well at {counts[Fate.WELL]}, "
        told += f"comes back at {counts[Fate.BACK]}"
        slowest = [one.recovers_after_s or 0.0 for one in own if one.fate is Fate.BACK]
        told += f" (the slowest after {max(slowest):.1f} s)" if slowest else ""
        lost = [one.place.rate_per_s for one in own if one.fate is Fate.NEVER]
        told += f", and never does at {counts[Fate.NEVER]}"
        told += f" (from {min(lost):g} requests/s on)" if lost else ""
        if (line := self.lines_per_s.get(strategy)) is not None:
            told += f"; theory: only above {line:,.0f} requests/s"
        return f"{told}." if not counts[Fate.UNKNOWN] else f"{told}; {counts[Fate.UNKNOWN]} are no result."

    def _beside(self, one: Found) -> str:
        (simulated,) = (other for other in self.simulated if other.place == one.place)
        place = f"{one.place.strategy}, {one.place.rate_per_s:g} requests/s, {self.plan.field} {one.place.trigger:g}"
        why = f" ({one.row.incidents[0]})" if one.fate is Fate.UNKNOWN and one.row.incidents else ""
        return f"Measured natively: {place}: {_told(one)}{why}; simulated: {_told(simulated)}."


def _told(one: Found) -> str:
    after_s = one.recovers_after_s
    return str(one.fate) if one.fate is not Fate.BACK or after_s is None else f"{one.fate} after {after_s:.1f} s"


def write_map(folder: Path, drawn: Map, about: Mapping[str, Any]) -> None:
    """Writes report.md and report.html. Raises OSError."""
    plan, known = drawn.plan, stamp(about, drawn.plan.scenario)
    write_whole(folder / "report.md", _markdown(drawn, known))
    picture = figure(plan, drawn.found, drawn.lines_per_s)
    shown = chart("map", "Who comes back: load against trigger", " ".join(drawn.said), picture)
    page = render(
        "tipping.html",
        [shown],
        title=f"Who comes back: {plan.scenario.title}",
        sentence=sentence(plan.scenario),
        map=shown,
        tables=[(marked(name), *_html_table(drawn, name)) for name in plan.strategies],
        trigger=trigger_in_words(plan.field),
        legend=LEGEND,
        said=drawn.said,
        notes=(),
        stamp=known,
    )
    write_whole(folder / "report.html", page)


def table(drawn: Map, strategy: str) -> tuple[list[str], list[list[str]]]:
    """Headings and lines of a strategy's part of the map, the longest trigger first, as in the picture."""
    plan = drawn.plan
    texts = {one.place: in_the_square(one) or "well" for one in drawn.simulated}
    headings = [trigger_in_words(plan.field), *(f"{rate:g}/s" for rate in plan.rates_per_s)]
    lines = []
    for trigger in reversed(plan.triggers):
        cells = [text for place, text in texts.items() if (place.strategy, place.trigger) == (strategy, trigger)]
        lines.append([f"{trigger:g}", *cells])
    return headings, lines


def _html_table(drawn: Map, strategy: str) -> tuple[list[str], list[Line]]:
    headings, lines = table(drawn, strategy)
    return headings, [Line(name, cells, "transparent", False) for name, *cells in lines]


def _markdown(drawn: Map, known: Sequence[tuple[str, str]]) -> str:
    plan = drawn.plan
    lines = [f"## Who comes back: {for_markdown(plan.scenario.title)}", "", for_markdown(sentence(plan.scenario)), ""]
    for name in plan.strategies:
        lines += [
            f"### {for_markdown(marked(name))}",
            "",
            *markdown_table(*table(drawn, name), for_markdown, numbers=True),
            "",
        ]
    lines += [*(f"- {for_markdown(one)}" for one in drawn.said), "", for_markdown(LEGEND), ""]
    return "\n".join([*lines, *(f"- {for_markdown(name)}: {for_markdown(plain(value))}" for name, value in known), ""])


def as_json(drawn: Map) -> dict[str, Any]:
    plan = drawn.plan
    return {
        "schema": SCHEMA,
        "scenario": plan.scenario.name,
        "strategies": plan.strategies,
        "rates_per_s": plan.rates_per_s,
        "field": plan.field,
        "triggers": plan.triggers,
        "seed": plan.seed,
        "feeds_itself_from_per_s": dict(drawn.lines_per_s),
        "places": [
            {**one.place._asdict(), "world": one.world, "fate": one.fate, "summary": one.row.as_dict()}
            for one in drawn.found
        ],
    }
