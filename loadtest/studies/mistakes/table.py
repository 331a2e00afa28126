"""The table of mistakes: one line and one figure each, beside the right twin and the baseline."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from app.strategy_groups import MARK, MARKED
from loadtest.figures.run_summary import RunSummary
from loadtest.report.cells import NONE
from loadtest.report.markdown_table import markdown_table
from loadtest.report.marks import marked
from loadtest.report.quoting import for_markdown
from loadtest.report.workload_in_words import sentence
from loadtest.stats.gates import GateResult, judge_gates
from loadtest.stats.rows import figure
from loadtest.stats.saved_run import SavedRun
from loadtest.stats.sentences import show
from loadtest.studies.mistakes.demonstration import Demonstration
from loadtest.workload.schema import SCHEMA

BLOCK = "mistakes"
"""The markers in a page between which the table stands."""


@dataclass(frozen=True, slots=True)
class ShownMistake:
    """A demonstration that was run, with the outcome of its gates."""

    demonstration: Demonstration
    rows: Mapping[str, RunSummary]
    """The figures by the name of the row."""
    gates: Sequence[GateResult]
    command: str

    @property
    def is_shown(self) -> bool:
        return all(one.passed for one in self.gates)

    def value(self, name: str | None) -> str:
        """The figure of a row as text; a dash where there is none."""
        row = self.rows.get(name or "")
        value = None if row is None else figure(row.as_dict(), self.demonstration.figure)
        return NONE if value is None else show(self.demonstration.figure, value)


def judge(demonstration: Demonstration, rows: Sequence[RunSummary], command: str) -> ShownMistake:
    """The outcome of a demonstration. Raises `BadGate` for a figure or a row that there is not."""
    run = SavedRun(demonstration.scenario.name, [row.as_dict() for row in rows])
    gates = judge_gates(demonstration.gates, run)
    return ShownMistake(demonstration, {row.strategy: row for row in rows}, gates, command)


@dataclass(frozen=True, slots=True)
class MistakesTable:
    """All mistakes that were asked for, in one table."""

    shown: Sequence[ShownMistake]
    baseline: str
    seed: int

    @property
    def headings(self) -> tuple[str, ...]:
        return (f"{MARK} {MARKED}", "figure", "wrong", "right", "right twin", self.baseline, "shown")

    def cells(self, one: ShownMistake) -> list[str]:
        strategy, scenario = one.demonstration.strategy, one.demonstration.scenario
        return [
            marked(strategy.name), scenario.title, one.value(strategy.name), one.value(strategy.right_twin),
            strategy.right_twin, one.value(self.baseline), "yes" if one.is_shown else "NO",
        ]  # fmt: skip

    @property
    def said(self) -> str:
        """The sentence that sums it up."""
        count = sum(one.is_shown for one in self.shown)
        return f"{count} of {len(self.shown)} mistakes are shown, in virtual time, seed {self.seed}."


def as_markdown(table: MistakesTable) -> str:
    """The table, and under it what each mistake is, the workload, the bounds that show it, and the command."""
    lines = [[*map(for_markdown, table.cells(one))] for one in table.shown]
    text = [*markdown_table(table.headings, lines, str), "", for_markdown(table.said), ""]
    for one in table.shown:
        demonstration = one.demonstration
        idea = (demonstration.strategy.__doc__ or "").strip().splitlines()[0]
        text += [
            f"### {marked(demonstration.name)}", "",
            for_markdown(idea), "",
            for_markdown(sentence(demonstration.scenario).partition(": ")[2]), "",
            *(f"- {for_markdown(gate.message)}" for gate in one.gates), "",
            f"`{one.command}`", "",
        ]  # fmt: skip
    return "\n".join(text)


def as_json(table: MistakesTable, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "about": about,
        "seed": table.seed,
        "mistakes": [
            {
                "name": one.demonstration.name,
                "right_twin": one.demonstration.strategy.right_twin,
                "figure": one.demonstration.figure,
                "shown": one.is_shown,
                "gates": [{"gate": str(gate.gate), "outcome": gate.outcome, "is": gate.text} for gate in one.gates],
                "command": one.command,
                "rows": {name: row.as_dict() for name, row in one.rows.items()},
            }
            for one in table.shown
        ],
    }
