"""A replay that is drawn: the file that `lab replay --html` writes."""

from pathlib import Path
from typing import NamedTuple

import typer

from app.strategy import Strategy
from loadtest.cli.output_files import why_not_over
from loadtest.cli.terminal import console, fail, shown
from loadtest.figures.whole_file import write_whole
from loadtest.report.replay_page import replay_page
from loadtest.report.workload_in_words import sentence
from loadtest.sim.search.case import Case
from loadtest.sim.timeline.build import AnotherRun, watch
from loadtest.worlds.checkout import commit

OPENING = r"<!doctype html>"


class ReplayWindow(NamedTuple):
    """The part of a run that is drawn: its items, or so many of the hottest, and its times."""

    items: list[int]
    hottest: int
    since_s: float
    until_s: float


def draw(path: Path, strategy: type[Strategy], case: Case, window: ReplayWindow) -> None:
    """Write the timeline of a case; exit 2 where it cannot be written, 1 where an invariant breaks in the case."""
    try:
        if why := why_not_over(path, OPENING):
            fail(f"--html: {path}: {why}")
        if not path.absolute().parent.is_dir():
            fail(f"--html: {path}: there is no such folder")
    except OSError as error:
        fail(f"--html: {path}: {error.strerror or error}")
    try:
        ran, timeline = watch(strategy, case, *window)
    except AnotherRun as error:
        fail(f"--html: {error}")
    order = "" if case.shuffle_seed is None else f", shuffled by {case.shuffle_seed}"
    verdict = f"VIOLATION of {ran.violation}" if ran.violation else "Every invariant held."
    page = replay_page(
        timeline,
        f"{strategy.name}, seed {case.seed}: {case.scenario.title}",
        sentence(case.scenario),
        verdict,
        ran.violation is not None,
        [
            ("strategy", strategy.name),
            ("seed", f"{case.seed}{order}"),
            ("commit", commit()),
            ("trace", ran.trace or "none: it did not end"),
        ],
    )
    try:
        write_whole(path, page.removesuffix("\n"))
    except OSError as error:
        fail(f"--html: {path}: {error.strerror or error}")
    kib = path.stat().st_size / 1024
    console.print(f"Written: {shown(path)} ({kib:.0f} KiB)", soft_wrap=True, highlight=False, markup=False)
    console.print(f"{strategy.name}, seed {case.seed}: {verdict}", soft_wrap=True, highlight=False, markup=False)
    if ran.violation is not None:
        raise typer.Exit(1)
