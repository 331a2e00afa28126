"""Published experiments as data: `loadtest/scenarios/claims/*.toml`, one file per experiment of a source.

A file names a scenario, the variants of it that are run, and the claims about them. Each claim states its tolerance
and its expected verdict. `reruns` runs the variants, `verdict` judges the claims, `claims_page` writes the ledger.
"""

import math
import tomllib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from loadtest.stats.sentences import show
from loadtest.studies.claims.evidence import is_figure
from loadtest.studies.claims.tolerance import rounding_step
from loadtest.theory import formulas
from loadtest.workload.scenario import OWN, BadScenario, Scenario, read_scenario
from loadtest.workload.schema import without_schema
from loadtest.workload.table import Table

CLAIMS = OWN / "claims"


class ClaimVerdict(StrEnum):
    """The verdict on a published figure, from runs of the lab."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"  # a latency, which is the machine's: shown side by side, not judged
    NOT_REPRODUCIBLE = "not reproducible"  # the source states too little to run it
    ABSENT = "absent"  # it could be run and is not


NOT_RUN = frozenset({ClaimVerdict.NOT_REPRODUCIBLE, ClaimVerdict.ABSENT})


class Basis(StrEnum):
    """The basis of a verdict; verdicts are counted by it."""

    SOURCE = "of the sources"
    FITTED = "of the sources, on a fitted number"
    INDEPENDENT = "of independent simulations"


def _by_formula(stated: Any) -> Any:
    """The figure that is stated, or that a formula of `loadtest.theory` gives (`predicted.early_herd.beta = 1.5`)."""
    if not isinstance(stated, dict):
        return stated
    try:
        ((name, given),) = stated.items()
        return getattr(formulas, name)(**given)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"no formula of loadtest.theory with these values: {error}") from None


class Variant(Table):
    """A strategy under a changed scenario: the run that claims are about."""

    strategy: str
    changes: dict[str, Any] = Field(default_factory=dict)
    """The fields and whole tables that replace those of the file's scenario."""
    seeds: int = Field(30, ge=2, le=1_000)
    """The number of simulated runs, whose mean counts and whose spread is the tolerance."""
    virtual_because: str = ""
    """The reason why it is only simulated; empty where real processes run it too."""
    unpredicted_because: str = ""
    """The reason why the formulas of `loadtest.theory.predict` do not hold here; empty where they do."""


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


def _named(scenario: object) -> object:
    return read_scenario(scenario) if isinstance(scenario, str) else scenario


class Experiment(Table):
    """A file of claims: the figures that one source gives for one workload."""

    name: str
    source: str
    title: str
    setup: str
    """The way in which it is run again, with every departure from the source."""
    fitted: str = ""
    """A number of the setup that was chosen by the outcome, if there is one; such claims are counted apart."""
    scenario: Annotated[Scenario | None, BeforeValidator(_named)] = None
    """The scenario; a file states it as a table, or as the name of one of the lab's."""
    variants: dict[str, Variant] = Field(default_factory=dict)
    claims: list[Claim] = Field(min_length=1)
    conclusion: str = ""
    """The conclusion where all verdicts are as expected; a claim's name in braces stands for its figure."""

    @model_validator(mode="after")
    def _fits_together(self) -> "Experiment":
        for name, variant in self.variants.items():
            reason = self.workload(name).why_only_virtual
            if reason and not variant.virtual_because:
                raise ValueError(f"variants.{name}: {reason}")
        for claim in self.claims:
            for variant_name in filter(None, (claim.variant, claim.to)):
                if variant_name not in self.variants:
                    raise ValueError(f"{claim.name}: there is no variant {variant_name!r}")
        return self

    def workload(self, variant: str) -> Scenario:
        """The scenario of that variant. Raises ValueError."""
        if self.scenario is None:
            raise ValueError("variants need a scenario")
        whole = self.scenario.model_dump() | self.variants[variant].changes | {"name": f"{self.name}.{variant}"}
        return Scenario.model_validate(whole)

    def basis(self, claim: Claim) -> Basis:
        """The basis of a verdict on that claim."""
        return Basis.INDEPENDENT if claim.independent else Basis.FITTED if self.fitted else Basis.SOURCE

    def only(self, names: Iterable[str]) -> "Experiment | None":
        """The experiment with these claims and their variants alone, None without any; its own name stands for all."""
        wanted = {*names}
        claims = [claim for claim in self.claims if claim.name in wanted or self.name in wanted]
        needed = {variant for claim in claims for variant in (claim.variant, claim.to)}
        variants = {name: variant for name, variant in self.variants.items() if name in needed}
        return self.model_copy(update={"claims": claims, "variants": variants}) if claims else None


def read_experiments(folder: Path = CLAIMS) -> list[Experiment]:
    """Every file of claims, those that cannot be run last. Raises `BadScenario`, also for a name used twice."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            table = without_schema(tomllib.loads(path.read_text(encoding="utf-8")))
            if isinstance(own := table.get("scenario"), dict):
                table["scenario"] = {"name": path.stem, "title": table.get("title", path.stem)} | own
            found.append(Experiment.model_validate({"name": path.stem} | table))
        except ValidationError as error:
            faults = (f"{'.'.join(map(str, fault['loc'])) or 'claims'}: {fault['msg']}" for fault in error.errors())
            raise BadScenario(f"{path}: {'; '.join(faults)}") from None
        except (OSError, ValueError) as error:
            raise BadScenario(f"{path}: {error}") from None
    names = [name for one in found for name in (one.name, *(claim.name for claim in one.claims))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadScenario(f"{folder}: more than one is called {min(twice)}")
    return sorted(found, key=lambda one: not one.variants)
