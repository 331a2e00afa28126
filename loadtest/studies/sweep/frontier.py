"""The report of a sweep: latency against origin load in one chart, with the age of the answers as colour.

report.md and report.html hold the same table of what no other point beats.
"""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from loadtest.report.cells import Beside
from loadtest.report.columns import COLUMNS, Column, legend
from loadtest.report.contents import stamp
from loadtest.report.embedding import Chart, chart
from loadtest.report.frontier.choice import ERRORS_SHARE_MAX, Choice, in_words, unbeaten
from loadtest.report.frontier.frontier_chart import figure, in_sentences, inks, with_answers
from loadtest.report.markdown_table import markdown_table
from loadtest.report.marks import marked
from loadtest.report.notes import notes
from loadtest.report.quoting import for_markdown
from loadtest.report.rendering import Line, render
from loadtest.report.workload_in_words import sentence
from loadtest.studies.sweep.runs import SweepPlan

CHOSEN = "What to choose from"
BRIEF = ("steady p99 ms", "cold peak in 1\u00a0s", "steady peak in 1\u00a0s", "age p99\u00a0s", "errors")
"""The figures that a terminal has room for, beside the settings."""
TOLD_MAX = 20
"""The most points of a chart that are told in words too."""
_FIGURES = ("hit %", "p50 ms", *BRIEF, "stale %", "collapsed", "shed")


def write_frontier(folder: Path, choices: Sequence[Choice], about: Mapping[str, Any], plan: SweepPlan) -> None:
    """Writes report.md and report.html, the baseline first. Raises OSError."""
    order = list(inks(choices))
    choices = sorted(choices, key=lambda one: order.index(one.strategy))
    said = notes([replace(choice.row, strategy=choice.label) for choice in choices])
    known = stamp(about, plan.scenario)
    page = _page(choices, said, known, plan)
    (folder / "report.html").write_text(page, encoding="utf-8")
    (folder / "report.md").write_text(_markdown(choices, said, known, plan), encoding="utf-8")


def cells(choices: Sequence[Choice], figures: Sequence[str] = _FIGURES) -> tuple[list[str], list[list[str]]]:
    """Headings and a line per choice: the strategy, its settings, its figures."""
    names = list(dict.fromkeys(name for choice in choices for name in choice.settings))
    kept = _columns(figures)
    lines = []
    for choice in choices:
        settings = [in_words(choice.settings[name]) if name in choice.settings else "" for name in names]
        values = [column.cell(choice.row, Beside(None, None)) for column in kept]
        lines.append([marked(choice.strategy), *settings, f"{choice.reads_per_s:,.1f}", *values])
    return ["strategy", *names, "origin reads/s", *(column.heading for column in kept)], lines


def _columns(figures: Sequence[str] = _FIGURES) -> list[Column]:
    return [column for column in COLUMNS if column.heading in figures]


def _swept(choices: Sequence[Choice], plan: SweepPlan) -> str:
    settings = "; ".join(plan.settings)
    runs = "one run each" if plan.repeats == 1 else f"medians of {plan.repeats} runs each, seed {plan.seed}"
    return f"{len(choices)} points, {runs}" + (f". Swept: {settings}." if settings else ".")


def _tables(choices: Sequence[Choice]) -> list[tuple[str, Sequence[Choice]]]:
    """The tables: choices by number, and all points where those are more."""
    best = unbeaten(choices)
    return [(CHOSEN, best), *([("All points", choices)] if len(best) < len(choices) else [])]


def _page(choices: Sequence[Choice], said: Sequence[str], known: Sequence[tuple[str, str]], plan: SweepPlan) -> str:
    drawn = with_answers(choices)
    ink = inks(choices)
    tables = []
    for heading, listed_ones in _tables(choices):
        headings, lines = cells(listed_ones)
        numbers = [f"{place}. " if heading == CHOSEN else "" for place in range(1, len(lines) + 1)]
        marked = [
            Line(number + name, rest, ink[name], not choice.is_eligible)
            for number, choice, (name, *rest) in zip(numbers, listed_ones, lines, strict=True)
        ]
        tables.append((heading, headings, marked))
    shown = [_chart(drawn, ink)] if drawn else []
    return render(
        "frontier.html",
        shown,
        title=f"Frontier: {plan.scenario.title}",
        sentence=sentence(plan.scenario),
        swept=_swept(choices, plan),
        has_crossed_out=not all(one.is_eligible for one in choices),
        errors_percent_max=f"{100 * ERRORS_SHARE_MAX:g}",
        frontier=shown[0] if shown else None,
        tables=tables,
        legend=legend(_columns()),
        said=(),
        notes=said,
        stamp=known,
    )


def _chart(drawn: Sequence[Choice], ink: Mapping[str, str]) -> Chart:
    told = f"{in_sentences(drawn[:TOLD_MAX])} The figures of all are in the tables."
    return chart("frontier", "Latency against origin reads, with the age of the answers", told, figure(drawn, ink))


def _markdown(choices: Sequence[Choice], said: Sequence[str], known: Sequence[tuple[str, str]], plan: SweepPlan) -> str:
    lines = [f"## Frontier: {for_markdown(plan.scenario.title)}", "", for_markdown(sentence(plan.scenario)), ""]
    lines += [for_markdown(_swept(choices, plan)), ""]
    for heading, listed_ones in _tables(choices):
        lines += [f"### {heading}", "", *markdown_table(*cells(listed_ones), for_markdown), ""]
    lines += [*(f"- {for_markdown(one)}" for one in said), *([""] if said else [])]
    lines += [for_markdown(legend(_columns())), ""]
    return "\n".join([*lines, *(f"- {for_markdown(name)}: {for_markdown(value)}" for name, value in known), ""])
