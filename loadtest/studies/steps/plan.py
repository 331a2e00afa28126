"""Steps as data: `loadtest/scenarios/steps/*.toml`, a scenario and what each step changes on top of the one before.

A step has the strategy, the parameters and the changed tables of all steps before it, and its own over them.
"""

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from pydantic import Field, ValidationError, model_validator

from loadtest.workload.near_names import no_such
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BYTES_MAX, OWN, BadScenario, Scenario
from loadtest.workload.schema import without_schema
from loadtest.workload.seeds import run_seed
from loadtest.workload.table import Table, faults_of
from loadtest.workload.text_file import text_of

STEPS = OWN / "steps"
"""The folder of the lab's own steps."""
STEPS_MAX = 24


class StatedStep(Table):
    """One step: what it changes, and the step that it is compared with."""

    name: str = Field(pattern=r"^[a-z][a-z0-9-]{0,31}$")
    says: str = Field(min_length=1, max_length=120)
    strategy: str | None = None
    """The strategy from this step on; the first step states it."""
    params: dict[str, float | str] = Field(default_factory=dict)
    """Parameters of the strategy."""
    changes: dict[str, Any] = Field(default_factory=dict)
    """Tables of the scenario, each in the place of the scenario's own."""
    before: str | None = None
    """The step that its figures are compared with; the one above it where none is stated."""


class StepByStep(Table):
    """A file of steps, in their order."""

    title: str = Field(min_length=1, max_length=200)
    scenario: Scenario
    steps: list[StatedStep] = Field(min_length=2, max_length=STEPS_MAX)

    @model_validator(mode="after")
    def _fit_together(self) -> "StepByStep":
        names = [one.name for one in self.steps]
        if twice := {name for name in names if names.count(name) > 1}:
            raise ValueError(f"steps: more than one is called {min(twice)}")
        if self.steps[0].strategy is None:
            raise ValueError("steps.0.strategy: the first step states one")
        for number, one in enumerate(self.steps):
            if one.before is not None and one.before not in names[:number]:
                raise ValueError(f"steps.{number}.before: {one.before!r} is no step above it")
            self.workload(one.name)
        return self

    def named(self, name: str) -> StatedStep:
        return next(one for one in self.steps if one.name == name)

    def before(self, name: str) -> str | None:
        """The step that a step is compared with; None for the first."""
        number = self.steps.index(self.named(name))
        return self.steps[number].before or (self.steps[number - 1].name if number else None)

    def strategy(self, name: str) -> str:
        return next(one.strategy for one in reversed(self._up_to(name)) if one.strategy is not None)

    def workload(self, name: str) -> Scenario:
        """The scenario of a step, with the parameters of its strategy. Raises ValueError."""
        up_to, strategy = self._up_to(name), self.strategy(name)
        begun = max(number for number, one in enumerate(up_to) if one.strategy is not None)
        params = {key: value for one in up_to[begun:] for key, value in one.params.items()}
        tables = {key: value for one in up_to for key, value in one.changes.items()}
        stated = {"name": f"{self.scenario.name}.{name}", "params": self.scenario.params | {strategy: params}}
        return Scenario.model_validate(self.scenario.model_dump() | tables | stated)

    def runs(self, name: str, seed: int, repeats: int) -> list[PlannedRun]:
        """The runs of a step; those of one repeat have the same seed in every step, so that they can be compared."""
        workload, strategy = self.workload(name), self.strategy(name)
        return [PlannedRun(workload, strategy, run_seed(seed, repeat), repeat) for repeat in range(1, repeats + 1)]

    def with_befores(self, names: Sequence[str]) -> list[str]:
        """The steps named, and those that they are compared with, in order."""
        wanted = {*names, *(before for name in names if (before := self.before(name)) is not None)}
        return [one.name for one in self.steps if one.name in wanted]

    def _up_to(self, name: str) -> list[StatedStep]:
        return self.steps[: self.steps.index(self.named(name)) + 1]


def step_files() -> list[str]:
    return sorted(path.stem for path in STEPS.glob("*.toml"))


def read_steps(name_or_path: str) -> StepByStep:
    """The steps of that name, or in that file. Raises `BadScenario` naming the file, the field and the bound."""
    path = Path(name_or_path)
    if not path.suffix:
        if name_or_path not in step_files():
            raise BadScenario(no_such("file of steps", name_or_path, step_files(), other="a .toml file"))
        path = STEPS / f"{name_or_path}.toml"
    try:
        table = without_schema(tomllib.loads(text_of(path, BYTES_MAX)))
        if isinstance(own := table.get("scenario"), dict):
            table["scenario"] = {"name": path.stem, "title": table.get("title", path.stem)} | own
        return StepByStep.model_validate(table)
    except FileNotFoundError:
        raise BadScenario(f"there is no file {path}") from None
    except ValidationError as error:
        raise BadScenario(f"{path}: {'; '.join(faults_of(error, 'steps', StepByStep))}") from None
    except (OSError, ValueError) as error:
        raise BadScenario(f"{path}: {error}") from None
