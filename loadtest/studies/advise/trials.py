"""The trials of an advice: runs in virtual time, each of a candidate in a situation with a seed, none of them twice."""

import asyncio
import math
from collections.abc import Callable, Iterable, Sequence
from typing import NamedTuple

from loadtest.experiment import experiment
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.studies.advise.candidates import Candidate
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation, failed_steady_max, staged
from loadtest.studies.advise.windows import LaterPart
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.seeds import run_seed
from loadtest.worlds.virtual import VirtualWorld
from loadtest.worlds.world import OnProgress, quiet

FAILED_MAX = 15_000
"""The failed requests after which a cold start or a deploy is cut short; an outage may cost more, and is not cut."""
SPREAD_OF_REQUESTS = 6.0
"""The most requests of a run beyond those that are due by its rate, in standard deviations of a Poisson number."""
CHUNK = 4_096
"""Answers between two looks at how many have failed."""
NetsTable = tuple[tuple[str, float], ...]
"""The table `[nets]` of a scenario, as it can be a key of a dictionary."""


class Trial(NamedTuple):
    """One run: a candidate in a situation of the service, with the number of its seed."""

    service: Service
    candidate: Candidate
    situation: Situation
    repeat: int = 1
    nets: NetsTable = ()


class TrialWorld(VirtualWorld):
    """Virtual time, in which a run counts from the second on at which its service is warm."""

    def __init__(self, workers: int | None = None) -> None:
        super().__init__(workers)
        self.begins_s: dict[int, float] = {}
        """The seconds from which runs count, by the `id` of the planned run."""
        self.failed_max: dict[int, float] = {}
        """The failed requests beyond which runs are cut short, by the same."""

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> LaterPart:  # type: ignore[override]
        """Implements `World.run`."""
        return LaterPart(SimulatedHistory(run, chunk=CHUNK), self.begins_s[id(run)], self.failed_max[id(run)])


class Trials:
    """The trials that have been made, and the world in which others are."""

    def __init__(self, world: TrialWorld, seed: int, ended: Callable[[Finished], None] = lambda _: None) -> None:
        """Make trials in an open world; `ended` hears of each one."""
        self._world, self._seed, self._ended = world, seed, ended
        self.rows: dict[Trial, RunSummary] = {}
        self._under_way: dict[Trial, asyncio.Event] = {}
        self.cpu_s = 0.0

    async def make(self, trials: Iterable[Trial]) -> None:
        """Make those trials that are neither made nor under way, as many at once as there are workers."""
        asked = [trial for trial in dict.fromkeys(trials) if trial not in self.rows]
        wanted = [trial for trial in asked if trial not in self._under_way]
        made = asyncio.Event()
        others = [self._under_way[trial] for trial in asked if trial in self._under_way]
        self._under_way |= dict.fromkeys(wanted, made)
        try:
            await self._run(wanted)
        finally:
            made.set()
            for trial in wanted:
                del self._under_way[trial]
        for other in others:
            await other.wait()

    async def _run(self, wanted: Sequence[Trial]) -> None:
        runs = [self.planned(trial) for trial in wanted]
        for trial, run in zip(wanted, runs, strict=True):
            self._world.begins_s[id(run)] = staged(trial.service, trial.situation).begin_s
            self._world.failed_max[id(run)] = failed_max(run, trial)
        finished = await experiment(runs, self._world, [self._ended], quiet)
        for trial, one in zip(wanted, finished, strict=True):
            if one.error is not None:
                raise one.error
            self.rows[trial] = one.summary
            self.cpu_s += one.cpu_s

    def planned(self, trial: Trial) -> PlannedRun:
        """The run of a trial."""
        scenario = staged(trial.service, trial.situation, dict(trial.nets)).scenario
        candidate = trial.candidate
        if candidate.parameters:
            scenario = scenario.with_params(candidate.strategy, candidate.params)
        return PlannedRun(scenario, candidate.strategy, run_seed(self._seed, trial.repeat), trial.repeat)

    def of(self, service: Service, candidate: Candidate, situation: Situation) -> list[RunSummary]:
        """The summaries of a candidate in a situation, by their seeds."""
        known = [
            (trial.repeat, row)
            for trial, row in self.rows.items()
            if (trial.service, trial.candidate, trial.situation, trial.nets) == (service, candidate, situation, ())
        ]
        return [row for _, row in sorted(known, key=lambda one: one[0])]


def failed_max(run: PlannedRun, trial: Trial) -> float:
    """The failed requests after which a run need not be watched any more, because what it says will not change.

    A steady state with more than `failed_steady_max` is out, however it goes on. Failures are not taken
    back, and so many more requests than are due do not come.
    """
    due = (run.scenario.target_rate or 0.0) * run.scenario.duration_s
    most = due + SPREAD_OF_REQUESTS * math.sqrt(due)
    if trial.situation is Situation.OUTAGE:
        return most
    return failed_steady_max(trial.service) * most if trial.situation is Situation.STEADY else min(FAILED_MAX, most)


def trials_of(
    service: Service, candidates: Sequence[Candidate], situations: Sequence[Situation], repeats: Sequence[int] = (1,)
) -> list[Trial]:
    """The trials of all those candidates in all those situations."""
    return [
        Trial(service, candidate, situation, repeat)
        for repeat in repeats
        for situation in situations
        for candidate in candidates
    ]
