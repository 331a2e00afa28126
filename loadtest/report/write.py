"""What is made from measured figures: predictions, sentences, reports. Each may fail, and is said to have failed; none
decides what becomes of a run, and all can be made again from its folder."""

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, TypeVar

from app.discovery import Discovered
from loadtest.figures.courses import courses
from loadtest.figures.from_records import Measured, failed_arm, turn_figures
from loadtest.figures.repeats import by_strategy, medians
from loadtest.figures.run_folder import keep_figures, point_latest, read_record, read_turns
from loadtest.figures.run_summary import Row, Series
from loadtest.report.contents import Report
from loadtest.report.html import write_html
from loadtest.report.markdown import write_markdown
from loadtest.stats.intervals import REPEATS_MIN
from loadtest.stats.sentences import telling
from loadtest.theory.reference_rows import with_prediction, with_the_same
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario

Made = TypeVar("Made")


class NothingToSummarise(ValueError):
    """The text names the folder and what is missing."""


class Extras:
    """Makes what is not measured. Whatever goes wrong in one becomes a line, and the others are made all the same."""

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
    measured: Sequence[Measured],
    scenario: Scenario,
    about: Mapping[str, Any],
    found: Discovered,
    missing: Sequence[str] = (),
    is_new: bool = True,
) -> Report:
    """Keep the figures, then make everything else of them; `latest` beside the folder of a new run then points to it.

    summary.json has a row for every run, the reports one per strategy.
    `missing` is what the reader has to know is not there. Raises OSError where the figures cannot be kept.
    """
    runs = [row for _, row, _ in measured]
    keep_figures(folder, runs)
    extras = Extras()
    extras.missing += missing
    turns = {turn.name: turn for turn, _, _ in measured}
    rows = [
        extras.make(
            f"the prediction of {row.strategy}",
            lambda row=row: with_prediction(row, turns[row.strategy], scenario, found.strategies),  # type: ignore[misc]
            row,
        )
        for row in medians(runs)
    ]
    by_name = {row.strategy: row for row in rows}
    runs = [with_the_same(run, by_name[run.strategy]) for run in runs]
    extras.make("predictions in summary.json", lambda: keep_figures(folder, runs), None)
    said: list[str] = extras.make("sentences about the repeats", lambda: in_words(runs, found.baseline), [])
    nothing: dict[str, Series] = {}
    drawn = extras.make("the courses", lambda: courses([(row, line) for _, row, line in measured]), nothing)
    if is_new and (why := point_latest(folder)):
        extras.missing.append(why)

    def summary() -> Report:
        strategies = [row for row in rows if not row.is_bound]
        return Report(strategies, [row for row in rows if row.is_bound], said, tuple(extras.missing))

    def write_page() -> None:
        write_html(folder, summary(), drawn, about, scenario, found.baseline, list(found.strategies))

    extras.make("report.html", write_page, None)
    extras.make("report.md", lambda: write_markdown(folder, summary(), about, scenario, found.baseline), None)
    return summary()


def in_words(runs: Sequence[Row], baseline: str | None) -> list[str]:
    """What the repeats allow to be said; of too few, only that. Bounds are not compared with anything."""
    runs = [run for run in runs if not run.is_bound]
    if not runs:
        return []
    least = min(len(repeats) for repeats in by_strategy(runs).values())
    if least < REPEATS_MIN:
        few = "1 run of each" if least == 1 else f"{least} runs of each"
        return [f"{few}: too few for an interval or a claim. REPEATS=5 gives both."]
    return telling([row.as_dict() for row in runs], baseline)


def summarise_folder(folder: Path, found: Discovered) -> tuple[Report, list[Row]]:
    """Figures and reports again, from the records that a run left. The rows are those of every run.

    Raises `NothingToSummarise`, and OSError where the figures cannot be kept.
    """
    if not (folder / "raw").is_dir():
        raise NothingToSummarise(
            f"{folder}: no raw records there (raw/); a run in virtual time keeps them with --raw, and comes out the "
            "same whenever its command in environment.json is run again"
        )
    try:
        scenario = read_scenario(str(folder / "scenario.json"))
        about = json.loads((folder / "environment.json").read_text(encoding="utf-8"))
        turns = read_turns(folder)
    except (OSError, ValueError, BadScenario) as error:
        raise NothingToSummarise(f"{folder}: {error}") from error
    begun = [turn for turn in turns if (folder / "raw" / turn.label).is_dir()]
    measured: list[Measured] = []
    for turn in sorted(begun, key=lambda turn: turn.place(found)):
        raw = folder / "raw" / turn.label
        try:
            measured.append(turn_figures(raw, scenario, turn))
        except (OSError, ValueError, KeyError) as error:
            measured.append(failed_arm(scenario, turn, *_seed_and_world(raw, about, turn), f"no figures: {error}"))
    if not measured:
        raise NothingToSummarise(f"{folder}: no run was begun there")
    summary = write_results(folder, measured, scenario, about, found, not_run(turns, begun), is_new=False)
    return summary, [row for _, row, _ in measured]


def not_run(turns: Sequence[Any], begun: Sequence[Any]) -> list[str]:
    """A line, where some of the turns were never run."""
    left = [turn.label for turn in turns if turn not in begun]
    return [f"The run ended early: {', '.join(left)} not run"] if left else []


def _seed_and_world(raw: Path, about: Mapping[str, Any], turn: Any) -> tuple[int, str]:
    try:
        record = read_record(raw)
    except (OSError, ValueError):
        return int(about.get("seed", 1)), str(about.get("world", "native"))
    return record.seed, record.world
