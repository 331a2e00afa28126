"""Runs whatever it takes to check claims: real processes one after another, then virtual time on every core."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from pathlib import Path
from statistics import fmean

from app.discovery import Discovered
from loadtest.sim.pool import Done, Job, cores, local_workers, run_all
from loadtest.studies.claims.evidence import Evidence, figures
from loadtest.studies.claims.experiment import Experiment
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import BadScenario, Scenario
from loadtest.workload.seeds import run_seed
from loadtest.worlds.lease import sole_user
from loadtest.worlds.native import native_world
from loadtest.worlds.recorded_run import Tell, measure_arm

Found = Mapping[str, Mapping[str, Evidence]]
"""Evidence by experiment and arm."""
Live = Callable[[Scenario], AbstractContextManager[Tell]]
"""Shows how far a run is."""


def evidence(experiments: Sequence[Experiment], found: Discovered) -> Found:
    """Nothing as yet, for every arm. Raises `BadScenario` where an arm's strategy is not there, or not tuned so."""
    begun: dict[str, dict[str, Evidence]] = {}
    for one in experiments:
        begun[one.name] = {}
        for name, arm in one.arms.items():
            strategy, workload = found.strategies.get(arm.strategy), one.workload(name)
            if strategy is None:
                why = found.broken.get(arm.strategy, "no such strategy")
                raise BadScenario(f"{one.name}: arms.{name}: {arm.strategy}: {why}")
            try:
                strategy.tuned(workload.tune.get(strategy.name, {}))
            except ValueError as error:
                raise BadScenario(f"{one.name}: arms.{name}: tune.{error}") from None
            begun[one.name][name] = Evidence(workload, strategy, has_formula=not arm.unpredicted_because)
    return begun


def native_arms(experiments: Iterable[Experiment]) -> Iterator[tuple[str, str]]:
    """Experiment and arm of whatever real processes run."""
    return ((one.name, name) for one in experiments for name, arm in one.arms.items() if not arm.virtual_because)


async def measure(
    experiments: Sequence[Experiment], found: Found, repeats: int, seed: int, folder: Path, live: Live
) -> None:
    """Every native arm, alone on the machine; repeats are interleaved. Records go to `folder`. Raises `WorldFailed`."""
    async with sole_user("lab claims") as lease:
        for repeat in range(1, repeats + 1):
            for experiment, arm in native_arms(experiments):
                of = found[experiment][arm]
                turn = Turn(of.strategy.name, repeat)
                with live(of.workload) as tell:
                    into = folder / experiment / arm
                    _, row, series = await measure_arm(of.workload, turn, seed, into, tell, native_world, lease)
                if row.requests:
                    of.measurements.append(figures(row, series, of.workload.cache.ttl_s))
                if not row.valid:
                    of.invalid = "; ".join(filter(None, (of.invalid, *row.events)))


def jobs(experiments: Iterable[Experiment], found: Found, seed: int) -> list[Job]:
    """Every arm with every seed, in virtual time. A warm-up is as long before the load as it was natively."""
    return [
        Job(_as_measured(found[one.name][name]), arm.strategy, run_seed(seed, repeat), repeat)
        for one in experiments
        for name, arm in one.arms.items()
        for repeat in range(1, arm.seeds + 1)
    ]


def _as_measured(of: Evidence) -> Scenario:
    leads_s = [one["lead_s"] or 0.0 for one in of.measurements]
    if not leads_s or of.workload.warm.keys == "none":
        return of.workload
    of.workload = of.workload.led_by(fmean(leads_s))
    return of.workload


def simulate(work: Sequence[Job], found: Found, told: Callable[[], None]) -> None:
    """The jobs, the longest first, so that no core is left with one of them in the end. Raises as `run_all`."""

    def keep(done: Done) -> None:
        experiment, _, arm = done.job.scenario.name.partition(".")
        of = found[experiment][arm]
        of.simulations.append(figures(done.row, done.series, done.job.scenario.cache.ttl_s))
        if not done.row.valid:
            raise ValueError(f"{done.job.scenario.name}, seed {done.job.seed}: {'; '.join(done.row.events)}")
        told()

    if work:
        order = sorted(work, key=lambda job: job.scenario.duration_s * (job.scenario.target_rate or 0.0), reverse=True)
        with local_workers(min(cores(), len(order))) as pool:
            run_all(order, pool, keep)
