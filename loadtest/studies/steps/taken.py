"""A step that was taken: its figures beside those of the step before, and what they say."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median
from typing import NamedTuple

from app.strategy import Status
from loadtest.figures.run_summary import RunSummary
from loadtest.report.cells import ASSUMED, NONE, digits, whole
from loadtest.studies.steps.plan import StatedStep

SURE_REPEATS_MIN = 5
"""The fewest repeats that may say a difference: all of them on one side is a chance of 1 in 32."""


class Carried(NamedTuple):
    """A figure that is carried through the steps; the less of it the better."""

    name: str
    of: Callable[[RunSummary], float | None]
    form: Callable[[float], str]
    field: str = ""
    """The field of a summary, where it is one that virtual time may only assume."""


def _share_stale(row: RunSummary) -> float | None:
    return 100 * row.statuses.get(Status.STALE, 0) / row.requests if row.requests else None


READS = Carried("origin reads", lambda row: row.origin_reads, whole)
CARRIED = (
    READS,
    Carried("peak second", lambda row: row.steady_peak_1s, whole),
    Carried("largest herd", lambda row: max((one["max"] for one in row.stampedes.values()), default=None), whole),
    Carried("p99 ms", lambda row: row.p99_ms, digits, "p99_ms"),
    Carried("stale %", _share_stale, lambda value: f"{value:.1f}"),
    Carried("errors", lambda row: row.errors, whole),
)


@dataclass(frozen=True, slots=True)
class TakenStep:
    """A step with its runs, by repeat, beside those of the step that it is compared with."""

    step: StatedStep
    rows: Sequence[RunSummary]
    before: Sequence[RunSummary] = ()
    """The runs of the step before with the same seeds; none for the first step."""

    @property
    def is_result(self) -> bool:
        return bool(self.rows) and all(row.valid for row in (*self.rows, *self.before))

    def value(self, figure: Carried) -> float | None:
        """The median over the repeats; None where there is none."""
        return middle(self.rows, figure)

    def value_before(self, figure: Carried) -> float | None:
        return middle(self.before, figure)

    def cell(self, figure: Carried) -> str:
        """The figure, and what it was before."""
        now = shown(self.rows, figure)
        return f"{now}, before was {shown(self.before, figure)}" if self.before else now

    @property
    def worse(self) -> list[str]:
        """The figures that are larger than before in every repeat; none where the repeats are too few to say so."""
        return self._changed(1)

    @property
    def better(self) -> list[str]:
        """The figures that are smaller than before in every repeat; none where the repeats are too few to say so."""
        return self._changed(-1)

    def _changed(self, sign: int) -> list[str]:
        pairs = list(zip(self.rows, self.before, strict=False))
        if len(pairs) < SURE_REPEATS_MIN:
            return []
        return [one.name for one in CARRIED if all(_sign(one, *pair) == sign for pair in pairs)]


def _sign(figure: Carried, now: RunSummary, before: RunSummary) -> int:
    """1 where a figure is larger than before, -1 where it is smaller, 0 where it is missing or is shown as the same."""
    value, was = figure.of(now), figure.of(before)
    if value is None or was is None or figure.form(value) == figure.form(was):
        return 0
    return 1 if value > was else -1


def middle(rows: Sequence[RunSummary], figure: Carried) -> float | None:
    values = [value for row in rows if (value := figure.of(row)) is not None]
    return median(values) if values else None


def shown(rows: Sequence[RunSummary], figure: Carried) -> str:
    """The median of a figure as text, marked where virtual time assumes it."""
    if (value := middle(rows, figure)) is None:
        return NONE
    is_assumed = any(figure.field in row.assumed for row in rows)
    return f"{ASSUMED if is_assumed else ''}{figure.form(value)}"
