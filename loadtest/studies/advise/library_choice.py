"""The library with the behaviour of an advised strategy, found by what the league has counted and nothing else.

Two questions decide. The probes have counted who loads at an expiry. The runs with one hot key show whether the others
wait meanwhile. Where they do not, the hit ratio is nearer to 1 than to that of the baseline.
"""

import shlex
from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import PackageNotFoundError, metadata
from pathlib import Path
from statistics import median

import app.contenders
from app.contender_names import version_of
from app.strategy import Mechanism, MechanismKind
from loadtest import ROOT
from loadtest.contract.behaviour.finding import Behaviour, FindingOutcome, Protection
from loadtest.studies.league.league_records import WORLDS, LeagueRecords, read_records
from loadtest.studies.league.workloads import BadLeague

LEAGUE = ROOT / "docs" / "league"
EXAMPLES = Path(app.contenders.__path__[0]) / "examples"
"""The folder of code for a service of one's own, a file a contender; one that begins with _ needs no library."""
CLIENT = "redis"
"""The client of Redis, as pip knows it, and the extra by which a library asks for it."""
HOT_KEY = "hot-key"
"""The workload of the league that tells who waits at an expiry."""


class AtExpiry(StrEnum):
    """The answer for requests that come while an entry is being replaced."""

    WAIT = "the others wait for its load"
    OLD = "the others are served the old entry"
    EARLY = "an entry is replaced before its TTL is over, and nobody waits"


@dataclass(frozen=True, slots=True)
class LibraryBehaviour:
    """The behaviour by which a library is found."""

    protection: Protection
    at_expiry: AtExpiry

    def __str__(self) -> str:
        return f"{_LOADS[self.protection]}; {self.at_expiry}"


_LOADS = {
    Protection.ONE: "one request of all pods loads",
    Protection.ONE_PER_POD: "one request of each pod loads",
    Protection.SOME: "some of the requests load",
    Protection.EVERY: "every request loads",
    Protection.UNKNOWN: "nobody has counted who loads",
}


@dataclass(frozen=True, slots=True)
class LibraryChoice:
    """A library that was found, with the evidence in sentences."""

    contender: str
    library: str
    version: str
    requires: str
    """The requirement that pip installs: library, version, and the client of Redis; quoted for a shell."""
    example: Path
    evidence: tuple[str, ...]


def wanted(mechanism: Mechanism) -> LibraryBehaviour | None:
    """The behaviour that a library must have to do as the mechanism does; None where none can be named."""
    if mechanism.lag_s:
        return None  # copies in the pods
    match mechanism.kind:
        case MechanismKind.COLLAPSE:
            return LibraryBehaviour(Protection.ONE, AtExpiry.WAIT)
        case MechanismKind.COLLAPSE_IN_POD:
            return LibraryBehaviour(Protection.ONE_PER_POD, AtExpiry.WAIT)
        case MechanismKind.STALE:
            return LibraryBehaviour(Protection.ONE, AtExpiry.OLD)
        case MechanismKind.EARLY | MechanismKind.REFRESH_AHEAD if not mechanism.window_s:
            return LibraryBehaviour(Protection.ONE, AtExpiry.EARLY)
    return None


def constants_for(mechanism: Mechanism) -> dict[str, float]:
    """The constants of an example that the mechanism states, by name; a library must be able to take each of them."""
    found = {"STALE_S": mechanism.window_s, "SPREAD": mechanism.spread, "AHEAD": mechanism.ahead}
    found["BETA"] = mechanism.beta if mechanism.kind is MechanismKind.EARLY else 0.0
    return {name: value for name, value in found.items() if value}


