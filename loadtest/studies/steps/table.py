"""The table of steps: one number carried through, and what each step makes better or worse."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.figures.run_summary import RunSummary
from loadtest.report.markdown_table import markdown_table
from loadtest.report.quoting import for_markdown, for_markdown_code
from loadtest.report.workload_in_words import sentence
from loadtest.studies.steps.plan import StepByStep
from loadtest.studies.steps.taken import CARRIED, READS, SURE_REPEATS_MIN, TakenStep, shown
from loadtest.workload.schema import SCHEMA

HEADINGS = ("step", "what it adds", *(one.name for one in CARRIED), "worse than before", "command")
MEASURED_HEADINGS = ("step", "world", *(one.name for one in CARRIED))
LEGEND = (
    "Each figure is the median over {repeats} of virtual time, beside what it was at the step before. Peak second: the "
    "most reads in any sliding second, over all pods. Largest herd: the most loads at one expiry of one key. Worse: "
    "larger than before in each of these runs, whose requests come at the same moments. ~: a hit's latency, which "
    "virtual time takes from the scenario."
)


@dataclass(frozen=True, slots=True)
class Measured:
    """A step that real processes have taken: their figures, and those of virtual time after as long a warm-up."""

    step: str
    row: RunSummary
    simulated: RunSummary


@dataclass(frozen=True, slots=True)
class StepsTable:
    """Steps that were taken, in order, and those of them that were measured."""

    plan: StepByStep
    file: str
    """The name of the steps, as the command takes it."""
    lines: Sequence[TakenStep]
    measured: Sequence[Measured]
    seed: int

    @property
    def repeats(self) -> int:
        return max((len(one.rows) for one in self.lines), default=0)

    def cells(self, one: TakenStep) -> list[str]:
        figures = [one.cell(figure) for figure in CARRIED]
        return [one.step.name, one.step.says, *figures, ", ".join(one.worse) or "–", self.command(one)]

    def command(self, one: TakenStep) -> str:
        """The command that makes this line alone."""
        file = "" if self.file == DEFAULT else f" {self.file}"
        return f"lab steps{file} --only {one.step.name}"

    def measured_cells(self) -> list[list[str]]:
        """A line for each world of each step that was measured."""
        pairs = [(one.step, row) for one in self.measured for row in (one.simulated, one.row)]
        return [[name, row.world, *(shown([row], figure) for figure in CARRIED)] for name, row in pairs]

    @property
    def said(self) -> list[str]:
        """Sentences on the whole way, and on the steps that make something worse."""
        told = [_whole_way(self.lines)] if len(self.lines) == len(self.plan.steps) else []
        told += [f"{one.step.name} makes worse: {', '.join(one.worse)}." for one in self.lines if one.worse]
        if self.repeats < SURE_REPEATS_MIN:
            told.append(f"What is worse than before {SURE_REPEATS_MIN} repeats say, and here are {self.repeats}.")
        return told


DEFAULT = "layers"
"""The steps of a command that names none."""


def _whole_way(lines: Sequence[TakenStep]) -> str:
    parts = [f"{one.step.name} {shown(one.rows, READS)}" for one in lines]
    return f"Origin reads: {' → '.join(parts)}."


def as_markdown(table: StepsTable, about: Mapping[str, Any]) -> str:
    """The page: the workload, the table, what it says, what was measured, and how to make it again."""
    runs = "one run" if table.repeats == 1 else f"{table.repeats} runs"
    lines = [
        for_markdown(sentence(table.plan.scenario)), "",
        *markdown_table(HEADINGS, [_escaped(table.cells(one)) for one in table.lines]), "",
        LEGEND.format(repeats=runs), "",
        *(f"- {for_markdown(one)}" for one in table.said), "",
    ]  # fmt: skip
    if table.measured:
        machine = about.get("machine", {})
        lines += [
            f"Measured with real processes ({machine.get('cores')} cores, {for_markdown(str(machine.get('cpu')))}), "
            "beside virtual time with as long a pause between the warm-up and the load:", "",
            *markdown_table(MEASURED_HEADINGS, table.measured_cells(), for_markdown), "",
        ]  # fmt: skip
    return "\n".join(
        [*lines, f"{for_markdown_code(str(about['command']))} at commit {about['commit']}, seed {table.seed}."]
    )


def _escaped(cells: Sequence[str]) -> list[str]:
    *texts, command = cells
    return [*map(for_markdown, texts), for_markdown_code(command)]


def as_json(table: StepsTable, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "title": table.plan.title,
        "about": about,
        "steps": [_line(table, one) for one in table.lines],
        "measured": [
            {"step": one.step, "measured": one.row.as_dict(), "simulated": one.simulated.as_dict()}
            for one in table.measured
        ],
    }


def _line(table: StepsTable, one: TakenStep) -> dict[str, Any]:
    before = table.plan.before(one.step.name)
    return {
        "step": one.step.name,
        "says": one.step.says,
        "strategy": table.plan.strategy(one.step.name),
        "params": table.plan.workload(one.step.name).params,
        "before": before,
        "figures": {figure.name: one.value(figure) for figure in CARRIED},
        "before_was": {figure.name: one.value_before(figure) for figure in CARRIED} if before else None,
        "better": one.better,
        "worse": one.worse,
        "command": table.command(one),
        "summaries": [row.as_dict() for row in one.rows],
    }
