"""The plan of drills: which strategies meet which fault, with nets or without, and who has to fail."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.nets.nets import Nets
from loadtest.workload.gate import parse_gate
from loadtest.workload.near_names import no_such
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import OWN, BadScenario, Scenario, read_scenario

DRILLS = OWN / "drills"
"""The folder of the lab's own drills."""


class BadDrill(ValueError):
    """Drills that cannot be run as asked; the text says which, and what would do."""


@dataclass(frozen=True, slots=True)
class Subject:
    """One strategy under one fault: a line of the table."""

    scenario: Scenario
    """The drill, with the nets of this subject."""
    strategy: str
    nets: str
    """Its nets in words: "with nets" or "without nets"; empty where the drill states none."""
    must_fail: bool = False
    is_shown: bool = False
    """Whether it runs for comparison only, without a verdict."""

    @property
    def name(self) -> str:
        return f"{self.strategy} {self.nets}".rstrip()

    @property
    def folder(self) -> str:
        """A name for its records, which no other subject has."""
        return f"{self.scenario.name}-{self.name.replace(' ', '-')}"

    def run(self, seed: int) -> PlannedRun:
        return PlannedRun(self.scenario, self.strategy, seed)

    def healthy(self, seed: int) -> PlannedRun:
        """The same run without the faults; equal for drills that differ in nothing else."""
        without: dict[str, Any] = {
            "name": "healthy",
            "title": "A drill without its faults",
            "faults": [],
            "gates": [],
            "drill": None,
        }
        return PlannedRun(self.scenario.model_copy(update=without), self.strategy, seed)

    @property
    def needs_healthy(self) -> bool:
        return any(parse_gate(text).needs_healthy for text in self.scenario.gates)


def drill_names() -> list[str]:
    """The names of the lab's own drills, by the numbers of their faults."""
    return [one.name for one in sorted(map(read_drill, (path.stem for path in DRILLS.glob("*.toml"))), key=place)]


def read_drill(name_or_path: str) -> Scenario:
    """The drill of that name, or in that file. Raises `BadScenario`, and `BadDrill` for a scenario that is none."""
    own = DRILLS / f"{name_or_path}.toml"
    if not Path(name_or_path).suffix and not own.is_file():
        names = sorted(path.stem for path in DRILLS.glob("*.toml"))
        raise BadDrill(no_such("drill", name_or_path, names, "loadtest/scenarios/drills/ has all", "a .toml file"))
    try:
        scenario = read_scenario(name_or_path if Path(name_or_path).suffix else str(own))
    except BadScenario as error:
        raise BadDrill(str(error)) from None
    if scenario.drill is None:
        raise BadDrill(f"{name_or_path}: has no [drill] table, which states the fault's number and what must hold")
    if not scenario.gates:
        raise BadDrill(f"{name_or_path}: has no gates, so that nothing could fail it")
    return scenario


def place(scenario: Scenario) -> tuple[int, str]:
    """The sorting key of a drill: the number of its fault, then its name."""
    return (scenario.drill.number if scenario.drill else 0, scenario.name)


def subjects(scenario: Scenario, strategies: Sequence[str], *, both: bool = False) -> list[Subject]:
    """The subjects of a drill, in the order of the strategies.

    Each has the nets that the drill states. Where it states some, who must fail fails without them, and `both` shows
    everybody without them too. Where it states none, who must fail has to fail as it is.
    """
    assert scenario.drill is not None
    must_fail, has_nets = scenario.drill.must_fail, scenario.nets != Nets()
    if not has_nets:
        return [Subject(scenario, name, "", name in must_fail) for name in strategies]
    without = scenario.model_copy(update={"nets": Nets()})
    found = []
    for name in strategies:
        found.append(Subject(scenario, name, "with nets"))
        if both or name in must_fail:
            found.append(Subject(without, name, "without nets", name in must_fail, name not in must_fail))
    return found
