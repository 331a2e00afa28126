"""A plan run from the command line: its figures are kept as it goes on, and reported however it ends."""

import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, contextmanager
from pathlib import Path
from typing import Any

from app.discovery import Discovered
from loadtest.cli.document import tell_file
from loadtest.cli.inputs import check_redis
from loadtest.cli.running import guarded, run_folder, runs_progress, this_run
from loadtest.cli.terminal import console, named, say, warn
from loadtest.experiment import Sink, experiment
from loadtest.figures.repeats import by_strategy, medians
from loadtest.figures.run_folder import SUMMARY, keep_figures, keep_plan
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.report.contents import VIRTUAL, Report
from loadtest.report.progress_bars import live
from loadtest.report.quoting import for_console_markup
from loadtest.report.terminal import print_table
from loadtest.report.write import not_run, write_results
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.native import native_world
from loadtest.worlds.stack import stack_world
from loadtest.worlds.world import OnProgress, Records, World, quiet

REAL_WORLDS = {"native": native_world, "stack": stack_world}
KEEP_EVERY_S = 5.0
"""The longest real time between two writes of the figures of short runs; a killed process loses no more."""

Opened = AbstractAsyncContextManager[World]
Shown = tuple[Opened, OnProgress, Sink]
"""A world, with the callbacks that show its progress on the terminal."""
Show = Callable[[Path, Report, Discovered], None]
"""A callback that shows a report, which lies in that folder, on the terminal."""


@contextmanager
def real(name: str, records: Records, command: str) -> Iterator[Shown]:
    """A world of real processes, with a line of progress for each run; exit 2 where its Redis is misspelled."""
    check_redis()
    with live(console) as on_progress:
        yield REAL_WORLDS[name](records, command), on_progress, lambda _: None


@contextmanager
def virtual(
    runs: int,
    workers: int | None = None,
    records: Records | None = None,
    *,
    cluster: str | None = None,
    before: int = 0,
    lines_max: int = 0,
) -> Iterator[Shown]:
    """Virtual time, with one progress bar for all runs and for those that ended `before`.

    `cluster` is the address of a dask scheduler, instead of processes here. A stream that is no terminal gets at most
    `lines_max` lines of progress.
    """
    from loadtest.sim.pool import cores  # here, because a world of processes needs no simulator
    from loadtest.worlds.virtual import VirtualWorld

    world, total = VirtualWorld(min(workers or cores(), runs), cluster, records), before + runs
    with runs_progress(total, before, world.underway) as advance:

        def ended(_: Finished) -> None:
            done = advance()
            if not console.is_terminal and done * lines_max // total > (done - 1) * lines_max // total:
                console.print(f"{done} of {total} runs", highlight=False)

        yield world, quiet, ended


async def run_in(
    shown: Shown,
    runs: Sequence[PlannedRun],
    *sinks: Sink,
    begin: Callable[[], None] | None = None,
    at_once: int | None = None,
) -> list[Finished]:
    """The finished runs of a plan; `begin` is called once the world is open, which it is until they have ended."""
    opened, on_progress, ended = shown
    async with opened as world:
        if begin is not None:
            begin()
        return await experiment(runs, world, [*sinks, ended], on_progress, at_once)


def measured(runs: Sequence[PlannedRun], folder: Path, command: str) -> list[Finished]:
    """The runs as real processes, one after another; their plan, records and figures are kept in the folder."""
    keep_plan(folder, runs)
    so_far: list[RunSummary] = []

    def keep(one: Finished) -> None:
        so_far.append(one.summary)
        keep_figures(folder, so_far)

    with real("native", lambda _: folder, command) as shown:
        finished: list[Finished] = guarded(run_in(shown, runs, keep))
    return finished


def simulated(runs: Sequence[PlannedRun]) -> dict[str, list[RunSummary]]:
    """The summaries of runs in virtual time, by strategy."""
    with virtual(len(runs)) as shown:
        return by_strategy([one.summary for one in guarded(run_in(shown, runs))])


def show_table(folder: Path, contents: Report, found: Discovered, wide: bool = False) -> None:
    """Prints the comparison; a closed terminal, or a table that cannot be drawn, is no error: the files are there."""
    try:
        print_table(console, contents, found.baseline, wide)
        if (folder / "report.html").exists():
            console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
    except Exception as error:
        say(for_console_markup(f"The table could not be shown: {error!r}. The figures are in {folder}"))


def conduct(
    workload: Scenario,
    runs: Sequence[PlannedRun],
    found: Discovered,
    world: str,
    seed: int,
    results: Path,
    *,
    workers: int | None = None,
    raw: bool = False,
    at_once: int | None = None,
    show: Show = show_table,
    begun: Callable[[Path], None] | None = None,
) -> list[Finished]:
    """The finished runs of a plan, in the order of the report; whatever ends it, their figures are on disk.

    `begun` gets the folder once that has its plan, before the first run. `workers` and `raw` (which keeps every answer
    and read) matter in virtual time alone.
    """
    is_virtual = world == "virtual"
    about = this_run(seed, is_virtual) | (VIRTUAL if is_virtual else {})
    folder = Path()  # made once the world is open
    finished: list[Finished] = []
    kept_s = time.monotonic()

    def keep(one: Finished) -> None:
        nonlocal kept_s
        finished.append(one)
        finished.sort(key=lambda one: one.run.place(found))
        if not is_virtual or time.monotonic() - kept_s > KEEP_EVERY_S:
            try:
                keep_figures(folder, [one.summary for one in finished])
            except OSError as error:  # the runs go on, and the report tries again
                warn([f"{folder / SUMMARY} could not be written: {error.strerror or error}"])
            kept_s = time.monotonic()

    def begin() -> None:
        nonlocal folder
        folder = run_folder(results, workload.name, about, workload)
        keep_plan(folder, runs)
        if begun is not None:
            begun(folder)

    def records(_: PlannedRun) -> Path:
        return folder

    simulated = virtual(len(runs), workers, records if raw else None)
    try:
        with simulated if is_virtual else real(world, records, about["command"]) as shown:
            guarded(run_in(shown, runs, keep, begin=begin, at_once=at_once))
    finally:
        missing = not_run(runs, [one.run for one in finished])
        if missing and folder != Path():
            kept = ", ".join(one.run.label for one in finished) or "no strategy"
            say(f"[yellow]The run ended early.[/] Kept: figures of {kept}; records in {named(folder)}")
        if finished:
            report(folder, finished, workload, about, found, missing, show=show)
    return finished


def all_valid(rows: Sequence[RunSummary]) -> bool:
    """Whether every run is a result.

    A reference need not be one: without a cache the load may be more than the origin can take.
    """
    return all(row.valid or row.is_reference for row in rows)


def report(
    folder: Path,
    finished: Sequence[Finished],
    workload: Scenario,
    about: Mapping[str, Any],
    found: Discovered,
    missing: Sequence[str] = (),
    is_new: bool = True,
    show: Show = show_table,
) -> None:
    """Keeps the figures, writes the reports and shows them.

    Raises OSError where the figures cannot be kept, after the terminal has shown them.
    """
    try:
        contents = write_results(folder, finished, workload, about, found, missing, is_new)
    except OSError:
        show(folder, Report(medians([one.summary for one in finished]), missing=missing), found)
        raise
    show(folder, contents, found)
    tell_file(folder / SUMMARY)
