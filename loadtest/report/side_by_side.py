"""Several runs side by side: what differs between them, all their strategies, and how each differs from the first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from string import ascii_uppercase
from typing import Any, TypeVar

from loadtest.figures.repeats import Medians, medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report import comparison as pairs
from loadtest.report.answer.sentence import Sentence
from loadtest.report.cells import NONE
from loadtest.report.columns import FIRST_COLUMNS, STEADY_COLUMNS, Comparison, comparison, legend
from loadtest.report.contents import circumstances
from loadtest.report.markdown_table import markdown_table
from loadtest.report.marks import explained, marked
from loadtest.report.notes import notes
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.stats.compare_runs import Compared, compare, flat
from loadtest.stats.saved_run import BadRun, SavedRun

COLUMNS_OF_SEVERAL = [one for one in STEADY_COLUMNS if "{baseline}" not in one.heading]
"""The columns of several runs: none is about one baseline, because each run has its own."""
RUNS_MAX = len(ascii_uppercase)
"""The most runs in one page: each has a letter."""
BY = " · "
"""The sign between a strategy's name and the letter of its run."""
Row = TypeVar("Row", bound=RunSummary)
_SAID_OF_A_RUN = ("commit", "started_at", "command", "world", "machine", "redis")
"""The facts of an environment that a reader tells runs apart by; other differences of it change no figure."""


@dataclass(frozen=True, slots=True)
class LetteredRun:
    """A run in the page, by its letter."""

    letter: str
    saved: SavedRun
    repeats: Sequence[RunSummary]
    rows: Sequence[Medians]
    answer: Sequence[Sentence]

    def lettered(self, row: Row) -> Row:
        """The row, with this run's letter behind the strategy's name."""
        return replace(row, strategy=f"{marked(row.strategy)}{BY}{self.letter}")

    @property
    def title(self) -> str:
        return str(self.saved.scenario.get("title", self.saved.name))

    @property
    def facts(self) -> dict[str, str]:
        """The surroundings and the scenario of the run, as text by name."""
        about = {name: self.saved.environment.get(name, "") for name in _SAID_OF_A_RUN}
        # only virtual time states its world in the environment
        about["world"] = about["world"] or " and ".join(sorted({row.world for row in self.repeats}))
        scenario = {name: value for name, value in self.saved.scenario.items() if name not in {"gates", "source"}}
        return dict(circumstances(about)) | {name: str(value) for name, value in flat(scenario).items()}


@dataclass(frozen=True, slots=True)
class SideBySide:
    """Runs side by side, the first one being what the others are compared with."""

    runs: Sequence[LetteredRun]
    compared: Sequence[tuple[LetteredRun, Compared | str]]
    """Each later run beside the first; a text where nothing can be compared."""

    @property
    def lines(self) -> list[Medians]:
        """The strategies of all runs, those of one name together, each with its run's letter behind its name."""
        names = dict.fromkeys(row.strategy for run in self.runs for row in run.rows)
        return [run.lettered(row) for name in names for run in self.runs for row in run.rows if row.strategy == name]

    @property
    def repeats(self) -> list[RunSummary]:
        """Every repeat of every run, by the names of `lines`."""
        return [run.lettered(row) for run in self.runs for row in run.repeats]

    @property
    def shown(self) -> Comparison:
        return comparison(self.lines, None, columns=COLUMNS_OF_SEVERAL)

    @property
    def first(self) -> Comparison:
        return comparison(self.lines, None, columns=FIRST_COLUMNS)

    @property
    def differences(self) -> list[list[str]]:
        """The facts that are not the same in all runs, a line each, with the value in each run."""
        facts = [run.facts for run in self.runs]
        names = dict.fromkeys(name for one in facts for name in one)
        told = {name: [one.get(name, NONE) for one in facts] for name in names}
        return [[name, *values] for name, values in told.items() if len(set(values)) > 1]

    @property
    def headings(self) -> list[str]:
        return ["", *(run.letter for run in self.runs)]

    @property
    def notes(self) -> list[str]:
        return [*explained(row.strategy for run in self.runs for row in run.rows), *notes(self.lines)]

    def as_dict(self) -> dict[str, Any]:
        """The page as JSON can hold it."""
        return {
            "runs": [
                {
                    "letter": run.letter, "run": run.saved.name, "title": run.title,
                    "answer": [one.as_dict() for one in run.answer], "medians": [row.as_dict() for row in run.rows],
                }
                for run in self.runs
            ],
            "differences": {name: values for name, *values in self.differences},
            "compared": {
                run.letter: {"why_not": one} if isinstance(one, str) else one.as_dict() for run, one in self.compared
            },
        }  # fmt: skip


def side_by_side(
    runs: Sequence[tuple[SavedRun, Sequence[RunSummary], Sequence[Sentence]]],
) -> SideBySide:
    """The runs, each with its summaries and its answer, by letters in that order. Raises `BadRun` for too many."""
    if len(runs) > RUNS_MAX:
        raise BadRun(f"{len(runs)} runs are more than {RUNS_MAX} in one page")
    lettered = [
        LetteredRun(letter, saved, repeats, medians(repeats), answer)
        for letter, (saved, repeats, answer) in zip(ascii_uppercase, runs, strict=False)
    ]
    first, *later = lettered
    return SideBySide(lettered, [(one, _beside(first, one)) for one in later])


def summaries(run: SavedRun) -> list[RunSummary]:
    """The rows of a run as summaries. Raises `BadRun` where they are of a lab with other figures."""
    known = [{name: value for name, value in row.items() if name != "predicted"} for row in run.rows]
    try:
        return [RunSummary.of(row) for row in known]
    except TypeError as error:
        raise BadRun(f"{run.name}/summary.json: is of a lab with other figures: run it again ({error})") from None


def _beside(first: LetteredRun, other: LetteredRun) -> Compared | str:
    try:
        return compare(first.saved, other.saved, letters=(first.letter, other.letter))
    except BadRun as error:
        return str(error)


def markdown(page: SideBySide) -> str:
    """The page as report.md."""
    return "\n".join([*_markdown_lines(page), ""])


def _markdown_lines(page: SideBySide) -> Iterator[str]:
    yield from (f"## {len(page.runs)} runs side by side", "")
    for run in page.runs:
        yield f"**{run.letter}** {for_markdown(run.title)} ({for_markdown_code(run.saved.name)})"
        yield from ("", *(line for one in run.answer for line in (for_markdown(one.text), "")))
    if page.differences:
        yield from ("### What differs", "", *markdown_table(page.headings, page.differences, for_markdown), "")
    shown = page.shown
    yield from ("### All strategies", "", *markdown_table(shown.headings, shown.lines, for_markdown, numbers=True), "")
    for run, one in page.compared:
        yield from (f"### {run.letter} beside A", "")
        if isinstance(one, str):
            yield from (for_markdown(one), "")
            continue
        yield from (f"**{one.conclusion}**", "", *(f"- {for_markdown(warning)}" for warning in one.warnings), "")
        yield from (*markdown_table(pairs.headings(one), list(map(pairs.cells, one.findings)), for_markdown), "")
        yield from (for_markdown(one.legend), "")
    yield from (f"- {for_markdown(note)}" for note in page.notes)
    yield from ("", for_markdown(legend(shown.columns)))
