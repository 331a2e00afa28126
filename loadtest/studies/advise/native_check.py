"""A native run of the advised strategy and of the baseline beside virtual time: what agrees, and what that says.

The advised strategy decides. The baseline does only where virtual time says that it holds. The figures of a system that
breaks down scatter so much that they neither confirm nor refute an advice.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from statistics import fmean
from typing import Any

from loadtest.figures.run_summary import RunSummary
from loadtest.studies.advise.costs import failed_share
from loadtest.studies.calibration.calibration import SHORT, Calibration, all_agree

BREAKS_DOWN_SHARE = 0.01
"""The share of failed requests of a run above which it counts as broken down."""


class CheckOutcome(StrEnum):
    """The outcome of one strategy's native run beside virtual time."""

    AGREES = "agrees"
    DISAGREES = "disagrees"
    BREAKS_IN_BOTH = "breaks down in both"
    BREAKS_NATIVELY = "breaks down natively alone"
    BREAKS_SIMULATED = "breaks down in virtual time alone"
    NO_RESULT = "is no result"


@dataclass(frozen=True, slots=True)
class CheckedStrategy:
    """One strategy's native run, the same in virtual time, and the figures of both."""

    label: str
    """The strategy with the settings that it ran with."""
    measured: RunSummary
    simulated: Sequence[RunSummary]
    figures: Sequence[Calibration]

    @property
    def is_said_to_break(self) -> bool:
        """Whether virtual time says that it breaks down."""
        return fmean(map(failed_share, self.simulated)) > BREAKS_DOWN_SHARE

    @property
    def outcome(self) -> CheckOutcome:
        """The outcome, by failures first and by the figures of what holds."""
        breaks = failed_share(self.measured) > BREAKS_DOWN_SHARE
        if breaks:
            return CheckOutcome.BREAKS_IN_BOTH if self.is_said_to_break else CheckOutcome.BREAKS_NATIVELY
        if not self.measured.valid or not self.figures:
            return CheckOutcome.NO_RESULT
        if self.is_said_to_break:
            return CheckOutcome.BREAKS_SIMULATED
        return CheckOutcome.AGREES if all_agree(self.figures) else CheckOutcome.DISAGREES

    @property
    def sentence(self) -> str:
        """The outcome in a sentence, with its figures."""
        match self.outcome:
            case CheckOutcome.AGREES:
                return f"{self.label} agrees: {'; '.join(_told(one) for one in self.figures if one.decides)}."
            case CheckOutcome.DISAGREES:
                off = "; ".join(_told(one) for one in self.figures if one.decides and not one.agrees)
                return f"{self.label} disagrees: {off}."
            case CheckOutcome.NO_RESULT:
                why = "; ".join(self.measured.incidents) or "it has no figures"
                return f"{self.label}: the native run is no result: {why}."
        return f"{self.label} {self.outcome}: {self._failures()}."

    def _failures(self) -> str:
        own, played = self.measured, self.simulated
        return (
            f"{own.errors:,} of {own.requests:,} requests failed natively, "
            f"{fmean(row.errors for row in played):,.0f} of {fmean(row.requests for row in played):,.0f} simulated"
        )

    def as_dict(self) -> dict[str, Any]:
        """The outcome as JSON can hold it."""
        return {
            "strategy": self.measured.strategy,
            "label": self.label,
            "outcome": str(self.outcome),
            "sentence": self.sentence,
            "figures": [one.as_dict() for one in self.figures],
            "measured": self.measured.as_dict(),
            "simulated_errors": [row.errors for row in self.simulated],
        }


@dataclass(frozen=True, slots=True)
class NativeCheck:
    """The native check of an advice: the advised strategy, and the baseline where that is another one."""

    advised: CheckedStrategy
    baseline: CheckedStrategy | None
    compared: str
    """The sentence that says what was run where."""
    changes: Sequence[str]
    """The changes that made the service small, in sentences."""

    @property
    def holds(self) -> bool:
        """Whether the native run confirms what virtual time says of the advised strategy."""
        return self.advised.outcome is CheckOutcome.AGREES and not self._is_refuted_by_baseline

    @property
    def _is_refuted_by_baseline(self) -> bool:
        one = self.baseline
        return one is not None and one.outcome in {CheckOutcome.DISAGREES, CheckOutcome.BREAKS_NATIVELY}

    @property
    def sentences(self) -> list[str]:
        """The outcomes, and what they say of the service."""
        return [*(one.sentence for one in self.strategies), *self._meaning()]

    @property
    def strategies(self) -> list[CheckedStrategy]:
        """Both strategies, the advised one first."""
        return [self.advised, *([] if self.baseline is None else [self.baseline])]

    def _meaning(self) -> Iterator[str]:
        base = self.baseline
        if base is not None and base.outcome is CheckOutcome.BREAKS_IN_BOTH:
            yield (
                "That the baseline breaks down is the agreement: how often it fails then is chance, and its other "
                "figures decide nothing."
            )
        elif base is not None and base.outcome in {CheckOutcome.BREAKS_SIMULATED, CheckOutcome.NO_RESULT}:
            yield "The baseline's run says nothing for or against the advised strategy, and decides nothing."
        if self.holds:
            yield (
                f"So virtual time, on which the advice rests, told of {self.advised.label} what real processes did "
                "here. Not run natively: the whole rate, the outage, the deploy and the break-evens."
            )
        else:
            yield "So the advice is not confirmed: virtual time and this machine tell different things."

    def as_dict(self) -> dict[str, Any]:
        """The check as JSON can hold it."""
        return {
            "holds": self.holds,
            "compared": self.compared,
            "changes": list(self.changes),
            "sentences": self.sentences,
            "strategies": [one.as_dict() for one in self.strategies],
        }


HEADINGS = ("strategy", "figure", "measured", "simulated", "agrees")


def check_lines(check: NativeCheck) -> list[list[str]]:
    """The lines of the table of a check, each figure with its verdict."""
    found = []
    for one in check.strategies:
        decides = one is check.advised or not one.is_said_to_break
        for figure in one.figures:
            verdict = "yes" if figure.agrees else "no" if decides and figure.decides else "no (decides nothing)"
            texts = (f"{value:,.4g}" for value in (figure.measured, figure.simulated))
            found.append([figure.strategy, SHORT[figure.figure], *texts, verdict])
    return found


def _told(one: Calibration) -> str:
    return f"{SHORT[one.figure]} {one.measured:,.4g} natively and {one.simulated:,.4g} simulated"
