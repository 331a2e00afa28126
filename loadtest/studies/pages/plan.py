"""The runs, pictures, tables and sweeps of the docs, as `docs/pages.toml` states them."""

import shlex
import tomllib
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Self

from pydantic import Field, ValidationError, model_validator

from app.discovery import Discovered
from loadtest.studies.sweep.grid import Point, Setting, points, read_setting
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario, read_scenario
from loadtest.workload.seeds import run_seed
from loadtest.workload.table import Table, faults_of

REPEATS_MAX = 20


class BadPages(ValueError):
    """A plan of pages that cannot be used; the text names the field and the fault."""


class Runs(Table):
    """Strategies through one scenario, a run each."""

    scenario: str
    strategies: list[str] = Field(min_length=1)
    duration_s: float | None = Field(None, ge=1, le=3_600)
    seed: int = Field(1, ge=0)

    @property
    def workload(self) -> Scenario:
        """The scenario. Raises `BadScenario`."""
        return read_scenario(self.scenario, duration_s=self.duration_s)

    def command(self, strategies: Sequence[str] = ()) -> str:
        """The command that makes these runs again, or those of some strategies; the others change nothing in them."""
        return _command("sim", self, strategies or self.strategies, ["--no-reference"])

    def planned(self) -> Iterator[PlannedRun]:
        """The runs, in the order of their names."""
        workload = self.workload
        return (PlannedRun(workload, name, self.seed) for name in self.strategies)


class Picture(Table):
    """A picture of some of those runs."""

    title: str
    runs: str
    strategies: list[str] = Field(default_factory=list)
    """The strategies that are drawn, from above; all of the runs where none is stated."""
    panels: list[str] = Field(default_factory=lambda: ["reads"])
    said: list[str] = Field(default_factory=lambda: ["cold_peak_1s", "steady_peak_1s"])
    """The figures beside each name."""
    from_s: float = Field(0.0, ge=0)
    to_s: float | None = Field(None, gt=0)


class Figures(Table):
    """A table of figures of some of those runs, a line per strategy."""

    runs: str
    strategies: list[str] = Field(default_factory=list)
    figures: list[str] = Field(min_length=1)
    links: bool = False
    """Whether each name leads to the strategy's page beside this one."""


class Threshold(Table):
    """The setting from which on, or up to which, one figure is so many times another."""

    name: str = Field(pattern=r"^[a-z][a-z-]*$")
    of: str
    over: str
    at_least: float | None = None
    at_most: float | None = None
    up_to: bool = False
    """Whether the condition holds from the lowest setting up to the threshold, and not from it on."""

    @model_validator(mode="after")
    def _has_a_bound(self) -> Self:
        if (self.at_least is None) == (self.at_most is None):
            raise ValueError("state either at_least or at_most")
        return self


class SweepOfPages(Table):
    """A sweep of one setting, its chart, and the thresholds that are read from it."""

    title: str
    scenario: str
    strategies: list[str] = Field(min_length=1)
    setting: str
    """The setting and its values, as `lab sweep --set` takes it."""
    fixed: list[str] = Field(default_factory=list)
    """Settings of one value each, which all points share."""
    duration_s: float | None = Field(None, ge=1, le=3_600)
    repeats: int = Field(3, ge=1, le=REPEATS_MAX)
    seed: int = Field(1, ge=0)
    figure: str
    x: str
    """The words of the chart's axis."""
    x_factor: float = Field(1.0, gt=0)
    """The number that a setting is multiplied by for the axis and for thresholds."""
    y: str
    is_log: bool = True
    thresholds: list[Threshold] = Field(default_factory=list)

    @property
    def command(self) -> str:
        return _command(
            "sweep",
            self,
            self.strategies,
            ["--repeats", str(self.repeats), "--set", " ".join([self.setting, *self.fixed])],
        )

    def grid(self, found: Discovered) -> tuple[Setting, list[Point]]:
        """The setting and the points of the grid. Raises `BadSetting` and `BadScenario`."""
        workload = read_scenario(self.scenario, duration_s=self.duration_s)
        setting, *fixed = [read_setting(text, workload, found.choosable) for text in (self.setting, *self.fixed)]
        return setting, points(workload, {name: found.choosable[name] for name in self.strategies}, [setting, *fixed])

    def planned(self, found: Discovered) -> list[list[PlannedRun]]:
        """The runs of each point, in the order of the grid."""
        seeds = [run_seed(self.seed, repeat) for repeat in range(1, self.repeats + 1)]
        return [
            [PlannedRun(point.scenario, point.strategy, seed, number) for number, seed in enumerate(seeds, 1)]
            for point in self.grid(found)[1]
        ]


class PagesPlan(Table):
    """Everything that the docs take from runs."""

    runs: dict[str, Runs] = Field(default_factory=dict)
    pictures: dict[str, Picture] = Field(default_factory=dict)
    tables: dict[str, Figures] = Field(default_factory=dict)
    sweeps: dict[str, SweepOfPages] = Field(default_factory=dict)

    @model_validator(mode="after")
    def _names_runs_that_there_are(self) -> Self:
        for kind, wanted in (("pictures", self.pictures), ("tables", self.tables)):
            for name, one in wanted.items():
                if one.runs not in self.runs:
                    raise ValueError(f"{kind}.{name}.runs: there is no {one.runs!r} among the runs")
                if unknown := {*one.strategies} - {*self.runs[one.runs].strategies}:
                    raise ValueError(f"{kind}.{name}.strategies: {min(unknown)!r} is not of these runs")
        return self


def read_pages_plan(path: Path) -> PagesPlan:
    """The plan in that file. Raises `BadPages`."""
    try:
        return PagesPlan.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except ValidationError as error:
        raise BadPages(f"{path}: {'; '.join(faults_of(error, 'pages', PagesPlan))}") from None
    except (OSError, ValueError) as error:
        raise BadPages(f"{path}: {error}") from None


def _command(name: str, of: Runs | SweepOfPages, strategies: Sequence[str], more: Sequence[str]) -> str:
    words = ["lab", name, "--scenario", of.scenario, "--strategies", ",".join(strategies)]
    if of.duration_s is not None:
        words += ["--duration", f"{of.duration_s:g}"]
    if of.seed != 1:
        words += ["--seed", str(of.seed)]
    return shlex.join([*words, *more])
