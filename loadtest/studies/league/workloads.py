"""The workloads of the league: three loads of the lab without a fault, and one file for each fault."""

import hashlib
import json
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.report.workload_in_words import sentence
from loadtest.workload.near_names import no_such
from loadtest.workload.scenario import OWN, Scenario, read_scenario

FOLDER = OWN / "league"
"""The folder of the scenarios that only the league has."""
CALM: dict[str, float] = {"hot-key": 16.0, "bulk-warm": 18.0, "many-keys": 21.0}
"""The lab's own scenarios in the league, with the seconds that each lasts there.

Three herds, or two, have ended by then and none has begun, so that a warm-up's length moves no count.
"""
FAULTS = ("origin-down", "redis-restart", "leader-killed", "loader-fails-half")
"""The scenarios of the league's own folder, each with a fault."""
WORKLOADS = (*CALM, *FAULTS)


class BadLeague(ValueError):
    """A league that cannot be run or read as asked; the text says what is wrong, and what would do."""


@dataclass(frozen=True, slots=True)
class Workload:
    """One scenario of the league, with the words that name it on a command line."""

    scenario: Scenario
    options: tuple[str, ...]

    @property
    def name(self) -> str:
        return self.scenario.name

    @property
    def in_words(self) -> str:
        """All that the scenario states in a sentence, without its name."""
        words = sentence(self.scenario).partition(": ")[2]
        return words[:1].upper() + words[1:]

    @property
    def fingerprint(self) -> str:
        """The fingerprint of all that the scenario states; a run of another one is of another workload."""
        stated = self.scenario.model_dump(
            mode="json", exclude_defaults=True, exclude={"name", "title", "source", "live"}
        )
        return hashlib.blake2b(json.dumps(stated, sort_keys=True).encode(), digest_size=6).hexdigest()

    def command(self, world: str, entrant: str, seed: int) -> str:
        """The command that makes one run of it alone."""
        verb, *wire = ("sim", "--wire") if world == "virtual" else ("bench",)
        words = ["lab", verb, *self.options, "--strategies", entrant, "--seed", str(seed), *wire, "--no-reference"]
        return " ".join(words)


def workload(name: str) -> Workload:
    """The workload of that name. Raises `BadLeague` for any other name."""
    if name in CALM:
        seconds = CALM[name]
        scenario = read_scenario(name, duration_s=seconds)
        return Workload(scenario, ("--scenario", name, "--duration", f"{seconds:g}"))
    if name not in FAULTS:
        raise BadLeague(f"in the league {no_such('workload', name, WORKLOADS, other='behaviour')}")
    path = f"loadtest/scenarios/{FOLDER.name}/{name}.toml"
    return Workload(read_scenario(str(FOLDER / f"{name}.toml")), ("--scenario", path))


def workloads(names: Sequence[str]) -> list[Workload]:
    """The workloads of these names in the league's order; all where none is named. Raises `BadLeague`."""
    asked = {name: workload(name) for name in (names or WORKLOADS)}
    return [asked[name] for name in WORKLOADS if name in asked]