def choose_library(mechanism: Mechanism, baseline: str, league: Path = LEAGUE) -> tuple[LibraryChoice | None, str]:
    """The library with that behaviour, and a sentence that says how it was found or why there is none."""
    sought = wanted(mechanism)
    if sought is None:
        return None, "No library of the league is known to do all that this strategy does."
    try:
        records = read_records(league)
    except BadLeague as error:
        return None, f"The records of the league cannot be read: {error}."
    if not records.probed:
        return None, "There are no records of the league here, which come with a checkout: no library could be chosen."
    able = [
        one for one in _with_example(records, mechanism)
        if behaviour_of(records, one.contender, baseline) == sought
    ]  # fmt: skip
    if not able:
        return None, f"No library of the league with code for it has this behaviour: {sought}."
    best = min(able, key=_shortfalls)
    behaviour = f"The league has found this behaviour in {best.library} {best.version}: {sought}."
    others = ", ".join(sorted({one.library for one in able} - {best.library}))
    beside = f" So do {others}, with more that did not hold or is slower." if others else ""
    version = version_of(best.library) or best.version
    choice = LibraryChoice(
        best.contender,
        best.library,
        version,
        required(best.library, version),
        EXAMPLES / f"{best.contender}.py",
        tuple(_not_held(best)),
    )
    return choice, behaviour + beside


def behaviour_of(records: LeagueRecords, contender: str, baseline: str) -> LibraryBehaviour | None:
    """The behaviour of a contender by the records; None where they do not tell it."""
    probed = records.probed_of(contender)
    if probed is None:
        return None
    for world in WORLDS:
        own, others = (_hit_ratio(records, world, name) for name in (contender, baseline))
        if own is None or others is None:
            continue
        age = probed.behaviour.finding("age")
        stale_s = 0.0 if age is None else age.numbers.get("serves_stale_s") or 0.0
        if own < (1 + others) / 2:
            return LibraryBehaviour(probed.behaviour.protection, AtExpiry.WAIT)
        return LibraryBehaviour(probed.behaviour.protection, AtExpiry.OLD if stale_s else AtExpiry.EARLY)
    return None


def required(library: str, version: str) -> str:
    """The requirement that pip installs, quoted for a shell; the client of Redis is an extra of some libraries."""
    try:
        extras = metadata(library).get_all("Provides-Extra") or []
    except PackageNotFoundError:
        return f"{shlex.quote(f'{library}=={version}')} {CLIENT}"
    return shlex.quote(f"{library}[{CLIENT}]=={version}" if CLIENT in extras else f"{library}=={version}")


def own_example() -> Path:
    """The code that needs no library but the client of Redis."""
    return EXAMPLES / "_redis_py.py"


def cache_aside_example() -> Path:
    """The code in which whoever finds no entry loads it, with the client of Redis alone."""
    return EXAMPLES / "_cache_aside.py"


def _with_example(records: LeagueRecords, mechanism: Mechanism) -> Iterator[Behaviour]:
    """The probed contenders that have code for a service, which takes all that the mechanism states."""
    needed = constants_for(mechanism)
    for name, one in records.probed.items():
        path = EXAMPLES / f"{name}.py"
        if path.is_file():
            text = path.read_text(encoding="utf-8")
            if all(f"\n{constant} = " in text for constant in needed):
                yield one.behaviour


def _hit_ratio(records: LeagueRecords, world: str, entrant: str) -> float | None:
    found = [one.figures["hit_ratio"] for one in records.runs_of(world, HOT_KEY, entrant) if one.figures]
    known = [ratio for ratio in found if ratio is not None]
    return median(known) if known else None


def _shortfalls(behaviour: Behaviour) -> tuple[int, float]:
    """The order of libraries with the same behaviour: fewer probes that did not hold, then commands for a hit."""
    footprint = behaviour.finding("footprint")
    commands = None if footprint is None else footprint.numbers.get("commands_per_hit")
    return sum(1 for _ in _not_held(behaviour)), commands or 0.0


def _not_held(behaviour: Behaviour) -> Iterator[str]:
    return (one.sentence for one in behaviour.findings if one.outcome is FindingOutcome.NOT_HELD)
