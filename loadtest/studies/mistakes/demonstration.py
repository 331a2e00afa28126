"""The demonstration of a mistake: a scenario in which one figure of it is worse than that of its right twin."""

from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from app.discovery import Discovered
from app.strategy import Strategy
from loadtest.workload.gate import BadGate, Gate, parse_gate
from loadtest.workload.near_names import LAB_LIST, no_such
from loadtest.workload.planned_run import PlannedRun, plan
from loadtest.workload.scenario import OWN, BadScenario, Scenario, read_scenario

FOLDER = OWN / "mistakes"
"""The folder of the scenarios, each named as the mistake that it shows."""


class BadDemonstration(ValueError):
    """A mistake that cannot be shown; the text says what is missing."""


@dataclass(frozen=True, slots=True)
class Demonstration:
    """A mistake, its right twin, and the scenario whose gates tell the two apart."""

    scenario: Scenario
    strategy: type[Strategy]
    gates: tuple[Gate, ...]
    """The bounds that show the mistake; the first one's figure is the one of the table."""

    @property
    def name(self) -> str:
        return self.strategy.name

    @property
    def figure(self) -> str:
        return self.gates[0].term.figure

    def runs(self, found: Discovered, seed: int) -> list[PlannedRun]:
        """The runs of the baseline, the right twin and the mistake, with the controls that these bring."""
        names = dict.fromkeys(filter(None, (found.baseline, self.strategy.right_twin, self.name)))
        return plan(self.scenario, list(names), found, 1, seed)

    def command(self, found: Discovered, seed: int) -> str:
        """The command that runs it alone, as any other scenario."""
        names = ",".join(dict.fromkeys(run.strategy for run in self.runs(found, seed)))
        path = f"loadtest/scenarios/{FOLDER.name}/{self.name}.toml"
        return f"make sim SCENARIO={path} STRATEGIES={names} SEED={seed}"


def demonstrations(found: Discovered, names: Iterable[str]) -> list[Demonstration]:
    """The demonstrations of these mistakes. Raises `BadDemonstration` for a name, or a scenario, that is none."""
    shown = []
    for name in names:
        if name not in found.wrong:
            raise BadDemonstration(no_such("mistake", name, found.wrong, LAB_LIST))
        shown.append(_demonstration(found.wrong[name], FOLDER / f"{name}.toml"))
    return shown


def _demonstration(strategy: type[Strategy], path: Path) -> Demonstration:
    if not path.is_file():
        raise BadDemonstration(f"{strategy.name}: there is no scenario {path} whose gates would show it")
    try:
        scenario = read_scenario(str(path))
        gates = tuple(map(parse_gate, scenario.gates))
    except (BadScenario, BadGate) as error:
        raise BadDemonstration(str(error)) from None
    if not gates or gates[0].term.strategy != strategy.name:
        raise BadDemonstration(f"{path}: the first of its gates must be about {strategy.name}")
    return Demonstration(scenario, strategy, gates)
