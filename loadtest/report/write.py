"""Predictions, sentences and reports, made from measured figures.

A failure in one is named in the report, and decides nothing about the run. All can be made again from its folder.
"""

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

from app.discovery import Discovered
from loadtest.figures.courses import courses
from loadtest.figures.repeats import by_strategy, medians
from loadtest.figures.run_folder import keep_figures, point_latest
from loadtest.figures.run_summary import RunSummary, Series
from loadtest.figures.summarise import Finished
from loadtest.report.answer.answer import answer
from loadtest.report.answer.sentence import Sentence
from loadtest.report.contents import Report
from loadtest.report.html import write_html
from loadtest.report.markdown import write_markdown
from loadtest.report.outage import outage_in_words
from loadtest.report.run_again import command
from loadtest.report.strategies_told import StrategyTold, strategy_told
from loadtest.stats.intervals import REPEATS_MIN
from loadtest.stats.sentences import telling
from loadtest.theory.predictions import as_figures, prediction
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario

Made = TypeVar("Made")


class Extras:
    """A maker of all that is not measured; a failure becomes a line in `missing`, and the others are still made."""

    def __init__(self) -> None:
        self.missing: list[str] = []

    def make(self, what: str, how: Callable[[], Made], instead: Made) -> Made:
        try:
            return how()
        except Exception as error:  # theory, words and drawing are no part of what was measured
            self.missing.append(f"{what} could not be made: {type(error).__name__}: {error}")
            return instead


def write_results(
    folder: Path,
    finished: Sequence[Finished],
    scenario: Scenario,
    about: Mapping[str, Any],
    found: Discovered,
    missing: Sequence[str] = (),
    is_new: bool = True,
) -> Report:
    """Keeps the figures, then makes everything else of them; `latest` beside a new run's folder then points to it.

    summary.json has a row for every run, the reports one per strategy. The report names all that is `missing`.
    Raises OSError where the figures cannot be kept.
    """
    runs = [one.summary for one in finished]
    keep_figures(folder, runs)
    extras = Extras()
    extras.missing += missing
    rows = medians(runs)
    predictions = {}
    planned = {one.run.name: one.run for one in finished}
    for row in rows:
        how = partial(prediction, row, planned[row.strategy], found.choosable)
        if one := extras.make(f"the prediction of {row.strategy}", how, None):
            predictions[row.strategy] = one
    answered: list[Sentence] = extras.make(
        "the answer", lambda: answer(runs, scenario, found.baseline, command(about, folder)), []
    )
    told = [one.as_dict() for one in answered]
    kept = partial(keep_figures, folder, runs, as_figures(predictions), told)
    extras.make("predictions and answer in summary.json", kept, None)
    said: list[str] = extras.make("sentences about the repeats", lambda: in_words(runs, found.baseline), [])
    outage = outage_in_words([row for row in rows if not row.is_reference], scenario)
    nothing: dict[str, Series] = {}
    drawn = extras.make("the courses", lambda: courses([(one.summary, one.series) for one in finished]), nothing)
    if is_new and (why := point_latest(folder)):
        extras.missing.append(why)

    strategies = [(planned[row.strategy], found.runnable.get(planned[row.strategy].strategy)) for row in rows]
    told_ones: list[StrategyTold] = extras.make(
        "the strategies in words",
        lambda: [strategy_told(run, one, folder) for run, one in strategies if one is not None],
        [],
    )

    def report() -> Report:
        return Report(rows, predictions, said, tuple(extras.missing), outage, answered, runs, told_ones)

    def write_page() -> None:
        write_html(folder, report(), drawn, about, scenario, found.baseline, list(found.strategies))

    extras.make("report.html", write_page, None)
    extras.make("report.md", lambda: write_markdown(folder, report(), about, scenario, found.baseline), None)
    return report()


def in_words(runs: Sequence[RunSummary], baseline: str | None) -> list[str]:
    """The sentences that the repeats allow, none where they are too few; references are not compared."""
    runs = [run for run in runs if not run.is_reference]
    if not runs:
        return []
    least = min(len(repeats) for repeats in by_strategy(runs).values())
    if least < REPEATS_MIN:
        return []
    return telling([row.as_dict() for row in runs], baseline)


def not_run(
    runs: Sequence[PlannedRun], reported: Sequence[PlannedRun], cut_short: Sequence[PlannedRun] = ()
) -> list[str]:
    """A line that names the runs that are not reported, those apart that were begun; empty where all are reported."""
    cut = [run.label for run in cut_short]
    labels = {*cut, *(run.label for run in reported)}
    left = [run.label for run in runs if run.label not in labels]
    told = [f"{', '.join(left)} not run"] if left else []
    told += [f"{', '.join(cut)} cut short, and in no figure"] if cut else []
    return [f"The run ended early: {'; '.join(told)}"] if told else []
