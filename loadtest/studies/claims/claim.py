"""A claim: one published figure, the tolerance that it is held to, and the verdict that is expected."""

import math
from enum import StrEnum
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, model_validator

from loadtest.stats.sentences import show
from loadtest.studies.claims.evidence import is_figure
from loadtest.studies.claims.tolerance import rounding_step
from loadtest.theory import formulas
from loadtest.workload.table import Table


class ClaimVerdict(StrEnum):
    """The verdict on a published figure, from runs of the lab."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"  # a latency, which is the machine's: shown side by side, not judged
    NOT_REPRODUCIBLE = "not reproducible"  # the source states too little to run it
    ABSENT = "absent"  # it could be run and is not


NOT_RUN = frozenset({ClaimVerdict.NOT_REPRODUCIBLE, ClaimVerdict.ABSENT})


def _by_formula(stated: Any) -> Any:
    """The figure that is stated, or that a formula of `loadtest.theory` gives (`predicted.early_herd.beta = 1.5`)."""
    if not isinstance(stated, dict):
        return stated
    try:
        ((name, given),) = stated.items()
        return getattr(formulas, name)(**given)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"no formula of loadtest.theory with these values: {error}") from None


class Claim(Table):
    """One published figure, or a ratio of two, with its tolerance and the verdict that is expected."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,63}$")
    says: str = Field(max_length=40)
    """The claim in a few words, for the table."""
    in_full: str = ""
    """The full wording, where the few words leave something out."""
    figure: str = "origin_peak_1s"
    """The name of a row's figure, dotted for one in a table, or of one in `evidence.DERIVED`."""
    variant: str | None = None
    """The variant whose figure is claimed; None where there is nothing to run."""
    to: str | None = None
    """The variant whose figure is a ratio's denominator; either this or `to_figure` may be left out."""
    to_figure: str | None = None
    published: float | tuple[float, float] | None = None
    independent: bool = False
    """Whether an independent simulation of the source's protocol states the figure, instead of the source."""
    predicted: Annotated[float | None, BeforeValidator(_by_formula)] = None
    """The predicted figure, by a formula that `loadtest.theory.predict` does not use."""

    # what is accepted: the published figure within chance and rounding, or a bound that the source states in words
    step: float | None = Field(None, gt=0)
    """The step that the source rounded to; None: by the digits that it wrote."""
    effect: bool = False
    """Whether it is a mechanism's average effect: the mean over the seeds is then held to it, instead of one run."""
    at_most: float | None = None
    at_least: float | None = None
    bound_because: str = ""
    """The source of the bound, in words."""

    expected: ClaimVerdict = ClaimVerdict.REPRODUCED
    because: str = ""
    """The reason why it is not reproduced."""

    @model_validator(mode="after")
    def _is_complete(self) -> "Claim":
        if self.expected in NOT_RUN and self.variant is not None:
            raise ValueError(f"{self.name}: whatever is {self.expected} has no variant")
        if self.variant is None and self.expected not in NOT_RUN | {ClaimVerdict.NOT_COMPARABLE}:
            raise ValueError(f"{self.name}: it needs a variant")
        if self.expected is not ClaimVerdict.REPRODUCED and not self.because:
            raise ValueError(f"{self.name}: because must say why it is {self.expected}")
        for figure in filter(None, (self.figure, self.to_figure)):
            if not is_figure(figure):
                raise ValueError(f"{self.name}: there is no figure {figure!r}")
        if not self.is_judged:
            return self
        if self.is_bounded != bool(self.bound_because):
            raise ValueError(f"{self.name}: a bound needs bound_because, and nothing else does")
        if not self.is_bounded and self.published is None:
            raise ValueError(f"{self.name}: state what is published, or a bound")
        return self

    @property
    def is_ratio(self) -> bool:
        return self.to is not None or self.to_figure is not None

    @property
    def is_judged(self) -> bool:
        """Whether its figures decide the verdict."""
        return self.variant is not None and self.expected is not ClaimVerdict.NOT_COMPARABLE

    @property
    def is_bounded(self) -> bool:
        return self.at_most is not None or self.at_least is not None

    @property
    def range(self) -> tuple[float, float]:
        """The lowest and the highest figure that the source names."""
        return self.published if isinstance(self.published, tuple) else (self.published or 0.0,) * 2

    @property
    def rounding(self) -> float:
        """Half the step that the source rounded to."""
        return (self.step or min(map(rounding_step, self.range))) / 2

    def shown(self, value: float | None) -> str:
        """A value of this claim, with its unit."""
        if value is None or math.isnan(value):
            return "-"
        return f"{value:.2f}" if self.is_ratio else show(self.figure, float(value))

    @property
    def says_published(self) -> str:
        """The published figure or range, as text."""
        match self.published:
            case None:
                bounds = [(self.at_least, "at least"), (self.at_most, "at most")]
                return ", ".join(f"{word} {self.shown(bound)}" for bound, word in bounds if bound is not None) or "-"
            case (low, high):
                return f"{self.shown(low)} to {self.shown(high)}"
            case value:
                return self.shown(value)
