"""What published claims came to when they were run again."""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from loadtest.studies.claims.evidence import Evidence
from loadtest.studies.claims.experiment import Claim, ClaimVerdict, Experiment
from loadtest.studies.claims.tolerance import Spread, spread


class JudgedClaim(NamedTuple):
    """What a claim came to. Where nothing was run, or nothing predicted, the value is None."""

    claim: Claim
    predicted: float | None
    simulated: float | None
    measured: float | None
    spread: Spread | None = None
    """Over the simulated seeds."""
    repeats: int = 1
    """Of the native run."""
    invalid: str = ""
    """Why a native run is no result."""

    @property
    def value(self) -> float | None:
        """What counts: what was measured, or else simulated. Of an effect the mean over the seeds, because one run of
        each side does not tell it from chance."""
        return self.measured if self.is_by_measurement else self.simulated

    @property
    def is_by_measurement(self) -> bool:
        return self.measured is not None and not self.claim.effect

    @property
    def accepted(self) -> tuple[float, float]:
        """The lowest and the highest value that counts as reproduced."""
        return self._accepted(self.is_by_measurement)

    @property
    def verdict(self) -> ClaimVerdict:
        if not self.claim.is_judged:
            return self.claim.expected
        return self._verdict_of(self.value, self.accepted)

    @property
    def worlds_differ(self) -> bool:
        """Whether the simulation would have said something else."""
        if self.simulated is None or not self.claim.is_judged:
            return False
        return self._verdict_of(self.simulated, self._accepted(is_measured=False)) is not self.verdict

    @property
    def as_expected(self) -> bool:
        return self.verdict is self.claim.expected

    def _accepted(self, is_measured: bool) -> tuple[float, float]:
        claim = self.claim
        if claim.is_bounded:
            return (
                -math.inf if claim.at_least is None else claim.at_least,
                math.inf if claim.at_most is None else claim.at_most,
            )
        reach = claim.rounding
        if self.spread is not None:
            reach += self.spread.reach(self.repeats if is_measured else self.spread.seeds, claim.effect)
        low, high = claim.range
        return low - reach, high + reach

    @staticmethod
    def _verdict_of(value: float | None, accepted: tuple[float, float]) -> ClaimVerdict:
        low, high = accepted
        return ClaimVerdict.REPRODUCED if value is not None and low <= value <= high else ClaimVerdict.NOT_REPRODUCED


def judge(experiment: Experiment, found: Mapping[str, Evidence]) -> list[JudgedClaim]:
    """Every claim of the experiment, from what its variants came to."""
    return [_judge(claim, found) for claim in experiment.claims]


def _judge(claim: Claim, found: Mapping[str, Evidence]) -> JudgedClaim:
    if claim.variant is None:
        return JudgedClaim(claim, None, None, None)
    of = found[claim.variant]
    to, to_figure = found[claim.to or claim.variant], claim.to_figure or claim.figure

    def value(world: str) -> float | None:
        top = getattr(of, world)(claim.figure)
        if not claim.is_ratio or top is None:
            return None if top is None else float(top)
        bottom = getattr(to, world)(to_figure)
        return None if bottom is None else _ratio(float(top), float(bottom))

    seeds = of.by_seed(claim.figure)
    if claim.is_ratio:  # variants have their seeds in common, so what chance gives to both is not counted twice
        seeds = [_ratio(top, bottom) for top, bottom in zip(seeds, to.by_seed(to_figure), strict=False)]
    predicted = claim.predicted
    if predicted is None and of.has_formula and to.has_formula:
        predicted = value("predicted")
    invalid = "; ".join(dict.fromkeys(filter(None, (of.invalid, to.invalid if claim.is_ratio else ""))))
    repeats = max(1, len(of.measurements))
    return JudgedClaim(claim, predicted, value("simulated"), value("measured"), spread(seeds), repeats, invalid)


def _ratio(top: float, bottom: float) -> float:
    return top / bottom if bottom else math.nan


def unexpected(judged: Sequence[JudgedClaim]) -> list[str]:
    """A line for each verdict that is not what its file expects."""
    return [
        f"{one.claim.name}: {one.verdict}, {one.claim.expected} was expected "
        f"({one.claim.shown(one.value)}, published {one.claim.says_published})"
        for one in judged
        if not one.as_expected
    ]
