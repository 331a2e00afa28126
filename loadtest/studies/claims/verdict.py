"""The verdicts on published claims, from the evidence of their variants."""

import math
from collections.abc import Mapping, Sequence
from typing import Any, NamedTuple

from loadtest.studies.claims.claim import Claim, ClaimVerdict
from loadtest.studies.claims.evidence import Evidence
from loadtest.studies.claims.published_experiment import PublishedExperiment
from loadtest.studies.claims.tolerance import Spread, spread


class JudgedClaim(NamedTuple):
    """A claim with its verdict and its figures; a figure is None where nothing was run or predicted."""

    claim: Claim
    predicted: float | None
    simulated: float | None
    measured: float | None
    spread: Spread | None = None
    """The scatter over the simulated seeds."""
    repeats: int = 1
    """The number of native runs."""
    invalid: str = ""
    """The reason why a native run is no result; empty where all are valid."""

    @property
    def value(self) -> float | None:
        """The figure that is judged: the measured one, or else the simulated one.

        An effect is judged by the mean over the seeds, because one run of each side cannot tell it from chance.
        """
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
        """Whether the simulated figure alone would give another verdict."""
        if self.simulated is None or not self.claim.is_judged:
            return False
        return self._verdict_of(self.simulated, self._accepted(is_measured=False)) is not self.verdict

    @property
    def as_expected(self) -> bool:
        return self.verdict is self.claim.expected

    def as_dict(self) -> dict[str, Any]:
        """The claim with its figures as JSON can hold it; an open end of what is accepted is None."""
        accepted = [None if math.isinf(end) else end for end in self.accepted] if self.claim.is_judged else None
        return {
            "claim": self.claim.name, "says": self.claim.says, "published": self.claim.says_published,
            "predicted": self.predicted, "simulated": self.simulated, "measured": self.measured,
            "accepted": accepted, "verdict": self.verdict, "is_as_expected": self.as_expected, "invalid": self.invalid,
        }  # fmt: skip

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


def judge(experiment: PublishedExperiment, found: Mapping[str, Evidence]) -> list[JudgedClaim]:
    """Every claim of the experiment, judged by the evidence on its variants."""
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
    if claim.is_ratio:  # by pairs: variants share their seeds, and what chance gives to both cancels out
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
    """A line for each verdict that differs from the expected one."""
    return [
        f"{one.claim.name}: {one.verdict}, {one.claim.expected} was expected "
        f"({one.claim.shown(one.value)}, published {one.claim.says_published})"
        for one in judged
        if not one.as_expected
    ]
