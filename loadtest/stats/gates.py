"""A run held to its gates."""

import math
import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from statistics import median
from typing import Any

from loadtest.figures.plain_text import quoted
from loadtest.figures.run_summary import NEVER
from loadtest.stats.rows import AnyRow, figure, figure_names, is_assumed, sample, why_invalid
from loadtest.stats.saved_run import SavedRun
from loadtest.stats.sentences import show
from loadtest.workload.gate import BadGate, Gate, Term, is_worst_count
from loadtest.workload.near_names import no_such

_OPERATORS: Mapping[str, Callable[[float, float], bool]] = {
    "<=": operator.le,
    ">=": operator.ge,
    "<": operator.lt,
    ">": operator.gt,
}


@dataclass(frozen=True, slots=True)
class GateResult:
    """The outcome of one gate: the value, and whether it keeps the bound."""

    gate: Gate
    value: float  # NaN where there is none
    text: str  # the value, and what it is of
    invalid: str = ""
    """The reason why the gate cannot be judged: the rows are no result, or have no such figure."""

    @property
    def passed(self) -> bool:
        return not self.invalid and _OPERATORS[self.gate.operator](self.value, self.gate.bound)

    @property
    def outcome(self) -> str:
        return "invalid" if self.invalid else "passed" if self.passed else "failed"

    @property
    def message(self) -> str:
        """The row, the value and the bound in a sentence."""
        if self.invalid:
            return f"{self.gate}: not judged: {self.invalid}"
        return f"{self.gate.name} is {self.text}; the bound is {self.gate.operator} {self.gate.bound:.10g}"

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON can hold it: without a value None, and `NEVER` for a time that did not end."""
        value = NEVER if math.isinf(self.value) else None if math.isnan(self.value) else self.value
        return {"gate": str(self.gate), "outcome": self.outcome, "value": value, "says": self.invalid or self.text}


def judge_gates(gates: Sequence[Gate], run: SavedRun) -> list[GateResult]:
    """The outcome of every gate. Raises `BadGate` for a strategy or figure that the run does not have."""
    for term in (term for gate in gates for term in gate.terms):
        if term.strategy not in run.strategies:
            raise BadGate(f"{term}: {run.no_strategy(term.strategy)}")
        names = figure_names(row for row in run.rows if row["strategy"] == term.strategy)
        if term.figure not in names:
            names_all = "summary.json and docs/reference/figures.md name all"
            raise BadGate(f"{term}: in {run.name} {no_such('figure', term.figure, names, names_all)}")
        own = [row for row in run.rows if row["strategy"] == term.strategy]
        if not all(_knows(row, term.figure) for row in own):
            raise BadGate(f"{term}: not every repeat in {run.name} has that figure")
    return [_judge(gate, run) for gate in gates]


def _knows(row: AnyRow, figure: str) -> bool:
    """True where the lab that made the row had such a figure, whatever its value."""
    return figure.partition(".")[0] in row


def _judge(gate: Gate, run: SavedRun) -> GateResult:
    judged = [_value(term, run) for term in gate.terms]
    value = judged[0][0]
    if gate.to is not None:
        base = judged[1][0]
        # a share of 0 is undefined: such a gate passes neither way
        value = value / base if base else math.nan
    text = " against ".join(text for _, text in judged)
    if gate.to is not None:
        text = f"{value:.3g}, from {text}" if not math.isnan(value) else f"no ratio, from {text}"
    why = [reason for reason in (_why_not(one, run) for one in gate.terms) if reason]
    return GateResult(gate, value, text, "; ".join(dict.fromkeys(why)))


def _why_not(term: Term, run: SavedRun) -> str:
    """The reason why a figure cannot be judged; empty where it can."""
    return _why_invalid(term, run) or _why_unknown(term, run) or _why_assumed(term, run)


def _value(term: Term, run: SavedRun) -> tuple[float, str]:
    values = sample(run.rows, term.strategy, term.figure)
    if values is None:
        return math.nan, f"{term}: no figure"
    value = max(values) if is_worst_count(term.figure) else median(values)
    shown = show(term.figure, value)
    if len(values) == 1:
        return value, shown
    each = ", ".join(show(term.figure, one) for one in values)
    return value, f"{shown} ({term.by} of {len(values)} repeats: {each})"


def _why_invalid(term: Term, run: SavedRun) -> str:
    for row in run.rows:
        if row["strategy"] == term.strategy and not row.get("valid", True):
            return quoted(f"{term.strategy}, repeat {row.get('repeat', 1)}, is no valid result: {why_invalid(row)}")
    return ""


def _why_unknown(term: Term, run: SavedRun) -> str:
    own = [row for row in run.rows if row["strategy"] == term.strategy]
    without = [str(row.get("repeat", 1)) for row in own if figure(row, term.figure) is None]
    if not without:
        return ""
    where = "" if len(own) == 1 else f" in repeat {', '.join(without)}"
    return f"no figure: {term} has no value{where}"


def _why_assumed(term: Term, run: SavedRun) -> str:
    if not is_assumed(run.rows, term.strategy, term.figure):
        return ""
    return f"{term} is a hit's latency, which virtual time assumes: state virtual.service_us"
