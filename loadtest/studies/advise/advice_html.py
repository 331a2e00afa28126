"""The advice as one page of HTML that needs no network: answer, ranking, frontier, reasons, code and gates."""

from collections.abc import Mapping, Sequence
from typing import Any

from loadtest.figures.repeats import medians
from loadtest.report.contents import circumstances
from loadtest.report.embedding import Chart, chart
from loadtest.report.frontier.choice import Choice, competing
from loadtest.report.frontier.frontier_chart import figure, in_sentences, inks, with_answers
from loadtest.report.rendering import Line, render
from loadtest.studies.advise.advice import Advice
from loadtest.studies.advise.native_check import HEADINGS as HEADINGS_OF_CHECK
from loadtest.studies.advise.native_check import NativeCheck, check_lines
from loadtest.studies.advise.own_files import OwnFiles
from loadtest.studies.advise.page import LEGEND, about, parts, table
from loadtest.studies.advise.situations import Situation

TRADED_MIN = 3
"""The fewest strategies between which there is something to trade."""


def advice_html(
    advice: Advice,
    environment: Mapping[str, Any],
    files: OwnFiles | None = None,
    check: NativeCheck | None = None,
) -> str:
    """The page, with the files for one's own code and the native check where there are any."""
    choices = _choices(advice)
    colours = inks(choices)
    traded = _tradeoff(choices, colours)
    headings, lines = table(advice)
    return render(
        "advice.html",
        [traded],
        title="Which strategy this service needs",
        sentence=about(advice.service),
        answer=advice.answer,
        headings=headings,
        lines=[Line(name, cells, colours.get(name, "transparent"), False) for name, *cells in lines],
        words=LEGEND,
        tradeoff=traded,
        parts=[part for part in parts(advice) if part.lines],
        check=None if check is None else [check.compared, *check.changes, *check.sentences],
        check_headings=HEADINGS_OF_CHECK,
        check_lines=[] if check is None else [Line(n, c, "transparent", False) for n, *c in check_lines(check)],
        files=files,
        commands=advice.commands,
        legend="",
        said=(),
        notes=(),
        stamp=circumstances(environment),
    )


def _choices(advice: Advice) -> list[Choice]:
    """The steady state of each allowed strategy, with the settings that were advised."""
    found = []
    for one in advice.ranking:
        if one.is_allowed and (rows := one.rows.get(Situation.STEADY)):
            found += [Choice(one.strategy, dict(one.parameters), row) for row in medians(rows)]
    return competing(found)


def _tradeoff(choices: Sequence[Choice], colours: Mapping[str, str]) -> Chart | None:
    drawn = with_answers(choices)
    if len(drawn) < TRADED_MIN:
        return None
    label = "Latency against origin reads, with the age of the answers"
    return chart("tradeoff-chart", label, in_sentences(drawn), figure(drawn, colours, is_named=True))
