"""The blocks of the docs that are made, each by the words of its marker.

A page states what it wants: a block between `<!-- measured: picture NAME -->` and its end, or a number between
`<!-- value: RUNS.STRATEGY.FIGURE -->` and `<!-- end -->`.
"""

import os
import re
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from app.discovery import Discovered
from loadtest.report.colours import colours
from loadtest.report.markdown_table import markdown_table
from loadtest.report.measured_block import NoMarkers, written
from loadtest.report.picture import Band, picture
from loadtest.studies.claims.published_experiment import PublishedExperiment
from loadtest.studies.pages import about_strategy
from loadtest.studies.pages.output import output
from loadtest.studies.pages.plan import BadPages, PagesPlan
from loadtest.studies.pages.records import Records, key_of
from loadtest.studies.pages.sweep_chart import SweptLine, sweep_chart
from loadtest.studies.pages.swept import lines_of, thresholds_of
from loadtest.studies.pages.taken import Taken, course_of
from loadtest.studies.pages.words import cell, heading, said, shown, value_of
from loadtest.workload.planned_run import PlannedRun

PICTURES = "pictures"
"""The folder of the pictures, in that of the docs."""
_BLOCK = re.compile(r"^<!-- measured: ((\w+) ([\w-]+)) -->$", re.MULTILINE)
_VALUE = re.compile(r"(<!-- value: ([\w ./*-]+?) -->)[^<]*(<!-- end -->)")
_AT_LINE = re.compile(r"^\s*<!-- value: ", re.MULTILINE)
_IN_CODE = re.compile(r"^```.*?^```$", re.MULTILINE | re.DOTALL)


class Made(NamedTuple):
    """A file of the docs as it should be."""

    path: Path
    text: str


