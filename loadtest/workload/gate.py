"""A bound that a run has to keep, as text: `one.origin_peak_1s <= 10`, `one.p99_ms / other.p99_ms <= 0.3`.

`each` stands for every strategy of the run, and `healthy` for the same one without the scenario's faults.
"""

import math
import re
from dataclasses import dataclass

_TERM = r"(\w[\w-]*)\.(\w+(?:\.\w+)*)"
_GATE = re.compile(rf"\s*{_TERM}\s*(?:/\s*{_TERM}\s*)?(<=|>=|<|>)\s*([-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?)\s*", re.ASCII)
EACH = "each"
"""The word for every strategy of a run: `each.errors <= 0` is a gate of each of them."""
HEALTHY = "healthy"
"""The word for the same strategy in the same scenario without its faults, which only a drill runs."""
WORST_COUNTS = frozenset({
    "errors", "wrong_answers", "origin_failed", "origin_shed", "statuses.error", "statuses.shed", "failed_during",
    "gave_up",
})  # fmt: skip
"""Figures that are shown and judged by their worst repeat, because one wrong answer in five repeats is a wrong answer.

Kinds of wrong answers (`wrong_answer_kinds`) are too; all other figures are judged by their median.
"""


def is_worst_count(figure: str) -> bool:
    """Whether a figure counts what must not happen, so that its worst repeat decides."""
    return figure in WORST_COUNTS or figure.startswith("wrong_answer_kinds.")


class BadGate(ValueError):
    """A text that is no gate; the message quotes it and says what would do."""


@dataclass(frozen=True, slots=True)
class Term:
    """One figure of one strategy, as a gate names it."""

    strategy: str
    figure: str

    def __str__(self) -> str:
        return f"{self.strategy}.{self.figure}"

    @property
    def by(self) -> str:
        return "maximum" if is_worst_count(self.figure) else "median"


@dataclass(frozen=True, slots=True)
class Gate:
    """A figure of one strategy, or its ratio to another's in the same run, against a bound."""

    term: Term
    to: Term | None
    operator: str
    bound: float

    def __str__(self) -> str:
        return f"{self.name} {self.operator} {self.bound:.10g}"

    @property
    def name(self) -> str:
        return f"{self.term} / {self.to}" if self.to else str(self.term)

    @property
    def terms(self) -> tuple[Term, ...]:
        return (self.term, self.to) if self.to else (self.term,)

    @property
    def is_of_each(self) -> bool:
        """Whether it is a gate of every strategy of a run."""
        return any(term.strategy == EACH for term in self.terms)

    @property
    def needs_healthy(self) -> bool:
        """Whether it compares with a run without faults."""
        return any(term.strategy == HEALTHY for term in self.terms)

    def of(self, strategy: str, healthy: str = HEALTHY) -> "Gate":
        """The gate of one strategy, and with the name that its run without faults has."""
        names = {EACH: strategy, HEALTHY: healthy}
        term, to = (one and Term(names.get(one.strategy, one.strategy), one.figure) for one in (self.term, self.to))
        assert term is not None
        return Gate(term, to, self.operator, self.bound)

    @property
    def warning(self) -> str:
        """The reason why its outcome may be the machine's; empty where it is not."""
        if self.to is None and self.term.figure.endswith("_ms"):
            return f"{self}: latency is another on every machine; gate a ratio to another strategy of the same run"
        return ""


def several(text: str) -> list[str]:
    """The gates in a text that separates them by spaces; spaces around an operator belong to it."""
    return re.sub(r"\s*(<=|>=|<|>|/)\s*", r"\1", text).split() or [text]


def parse_gate(text: str) -> Gate:
    """The gate in `<strategy>.<figure> <= <number>`, or in one of a ratio of two figures. Raises `BadGate`."""
    match = _GATE.fullmatch(text)
    if match is None:
        raise BadGate(
            f"{text!r} is no gate: write <strategy>.<figure> <= <number> or "
            "<strategy>.<figure> / <strategy>.<figure> <= <number>, with <=, >=, < or >"
        )
    strategy, figure, to_strategy, to_figure, sign, bound = match.groups()
    if not math.isfinite(float(bound)):
        raise BadGate(f"{text!r}: the bound must be a finite number")
    to = Term(to_strategy, to_figure) if to_strategy else None
    return Gate(Term(strategy, figure), to, sign, float(bound))
