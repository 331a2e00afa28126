"""The plan of the league: which entrant runs through which workload in which world, and what is left out."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass

from app.discovery import Discovered
from loadtest.studies.league.entrant import Entrant
from loadtest.studies.league.league_records import RunKey
from loadtest.studies.league.workloads import BadLeague, Workload
from loadtest.workload.planned_run import PlannedRun, plan
from loadtest.workload.scenario import Scenario

ENTRANTS_MAX = 100
"""The most entrants of one league."""


@dataclass(frozen=True, slots=True)
class LeaguePart:
    """The runs of one workload in one world, and the entrants that the world refuses, each with the reason."""

    world: str
    workload: Workload
    runs: Sequence[PlannedRun]
    refused: dict[str, str]


def league_parts(
    workloads: Sequence[Workload],
    world: str,
    entrants: Sequence[Entrant],
    found: Discovered,
    repeats: int,
    seed: int,
    known: Collection[RunKey] = (),
) -> Iterator[LeaguePart]:
    """The parts of a world, without the runs that are known already. Raises `BadLeague`."""
    if len(entrants) > ENTRANTS_MAX:
        raise BadLeague(f"{len(entrants)} entrants: at most {ENTRANTS_MAX}")
    for one in workloads:
        reasons = {each.name: _why_not(one.scenario, world, each, found) for each in entrants}
        refused = {name: why for name, why in reasons.items() if why}
        names = [each.name for each in entrants if each.name not in refused]
        runs = [
            run
            for run in plan(in_world(one.scenario, world), names, found, repeats, seed)
            if run.control_ttl_s is None and (world, one.name, run.strategy, run.repeat) not in known
        ]
        yield LeaguePart(world, one, runs, refused)


def in_world(scenario: Scenario, world: str) -> Scenario:
    """The scenario as the league runs it in a world: in virtual time all entrants go over the wire."""
    return scenario.over_wire() if world == "virtual" else scenario


def _why_not(scenario: Scenario, world: str, entrant: Entrant, found: Discovered) -> str:
    """The reason why a world cannot have these runs of an entrant; empty where it can."""
    of_world = entrant.not_virtual if world == "virtual" else ""
    return scenario.why_not_in(world) or scenario.why_not_for(found.choosable[entrant.name]) or of_world