class Blocks:
    """The maker of every block and picture from the records of runs."""

    def __init__(
        self, docs: Path, plan: PagesPlan, records: Records, found: Discovered, experiments: list[PublishedExperiment]
    ) -> None:
        self._docs, self._plan, self._records, self._found = docs, plan, records, found
        self._experiments = experiments
        self._lines: dict[str, list[SweptLine]] = {}
        self._taken = {
            (name, run.strategy): (records[key_of(run)], run) for name, of in plan.runs.items() for run in of.planned()
        }
        self._inks = colours(found.strategies, list(found.choosable))
        self._kinds: Mapping[str, Callable[[str, Path], list[str]]] = {
            "picture": self._picture,
            "figures": self._figures,
            "output": self._output,
            "sweep": self._sweep,
            "parameters": lambda name, _: about_strategy.parameters(found.choosable[name]),
            "claims": lambda name, page: about_strategy.claims(
                name, experiments, self._way(page, docs.parent / "CLAIMS.md")
            ),
            "libraries": lambda name, page: about_strategy.libraries(name, self._way(page, docs / "league.md")),
        }

    def made(self) -> Iterator[Made]:
        """Every picture, and every page that has a block. Raises `BadPages`."""
        for name in self._plan.pictures:
            yield Made(self._docs / PICTURES / f"{name}.svg", self._drawn(name))
        for name in self._plan.sweeps:
            yield Made(self._docs / PICTURES / f"sweep-{name}.svg", self._charted(name))
        for path in sorted(self._docs.rglob("*.md")):
            text = path.read_text(encoding="utf-8")
            if (now := self._page(path, text)) is not None:
                yield Made(path, now)

    def _page(self, path: Path, text: str) -> str | None:
        """The page with its blocks made again; None where it has none."""
        code = [match.span() for match in _IN_CODE.finditer(text)]
        is_ours = False
        for match in list(_BLOCK.finditer(text)):
            block, kind, name = match.groups()
            if kind not in self._kinds or any(begin <= match.start() < end for begin, end in code):
                continue
            is_ours = True
            try:
                lines = self._kinds[kind](name, path)
                text = written(text, block, "\n" + "\n".join(lines) + "\n\n")
            except KeyError as error:
                raise BadPages(f"{path}: measured: {block}: there is no {error}") from None
            except NoMarkers as error:
                raise BadPages(f"{path}: {error}") from None
        if _AT_LINE.search(text):
            raise BadPages(f"{path}: a number begins a line, which would end the paragraph: put a word before it")
        if "<!-- value: " in text:
            is_ours = True
            try:
                text = _VALUE.sub(lambda match: f"{match[1]}{self._value(match[2])}{match[3]}", text)
            except (KeyError, ValueError) as error:
                raise BadPages(f"{path}: value: {error}") from None
        return text if is_ours else None

    def _way(self, page: Path, to: Path) -> str:
        return os.path.relpath(to, page.parent)

    def _run(self, runs: str, strategy: str) -> tuple[Taken, PlannedRun]:
        return self._taken[runs, strategy]

    def _swept(self, name: str) -> list[SweptLine]:
        if name not in self._lines:
            self._lines[name] = lines_of(self._plan.sweeps[name], self._records, self._found)
        return self._lines[name]

    def _drawn(self, name: str) -> str:
        wanted = self._plan.pictures[name]
        of = self._plan.runs[wanted.runs]
        trigger = of.workload.trigger
        courses = []
        for strategy in wanted.strategies or of.strategies:
            taken, run = self._run(wanted.runs, strategy)
            courses.append(
                course_of(taken, said(taken, wanted.said, run, self._found), "steady_peak_1s" in wanted.said)
            )
        bands = [] if trigger is None else [Band("trigger", *trigger)]
        return picture(wanted.title, courses, self._inks, wanted.panels, wanted.from_s, wanted.to_s, bands)

    def _picture(self, name: str, page: Path) -> list[str]:
        wanted = self._plan.pictures[name]
        way = self._way(page, self._docs / PICTURES / f"{name}.svg")
        return [
            f"![{wanted.title}]({way})",
            "",
            f"*{wanted.title}.* `{self._plan.runs[wanted.runs].command(wanted.strategies)}`",
        ]

    def _figures(self, name: str, page: Path) -> list[str]:
        wanted = self._plan.tables[name]
        of = self._plan.runs[wanted.runs]
        lines = []
        for strategy in wanted.strategies or of.strategies:
            taken, run = self._run(wanted.runs, strategy)
            label = f"[{strategy}]({strategy}.md)" if wanted.links else strategy
            lines.append([label, *(cell(taken, figure, run, self._found) for figure in wanted.figures)])
        table = markdown_table(("strategy", *map(heading, wanted.figures)), lines, numbers=True)
        return [*table, "", f"`{of.command(wanted.strategies)}`, in virtual time."]

    def _output(self, name: str, page: Path) -> list[str]:
        of = self._plan.runs[name]
        rows = [self._run(name, strategy)[0].summary for strategy in of.strategies]
        return ["```console", f"$ {of.command()}", *output(rows, of.workload, self._found), "```"]

    def _charted(self, name: str) -> str:
        sweep = self._plan.sweeps[name]
        lines = self._swept(name)
        marks = [one.at for one in thresholds_of(sweep, lines).values()]
        return sweep_chart(sweep.title, (sweep.x, sweep.y), lines, self._inks, sweep.is_log, marks)

    def _sweep(self, name: str, page: Path) -> list[str]:
        sweep = self._plan.sweeps[name]
        way = self._way(page, self._docs / PICTURES / f"sweep-{name}.svg")
        return [f"![{sweep.title}]({way})", "", f"*{sweep.title}.* `{sweep.command}`"]

    def _value(self, words: str) -> str:
        """The number in a sentence: a figure, a threshold (`SWEEP.NAME * 0.2`), or a ratio of two figures."""
        over, _, under = (part.strip() for part in words.partition(" / "))
        if not under:
            return self._said(over)
        above, below = self._number(over), self._number(under)
        ratio = above / below
        return f"{ratio:,.0f}" if ratio >= 10 else f"{ratio:.2g}"

    def _said(self, words: str) -> str:
        runs, _, rest = words.partition(".")
        if runs not in self._plan.sweeps:
            return shown(rest.partition(".")[2], self._number(words))
        sweep = self._plan.sweeps[runs]
        name, _, factor = (part.strip() for part in rest.partition("*"))
        at = thresholds_of(sweep, self._swept(runs))[name].at * float(factor or 1)
        return f"{at:,.2g}" if at < 100 else f"{at:,.0f}"

    def _number(self, words: str) -> float:
        runs, strategy, figure = words.split(".", 2)
        taken, run = self._run(runs, strategy)
        value = value_of(taken, figure, run, self._found)
        if value is None:
            raise ValueError(f"{words} has no value")
        return value
