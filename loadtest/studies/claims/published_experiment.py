"""Published experiments as data: `loadtest/scenarios/claims/*.toml`, one file per experiment of a source.

A file names a scenario, the variants of it that are run, and the claims about them. `reruns` runs the variants,
`verdict` judges the claims, `claims_page` writes the ledger.
"""

import tomllib
from collections.abc import Iterable
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

from pydantic import BeforeValidator, Field, ValidationError, model_validator

from loadtest.studies.claims.claim import Claim
from loadtest.workload.scenario import OWN, BadScenario, Scenario, read_scenario
from loadtest.workload.schema import without_schema
from loadtest.workload.table import Table, faults_of

CLAIMS = OWN / "claims"


class Basis(StrEnum):
    """The basis of a verdict; verdicts are counted by it."""

    SOURCE = "of the sources"
    FITTED = "on a fitted number"
    INDEPENDENT = "by independent simulation"


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


def _named(scenario: object) -> object:
    return read_scenario(scenario) if isinstance(scenario, str) else scenario


class PublishedExperiment(Table):
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
    def _fits_together(self) -> "PublishedExperiment":
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

    def only(self, names: Iterable[str]) -> "PublishedExperiment | None":
        """The experiment with these claims and their variants alone, None without any; its own name stands for all."""
        wanted = {*names}
        claims = [claim for claim in self.claims if claim.name in wanted or self.name in wanted]
        needed = {variant for claim in claims for variant in (claim.variant, claim.to)}
        variants = {name: variant for name, variant in self.variants.items() if name in needed}
        return self.model_copy(update={"claims": claims, "variants": variants}) if claims else None


def read_experiments(folder: Path = CLAIMS) -> list[PublishedExperiment]:
    """Every file of claims, those that cannot be run last. Raises `BadScenario`, also for a name used twice."""
    found = []
    for path in sorted(folder.glob("*.toml")):
        try:
            table = without_schema(tomllib.loads(path.read_text(encoding="utf-8")))
            if isinstance(own := table.get("scenario"), dict):
                table["scenario"] = {"name": path.stem, "title": table.get("title", path.stem)} | own
            found.append(PublishedExperiment.model_validate({"name": path.stem} | table))
        except ValidationError as error:
            raise BadScenario(f"{path}: {'; '.join(faults_of(error, 'claims', PublishedExperiment))}") from None
        except (OSError, ValueError) as error:
            raise BadScenario(f"{path}: {error}") from None
    names = [name for one in found for name in (one.name, *(claim.name for claim in one.claims))]
    if twice := {name for name in names if names.count(name) > 1}:
        raise BadScenario(f"{folder}: more than one is called {min(twice)}")
    return sorted(found, key=lambda one: not one.variants)
