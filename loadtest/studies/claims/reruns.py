"""The runs that it takes to check claims: real processes one after another, and virtual time on every core."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from app.discovery import Discovered
from loadtest.figures.summarise import Finished
from loadtest.studies.claims.evidence import Evidence, figures
from loadtest.studies.claims.experiment import Experiment
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario, Scenario
from loadtest.workload.seeds import run_seed

Found = Mapping[str, Mapping[str, Evidence]]
"""Evidence by experiment and arm."""


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


def native_runs(experiments: Iterable[Experiment], found: Found, repeats: int, seed: int) -> list[PlannedRun]:
    """Every arm that real processes run; repeats are interleaved."""
    arms = [found[one.name][name] for one in experiments for name, arm in one.arms.items() if not arm.virtual_because]
    return [
        PlannedRun(of.workload, of.strategy.name, run_seed(seed, repeat), repeat)
        for repeat in range(1, repeats + 1)
        for of in arms
    ]


def virtual_runs(experiments: Iterable[Experiment], found: Found, seed: int) -> list[PlannedRun]:
    """Every arm with every seed in virtual time, the longest first, so that no core is left with one in the end.

    A warm-up is as long before the load as it was natively.
    """
    runs = [
        PlannedRun(_as_measured(found[one.name][name]), arm.strategy, run_seed(seed, repeat), repeat)
        for one in experiments
        for name, arm in one.arms.items()
        for repeat in range(1, arm.seeds + 1)
    ]
    return sorted(runs, key=lambda run: run.scenario.duration_s * (run.scenario.target_rate or 0.0), reverse=True)


def records_of(folder: Path, run: PlannedRun) -> Path:
    """The folder of an arm's records: its scenario is named after experiment and arm."""
    experiment, _, arm = run.scenario.name.partition(".")
    return folder / experiment / arm


def _as_measured(of: Evidence) -> Scenario:
    leads_s = [one["lead_s"] or 0.0 for one in of.measurements]
    if not leads_s or of.workload.warm.keys == "none":
        return of.workload
    of.workload = of.workload.led_by(fmean(leads_s))
    return of.workload


def keep(found: Found, finished: Finished) -> None:
    """The sink of both worlds: the figures of a run, with the others of its arm.

    Raises ValueError for a simulation that is no result.
    """
    run, summary = finished.run, finished.summary
    experiment, _, arm = run.scenario.name.partition(".")
    of = found[experiment][arm]
    told = figures(summary, finished.series, run.scenario.cache.ttl_s)
    if summary.world == "virtual":
        if not summary.valid:
            raise ValueError(f"{run.scenario.name}, seed {run.seed}: {'; '.join(summary.events)}")
        of.simulations.append(told)
        return
    if summary.requests:
        of.measurements.append(told)
    if not summary.valid:
        of.invalid = "; ".join(filter(None, (of.invalid, *summary.events)))
