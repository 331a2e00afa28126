"""The records of the league: every run that its pages show, with the session that made it and the facts on entrants.

records/entrants.json  records/sessions.json  records/<world>-<workload>.json  records/behaviour.json
"""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from itertools import product
from pathlib import Path
from typing import Any

from loadtest.contract.behaviour.finding import Behaviour, Protection
from loadtest.figures.whole_file import write_whole
from loadtest.studies.league.entrant import Entrant
from loadtest.studies.league.league_run import LeagueRun
from loadtest.studies.league.workloads import WORKLOADS, BadLeague
from loadtest.workload.schema import SCHEMA, of_another

RECORDS = "records"
"""The folder of the records, in that of a league."""
WORLDS = ("native", "virtual")
"""The worlds of the league, in the order of their figures in a cell."""

PROBES_WORD = "behaviour"
"""The word that asks for the probes of the behaviour contract, beside the names of workloads."""

RunKey = tuple[str, str, str, int]
"""World, workload, entrant, number of the repeat."""


@dataclass(frozen=True, slots=True)
class ProbedBehaviour:
    """The findings of the behaviour contract on an entrant, with the session that made them."""

    session: str
    behaviour: Behaviour


@dataclass(slots=True)
class LeagueRecords:
    """All runs by their key, the sessions that made them, and the entrants by name."""

    runs: dict[RunKey, LeagueRun] = field(default_factory=dict)
    sessions: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    """The environment of each session, by its name."""
    entrants: dict[str, Entrant] = field(default_factory=dict)
    probed: dict[str, ProbedBehaviour] = field(default_factory=dict)
    """The findings of the behaviour contract, by entrant."""

    def add(self, run: LeagueRun) -> None:
        self.runs[run.key] = run

    def add_probed(self, one: ProbedBehaviour) -> None:
        self.probed[one.behaviour.contender] = one

    def probed_of(self, entrant: str) -> ProbedBehaviour | None:
        """The findings on an entrant, in the world in which it was probed; None where it was not."""
        return self.probed.get(entrant)

    def protection(self, entrant: str) -> str:
        """The class of protection that was counted."""
        one = self.probed_of(entrant)
        return str(Protection.UNKNOWN if one is None else one.behaviour.protection)

    @property
    def with_figures(self) -> frozenset[RunKey]:
        """The keys of the runs that came to figures; one that failed may be tried again."""
        return frozenset(key for key, one in self.runs.items() if one.figures)

    def without_outdated(self, fingerprints: Mapping[str, str]) -> "LeagueRecords":
        """The records without the runs of workloads that have changed since, by the fingerprints of today."""
        runs = {key: one for key, one in self.runs.items() if one.fingerprint == fingerprints.get(one.workload)}
        return replace(self, runs=runs)

    def has(self, workload: str) -> bool:
        """Whether any run of a workload is kept."""
        return any(one.workload == workload for one in self.runs.values())

    def runs_of(self, world: str, workload: str, entrant: str) -> list[LeagueRun]:
        """The repeats of an entrant, in their order."""
        found = [one for key, one in self.runs.items() if key[:3] == (world, workload, entrant)]
        return sorted(found, key=lambda one: one.repeat)

    def merge(self, newer: "LeagueRecords") -> None:
        """Put newer runs in the place of all runs that the same entrant had in the same world and workload."""
        replaced = {key[:3] for key in newer.runs}
        self.runs = {key: one for key, one in self.runs.items() if key[:3] not in replaced} | newer.runs
        self.entrants |= newer.entrants
        self.probed |= newer.probed
        used = {one.session for one in self.runs.values()} | {one.session for one in self.probed.values()}
        self.sessions = {name: one for name, one in (self.sessions | newer.sessions).items() if name in used}

    def as_dict(self) -> dict[str, Any]:
        """All records as JSON can hold them."""
        return {
            "entrants": [asdict(one) for _, one in sorted(self.entrants.items())],
            "runs": [one.as_dict() for _, one in sorted(self.runs.items())],
            "probed": [asdict(one) for _, one in sorted(self.probed.items())],
            "sessions": dict(sorted(self.sessions.items())),
        }

    def write(self, folder: Path) -> None:
        """Write the records into a league's folder. Raises OSError."""
        records = folder / RECORDS
        records.mkdir(parents=True, exist_ok=True)
        for world, workload in product(WORLDS, WORKLOADS):
            own = [one for key, one in sorted(self.runs.items()) if key[:2] == (world, workload)]
            path = records / f"{world}-{workload}.json"
            if own or path.exists():
                _write(path, "runs", [one.as_dict() for one in own])
        _write(records / "sessions.json", "sessions", dict(sorted(self.sessions.items())))
        _write(records / "entrants.json", "entrants", [asdict(one) for _, one in sorted(self.entrants.items())])
        _write(records / f"{PROBES_WORD}.json", "probed", [asdict(one) for _, one in sorted(self.probed.items())])


def _write(path: Path, name: str, told: Any) -> None:
    """Write a file of records, an entry a line, so that a change of one shows as that."""
    entries = [json.dumps(one, allow_nan=False) for one in told] if isinstance(told, list) else []
    if isinstance(told, dict):
        entries = [f"{json.dumps(key)}: {json.dumps(one, allow_nan=False)}" for key, one in told.items()]
    opening, closing = "[]" if isinstance(told, list) else "{}"
    body = ",\n".join(entries)
    write_whole(path, f'{{"schema": {SCHEMA}, "{name}": {opening}\n{body}\n{closing}}}\n')


def read_records(folder: Path) -> LeagueRecords:
    """The records in a league's folder; empty where there are none. Raises `BadLeague` naming the file."""
    found, records = LeagueRecords(), folder / RECORDS
    if not records.is_dir():
        return found
    for world in WORLDS:
        for name in WORKLOADS:
            for stated in _read(records / f"{world}-{name}.json", "runs"):
                found.add(_made(records / f"{world}-{name}.json", LeagueRun.of, stated))
    found.sessions = dict(_read(records / "sessions.json", "sessions") or {})
    for stated in _read(records / "entrants.json", "entrants"):
        one = _made(records / "entrants.json", Entrant.of, stated)
        found.entrants[one.name] = one
    for stated in _read(records / f"{PROBES_WORD}.json", "probed"):
        found.add_probed(_made(records / f"{PROBES_WORD}.json", _probed, stated))
    return found


def _probed(stated: Mapping[str, Any]) -> ProbedBehaviour:
    return ProbedBehaviour(stated["session"], Behaviour.of_json(json.dumps(stated["behaviour"])))


def _made(path: Path, make: Any, stated: Any) -> Any:
    try:
        return make(stated)
    except (TypeError, AttributeError, KeyError, ValueError) as error:
        raise BadLeague(f"{path}: {error}") from None


def _read(path: Path, name: str) -> Any:
    """The entries of a file; none where it does not exist."""
    try:
        stated = json.loads(path.read_text(encoding="utf-8"))
        if (schema := stated.get("schema")) != SCHEMA:
            raise BadLeague(f"{path}: {of_another(schema, ': run the league again')}")
        return stated[name]
    except FileNotFoundError:
        return []
    except (OSError, ValueError, KeyError, AttributeError) as error:
        raise BadLeague(f"{path}: is no file of the league's records: {error!r}") from None
