"""The runs and probes of a league: each is kept in the records as it ends, whatever ends the league."""

import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from app.contender_strategy import ContenderStrategy
from app.discovery import Discovered
from loadtest.cli.conduct import KEEP_EVERY_S, real, run_in, virtual
from loadtest.cli.running import guarded, this_run
from loadtest.cli.terminal import console
from loadtest.contract.behaviour.examination import examine, world_of
from loadtest.contract.behaviour.finding import Behaviour
from loadtest.figures.run_folder import keep_plan, new_run_folder
from loadtest.figures.summarise import Finished
from loadtest.report.contents import VIRTUAL
from loadtest.report.write import not_run, write_results
from loadtest.studies.league.entrant import Entrant
from loadtest.studies.league.league_records import PROBES_WORD, LeagueRecords, ProbedBehaviour
from loadtest.studies.league.league_run import league_run, refused
from loadtest.studies.league.plan import LeaguePart

LINES_MAX = 20
"""The most lines of progress, where the output is no terminal."""


@dataclass(slots=True)
class LeagueRunner:
    """The one who carries out runs and probes, and keeps what they leave in the records and in the folder."""

    records: LeagueRecords
    folder: Path
    found: Discovered
    seed: int
    workers: int | None
    at_once: int = 1
    """The native runs that take place side by side, each with pods and a Redis of its own."""

    def carry_out(self, world: str, parts: Sequence[LeaguePart]) -> None:
        """Carry out the runs of a world; the refused are kept with their reason. Exits as `guarded` does."""
        is_virtual = world == "virtual"
        about = this_run(self.seed, is_virtual) | (VIRTUAL if is_virtual else {})
        session = self._session(world, about)
        for part in parts:
            for name, why in part.refused.items():
                version = self.records.entrants[name].version
                made = part.workload.fingerprint
                self.records.add(refused(name, world, part.workload.name, session, made, why, version))
        runs = [run for part in parts for run in part.runs]
        if runs and is_virtual:
            self._simulate(session, parts)
        elif runs:
            self._measure(session, parts, about)
        self.records.write(self.folder)

    def probe(self, entrants: Sequence[Entrant], worlds: Sequence[str]) -> None:
        """Ask the behaviour contract's probes of each contender that was not asked in this version yet."""
        session = ""
        for one in entrants:
            strategy, known = self.found.choosable[one.name], self.records.probed_of(one.name)
            if not issubclass(strategy, ContenderStrategy) or world_of(strategy.contender) not in worlds:
                continue
            if known is not None and known.behaviour.version == one.version:
                continue
            session = session or self._session(PROBES_WORD, this_run(self.seed))
            console.print(f"{one.name}: the probes …", markup=False, highlight=False)
            behaviour: Behaviour = guarded(examine(strategy.contender))
            self.records.add_probed(ProbedBehaviour(session, behaviour))
            self.records.write(self.folder)

    def _session(self, what: str, about: dict[str, Any]) -> str:
        name = f"{time.strftime('%Y%m%d-%H%M%S')}-{what}"
        self.records.sessions[name] = about
        return name

    def _simulate(self, session: str, parts: Sequence[LeaguePart]) -> None:
        runs = [run for part in parts for run in part.runs]
        fingerprints = {part.workload.name: part.workload.fingerprint for part in parts}
        kept_s = time.monotonic()

        def keep(one: Finished) -> None:
            nonlocal kept_s
            self._keep(one, session, fingerprints[one.run.scenario.name])
            if time.monotonic() - kept_s > KEEP_EVERY_S:
                self.records.write(self.folder)
                kept_s = time.monotonic()

        try:
            with virtual(len(runs), self.workers, lines_max=LINES_MAX) as shown:
                guarded(run_in(shown, runs, keep))
        finally:
            self.records.write(self.folder)

    def _measure(self, session: str, parts: Sequence[LeaguePart], about: dict[str, Any]) -> None:
        """Measure part after part; each has a folder as `lab bench` makes it."""
        for part in parts:
            if part.runs:
                self._measure_part(session, part, about)

    def _measure_part(self, session: str, part: LeaguePart, about: dict[str, Any]) -> None:
        place = new_run_folder(self.folder, part.workload.name, about, part.workload.scenario)
        keep_plan(place, part.runs)
        ended, fingerprint = list[Finished](), part.workload.fingerprint

        def keep(one: Finished) -> None:
            ended.append(one)
            self._keep(one, session, fingerprint, str((place / "raw" / one.run.label).relative_to(self.folder)))
            self.records.write(self.folder)

        try:
            with real(part.world, lambda _: place, about["command"]) as shown:
                guarded(run_in(shown, part.runs, keep, at_once=self.at_once))
        finally:
            if ended:
                missing = not_run(part.runs, [one.run for one in ended])
                write_results(place, ended, part.workload.scenario, about, self.found, missing, is_new=False)

    def _keep(self, one: Finished, session: str, fingerprint: str, folder: str = "") -> None:
        version = self.records.entrants[one.run.strategy].version
        self.records.add(league_run(one, session, fingerprint, version, folder))
