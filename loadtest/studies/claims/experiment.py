"""What others have published, as data: `loadtest/scenarios/claims/*.toml`, one file per experiment of a source.

A file names a scenario, the runs ("variants") that it takes to check what was published, and the claims, each with the
tolerance that it is held to and the verdict that is expected. `loadtest.studies.claims.reruns` runs the variants,
`loadtest.studies.claims.verdict` says what the claims came to, `loadtest.studies.claims.claims_page` writes the ledger.
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
    """The fate of a published figure in a run of our own."""

    REPRODUCED = "reproduced"
    NOT_REPRODUCED = "not reproduced"
    NOT_COMPARABLE = "not comparable"  # it is the machine's: shown side by side, and judged by nobody
    NOT_REPRODUCIBLE = "not reproducible"  # the source does not say enough
    ABSENT = "absent"  # it could be run and is not


NOT_RUN = frozenset({ClaimVerdict.NOT_REPRODUCIBLE, ClaimVerdict.ABSENT})


class Basis(StrEnum):
    """What stands behind a published figure, counted apart."""

    SOURCE = "of the sources"
    FITTED = "of the sources, on a fitted number"
    INDEPENDENT = "of independent simulations"


def _by_formula(stated: Any) -> Any:
    """The figure that is stated, or that a formula of `loadtest.theory` gives: `predicted.early_herd.beta = 1.5`."""
    if not isinstance(stated, dict):
        return stated
    try:
        ((name, given),) = stated.items()
        return getattr(formulas, name)(**given)
    except (AttributeError, TypeError, ValueError) as error:
        raise ValueError(f"no formula of loadtest.theory with these values: {error}") from None


class Variant(Table):
    """One run that claims are about."""

    strategy: str
    changes: dict[str, Any] = Field(default_factory=dict)
    """Fields and whole tables that replace those of the file's scenario."""
    seeds: int = Field(30, ge=2, le=1_000)
    """Of the simulated runs: their mean counts, and their spread is the tolerance."""
    virtual_because: str = ""
    """Why it is simulated only; empty where real processes run it too."""
    unpredicted_because: str = ""
    """Why the formulas of `loadtest.theory.predict` do not hold here, though they would answer."""


class Claim(Table):
    """One published figure, or the ratio of two, and what it is held to."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{1,63}$")
    says: str = Field(max_length=40)
    """A few words for the table."""
    in_full: str = ""
    """The whole of what is claimed, where those words leave something out."""
    figure: str = "origin_peak_1s"
    """Of a row, with dots into its tables, or one of `loadtest.studies.claims.evidence.DERIVED`."""
    variant: str | None = None
    """None: there is nothing to run."""
    to: str | None = None
    """The variant, and below the figure, that it is divided by, where it is a ratio; either may be left out."""
    to_figure: str | None = None
    published: float | tuple[float, float] | None = None
    independent: bool = False
    """It is not the source that says so, but an independent simulation of its protocol."""
    predicted: Annotated[float | None, BeforeValidator(_by_formula)] = None
    """By a formula that `loadtest.theory.predict` does not use."""

    # what is accepted: the published figure, as far as chance and rounding carry it, or what the source says in words
    step: float | None = Field(None, gt=0)
    """The step that the source rounded to; by its digits where it is not stated."""
    effect: bool = False
    """It says what a remedy does on average: then the mean over the seeds is held to it, and not one run to another."""
    at_most: float | None = None
    at_least: float | None = None
    bound_because: str = ""
    """Where the bound comes from."""

    expected: ClaimVerdict = ClaimVerdict.REPRODUCED
    because: str = ""
    """Why it is not reproduced."""

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
        """What the source says, as far as it is numbers."""
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
    """A file of claims: what one source says of one workload."""

    name: str
    source: str
    title: str
    setup: str
    """How it is run again, and what of it had to be another than published."""
    fitted: str = ""
    """The number of the setup that was chosen by what came out, if there is one: its claims are counted apart."""
    scenario: Annotated[Scenario | None, BeforeValidator(_named)] = None
    """In the file the name of one of the lab's, or a table."""
    variants: dict[str, Variant] = Field(default_factory=dict)
    claims: list[Claim] = Field(min_length=1)
    conclusion: str = ""
    """Names of claims in braces stand for what they came to. Holds as long as all verdicts are as expected."""

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
        """What a verdict on that claim rests on."""
        return Basis.INDEPENDENT if claim.independent else Basis.FITTED if self.fitted else Basis.SOURCE

    def only(self, names: Iterable[str]) -> "Experiment | None":
        """With these claims, and the variants that they need; all of them by the experiment's own name."""
        wanted = {*names}
        claims = [claim for claim in self.claims if claim.name in wanted or self.name in wanted]
        needed = {variant for claim in claims for variant in (claim.variant, claim.to)}
        variants = {name: variant for name, variant in self.variants.items() if name in needed}
        return self.model_copy(update={"claims": claims, "variants": variants}) if claims else None


def read_experiments(folder: Path = CLAIMS) -> list[Experiment]:
    """Every file of claims, what cannot be run last. Raises `BadScenario`, also where a name comes twice."""
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
