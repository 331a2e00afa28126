"""What published claims came to when they were run again."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from loadtest.claims.evidence import Evidence
from loadtest.claims.ledger import Claim, Experiment, Verdict


class Judged(NamedTuple):
    """What a claim came to. Where nothing was run, or nothing predicted, the value is None."""

    claim: Claim
    predicted: float | None
    simulated: float | None
    measured: float | None
    invalid: str = ""
    """Why a native run is no result."""

    @property
    def value(self) -> float | None:
        """What counts: what was measured, or else simulated."""
        return self.simulated if self.measured is None else self.measured

    @property
    def verdict(self) -> Verdict:
        return self._verdict_of(self.value)

    @property
    def worlds_differ(self) -> bool:
        """Whether the simulation would have said something else."""
        return self.simulated is not None and self._verdict_of(self.simulated) is not self.verdict

    @property
    def as_expected(self) -> bool:
        return self.verdict is self.claim.expected

    def _verdict_of(self, value: float | None) -> Verdict:
        if value is None:
            return Verdict.NOT_REPRODUCIBLE
        low, high = self.claim.accepted
        return Verdict.REPRODUCED if low <= value <= high else Verdict.NOT_REPRODUCED


def judge(experiment: Experiment, found: Mapping[str, Evidence]) -> list[Judged]:
    """Every claim of the experiment, from what its arms came to."""
    return [_judge(claim, found) for claim in experiment.claims]


def _judge(claim: Claim, found: Mapping[str, Evidence]) -> Judged:
    if claim.arm is None:
        return Judged(claim, None, None, None)
    of = found[claim.arm]
    to, to_figure = found[claim.to or claim.arm], claim.to_figure or claim.figure

    def value(world: str) -> float | None:
        top = getattr(of, world)(claim.figure)
        if not claim.is_ratio or top is None:
            return None if top is None else float(top)
        bottom = getattr(to, world)(to_figure)
        return None if bottom is None else float(top) / float(bottom) if bottom else math.nan

    predicted = claim.predicted
    if predicted is None and of.has_formula and to.has_formula:
        predicted = value("predicted")
    invalid = "; ".join(dict.fromkeys(filter(None, (of.invalid, to.invalid if claim.is_ratio else ""))))
    return Judged(claim, predicted, value("simulated"), value("measured"), invalid)


def unexpected(judged: Sequence[Judged]) -> list[str]:
    """A line for each verdict that is not what its file expects."""
    return [
        f"{one.claim.name}: {one.verdict}, {one.claim.expected} was expected "
        f"({one.claim.shown(one.value)}, published {one.claim.says_published})"
        for one in judged
        if not one.as_expected
    ]
