"""The contents of a report, the same in every form."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from loadtest.figures.run_summary import Row
from loadtest.report.workload_in_words import tuning, virtual_world
from loadtest.workload.scenario import Scenario

VIRTUAL = {"world": "virtual time", "redis": "simulated"}
"""The surroundings of a simulated run, which are the same on every machine."""


@dataclass(frozen=True, slots=True)
class Report:
    """A run to look at: a row per strategy, the bounds that were run beside them, and the sentences that it allows."""

    rows: Sequence[Row]
    bounds: Sequence[Row] = ()
    said: Sequence[str] = ()
    missing: Sequence[str] = ()
    """The parts that could not be made, and why; they are shown first."""

    @property
    def lines(self) -> list[Row]:
        """The table's rows: the strategies, the baseline first, and then the bounds."""
        return [*self.rows, *self.bounds]


def stamp(environment: Mapping[str, Any], scenario: Scenario) -> list[tuple[str, str]]:
    """The record of how to run this again: a label and a text for everything that is known of the run."""
    machine = environment.get("machine")
    known = dict(environment)
    if isinstance(machine, Mapping):
        units = {"cores": "{} cores", "memory_gib": "{} GiB"}
        known["machine"] = ", ".join(units.get(name, "{}").format(value) for name, value in machine.items())
    known["tuned"] = tuning(scenario)
    known["slow"] = f"a second in which 1 % took longer than {scenario.slow_ms:g} ms"
    if known.get("world") == VIRTUAL["world"]:
        known["assumed"] = virtual_world(scenario)
    return [(name.replace("_", " "), _flat(value)) for name, value in known.items() if value not in ("", None, {}, [])]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
