"""The table of drills: fault by strategy, what must hold, what was observed, and the verdict."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.report.junit import JunitCase, junit
from loadtest.report.markdown_table import markdown_table
from loadtest.report.marks import marked
from loadtest.report.quoting import for_markdown
from loadtest.stats.gates import GateResult
from loadtest.stats.sentences import show
from loadtest.studies.drills.shown_elsewhere import SHOWN_ELSEWHERE
from loadtest.studies.drills.verdict import COST_TIMES_MAX, Cost, DrillVerdict, Judged
from loadtest.workload.schema import SCHEMA

HEADINGS = ("#", "fault", "strategy", "must hold", "observed", "verdict")
COST_HEADINGS = ("CPU", "memory", "log")
MARKS = {
    DrillVerdict.HELD: "✅", DrillVerdict.FAILED: "✅", DrillVerdict.BROKEN: "❌", DrillVerdict.TOO_EASY: "❌",
    DrillVerdict.NOT_JUDGED: "⚠️", DrillVerdict.SHOWN: "·",
}  # fmt: skip
LEGEND = (
    "Observed: the figure of every gate, with its bound where it is not kept. CPU, memory, log: what the pods took, in "
    "multiples of the same run without the fault (log: bytes for each request); a ceiling of 3 times holds, and 2 "
    "bytes of log are free. Fails, as it must: a negative control without nets, which shows that the drill is hard."
)


@dataclass(frozen=True, slots=True)
class DrillResults:
    """The lines of all drills that were asked for, in one world."""

    world: str
    lines: Sequence[Judged]

    @property
    def is_real(self) -> bool:
        return any(one.costs for one in self.lines)

    @property
    def headings(self) -> list[str]:
        return [*HEADINGS[:-1], *(COST_HEADINGS if self.is_real else ()), HEADINGS[-1]]

    def cells(self, one: Judged) -> list[str]:
        scenario = one.subject.scenario
        assert scenario.drill is not None
        costs = {cost.name: _times(cost) for cost in one.costs}
        told = [costs.get(name, "–") for name in ("service_us", "memory_peak_mb", "log_bytes_per_request")]
        name = f"{marked(one.subject.strategy)} {one.subject.nets}".rstrip()
        return [
            str(scenario.drill.number), scenario.name, name, scenario.drill.must_hold, observed(one),
            *(told if self.is_real else ()), str(one.verdict),
        ]  # fmt: skip

    @property
    def said(self) -> str:
        """The sentence that sums it up."""
        counts = {verdict: sum(one.verdict is verdict for one in self.lines) for verdict in DrillVerdict}
        told = [f"{count} {verdict}" for verdict, count in counts.items() if count]
        return f"{len(self.lines)} lines in {self.world}: {'; '.join(told)}."


def observed(one: Judged) -> str:
    """The figures of the gates in a cell, or why there are none."""
    if one.verdict is DrillVerdict.NOT_JUDGED:
        return one.why
    return "; ".join(map(_figure, one.gates))


def _figure(one: GateResult) -> str:
    name = one.gate.term.figure.removeprefix("under_trigger.")
    value = f"{one.value:.3g} times healthy" if one.gate.to else show(name, one.value)
    return f"{name} {value}" + ("" if one.passed else f", not {one.gate.operator} {one.gate.bound:.10g}")


def _times(cost: Cost) -> str:
    if cost.free:
        return f"{cost.value:.2g} B" + ("" if cost.is_kept else f", above {cost.ceiling:.2g}")
    text = f"{cost.value / cost.healthy:.2g}x" if cost.healthy else "–"
    return text if cost.is_kept else f"{text}, above {COST_TIMES_MAX:g}x"


def elsewhere() -> list[list[str]]:
    """The lines of faults without a drill: number, fault, what must hold, and the tests that show it, or why none."""
    return [
        [str(one.number), one.fault, one.must_hold, "; ".join(one.tests) or f"not judged: {one.why}"]
        for one in SHOWN_ELSEWHERE
    ]


def as_markdown(table: DrillResults, about: Mapping[str, Any]) -> str:
    lines = []
    for one in table.lines:
        *cells, verdict = table.cells(one)
        lines.append([*map(for_markdown, cells), f"{MARKS[one.verdict]} {verdict}"])
    text = [
        f"### Drills: {for_markdown(table.said)}", "",
        f"Commit {for_markdown(str(about.get('commit', 'unknown')))}, seed {about.get('seed')}.", "",
        *markdown_table(table.headings, lines), "", LEGEND, "",
        "Faults that tests show instead:", "",
        *markdown_table(
            ("#", "fault", "must hold", "shown by"), [[*map(for_markdown, line)] for line in elsewhere()]
        ), "",
    ]  # fmt: skip
    return "\n".join(text)


def as_json(table: DrillResults, about: Mapping[str, Any]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "world": table.world,
        "about": about,
        "lines": [_line(one) for one in table.lines],
        "elsewhere": [one._asdict() for one in SHOWN_ELSEWHERE],
    }


def _line(one: Judged) -> dict[str, Any]:
    scenario = one.subject.scenario
    assert scenario.drill is not None
    return {
        "number": scenario.drill.number,
        "drill": scenario.name,
        "strategy": one.subject.strategy,
        "nets": one.subject.nets,
        "must_fail": one.subject.must_fail,
        "must_hold": scenario.drill.must_hold,
        "verdict": one.verdict,
        "why": one.why,
        "gates": [{"gate": str(gate.gate), "outcome": gate.outcome, "observed": gate.text} for gate in one.gates],
        "costs": [cost._asdict() | {"ceiling": cost.ceiling, "is_kept": cost.is_kept} for cost in one.costs],
    }


def as_junit(table: DrillResults) -> str:
    """A test case per line: a verdict that is bad is a failure, a run that is no result an error."""
    cases = []
    for one in table.lines:
        kind = "failure" if one.verdict.is_bad else "error" if one.is_no_result else ""
        if one.verdict is DrillVerdict.NOT_JUDGED and not kind:
            kind = "skipped"
        name = f"{one.subject.scenario.name}: {one.subject.name}"
        cases.append(JunitCase(name, kind, f"{one.verdict}: {observed(one)}", observed(one)))
    return junit(cases, f"stampede-lab.drill.{table.world.replace(' ', '-')}")
