"""`lab report A B …`: several runs in one page."""

from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from loadtest.cli.document import keep_and_tell
from loadtest.cli.inputs import discovered
from loadtest.cli.running import run_folder, this_run
from loadtest.cli.terminal import console, fail, named, warn
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.whole_file import write_whole
from loadtest.report.answer.answer import answer
from loadtest.report.answer.sentence import Sentence
from loadtest.report.contents import Report
from loadtest.report.quoting import for_terminal
from loadtest.report.run_again import command
from loadtest.report.side_by_side import SideBySide, markdown, side_by_side, summaries
from loadtest.report.side_by_side_html import side_by_side_html
from loadtest.report.terminal import print_table
from loadtest.stats.saved_run import BadRun, SavedRun, find_run
from loadtest.workload.scenario import BadScenario, read_scenario


def report_several(names: Sequence[str], results: Path) -> None:
    """Writes the page of these runs into a folder of its own, and shows it on the terminal; exit 2 for bad names."""
    found = discovered(references=True)
    try:
        runs = [_only(*find_run(name, results)) for name in names]
        page = side_by_side([_told(run, found.baseline) for run in runs])
    except BadRun as error:
        fail(error)
    about = {name: value for name, value in this_run(0, is_virtual=True).items() if name != "seed"}
    folder = run_folder(results, "side-by-side", about)
    keep_and_tell(folder / "side-by-side.json", page.as_dict())
    write_whole(folder / "report.md", markdown(page))
    write_whole(folder / "report.html", side_by_side_html(page, list(found.strategies), folder))
    _show(page, folder)


def _only(run: SavedRun, strategy: str | None) -> SavedRun:
    """The run with the rows of one strategy, where one is named."""
    rows = [row for row in run.rows if strategy in (None, row["strategy"])]
    return SavedRun(run.name, rows, run.environment, run.scenario)


def _told(run: SavedRun, baseline: str | None) -> tuple[SavedRun, Sequence[RunSummary], Sequence[Sentence]]:
    """The run with its summaries and its answer, which is empty where its scenario is none of this lab's.

    Raises `BadRun`.
    """
    rows = summaries(run)
    folder = Path(run.name)
    try:
        scenario = read_scenario(str(folder / "scenario.json"))
        return run, rows, answer(rows, scenario, baseline, command(run.environment, folder.absolute()))
    except (OSError, BadScenario):
        return run, rows, []


def _show(page: SideBySide, folder: Path) -> None:
    for run in page.runs:
        console.print(for_terminal(f"{run.letter}: {run.title} ({run.saved.name})"), soft_wrap=True)
    for name, *values in page.differences:
        console.print(for_terminal(f"   {name}: {' | '.join(values)}", "dim"), soft_wrap=True)
    print_table(console, Report(page.lines), None)
    for run, one in page.compared:
        said = one if isinstance(one, str) else one.conclusion
        console.print(Text(f"{run.letter} beside A: {said}", "bold"))
        warn(() if isinstance(one, str) else one.warnings)
    console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
