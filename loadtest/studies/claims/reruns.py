"""The runs that check claims: real processes one after another, and virtual time on every core."""

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from statistics import fmean

from app.discovery import Discovered
from loadtest.figures.summarise import Finished
from loadtest.studies.claims.evidence import Evidence, figures
from loadtest.studies.claims.published_experiment import PublishedExperiment
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario, Scenario
from loadtest.workload.seeds import run_seed

EvidenceByVariant = Mapping[str, Mapping[str, Evidence]]
"""Evidence by experiment and variant."""


def evidence(experiments: Sequence[PublishedExperiment], found: Discovered) -> EvidenceByVariant:
    """The evidence on every variant, still empty.

    Raises `BadScenario` where a variant's strategy does not exist, or a parameter is out of bounds.
    """
    begun: dict[str, dict[str, Evidence]] = {}
    for one in experiments:
        begun[one.name] = {}
        for name, variant in one.variants.items():
            strategy, workload = found.choosable.get(variant.strategy), one.workload(name)
            if strategy is None:
                why = found.broken.get(variant.strategy, "no such strategy")
                raise BadScenario(f"{one.name}: variants.{name}: {variant.strategy}: {why}")
            try:
                strategy.checked_params(workload.params.get(strategy.name, {}))
            except ValueError as error:
                raise BadScenario(f"{one.name}: variants.{name}: params.{error}") from None
            begun[one.name][name] = Evidence(workload, strategy, has_formula=not variant.unpredicted_because)
    return begun


def native_runs(
    experiments: Iterable[PublishedExperiment], found: EvidenceByVariant, repeats: int, seed: int
) -> list[PlannedRun]:
    """A planned run of every variant that real processes run, and every repeat; repeats are interleaved."""
    variants = [
        found[one.name][name]
        for one in experiments
        for name, variant in one.variants.items()
        if not variant.virtual_because
    ]
    return [
        PlannedRun(of.workload, of.strategy.name, run_seed(seed, repeat), repeat)
        for repeat in range(1, repeats + 1)
        for of in variants
    ]


def virtual_runs(experiments: Iterable[PublishedExperiment], found: EvidenceByVariant, seed: int) -> list[PlannedRun]:
    """A planned run of every variant and seed in virtual time, the longest first, so that the cores end together.

    A warm-up is as long before the load as it was natively.
    """
    runs = [
        PlannedRun(_as_measured(found[one.name][name]), variant.strategy, run_seed(seed, repeat), repeat)
        for one in experiments
        for name, variant in one.variants.items()
        for repeat in range(1, variant.seeds + 1)
    ]
    return sorted(runs, key=lambda run: run.scenario.duration_s * (run.scenario.target_rate or 0.0), reverse=True)


def records_of(folder: Path, run: PlannedRun) -> Path:
    """The folder of a variant's records, named after its scenario: experiment and variant."""
    experiment, _, variant = run.scenario.name.partition(".")
    return folder / experiment / variant


def _as_measured(of: Evidence) -> Scenario:
    leads_s = [one["lead_s"] or 0.0 for one in of.measurements]
    if not leads_s or of.workload.warm.keys == "none":
        return of.workload
    of.workload = of.workload.led_by(fmean(leads_s))
    return of.workload


def keep(found: EvidenceByVariant, finished: Finished) -> None:
    """The sink of both worlds: adds the figures of a run to the evidence on its variant.

    Raises ValueError for a simulation that is no result.
    """
    run, summary = finished.run, finished.summary
    experiment, _, variant = run.scenario.name.partition(".")
    of = found[experiment][variant]
    told = figures(summary, finished.series, run.scenario.cache.ttl_s)
    if summary.world == "virtual":
        if not summary.valid:
            raise ValueError(f"{run.scenario.name}, seed {run.seed}: {'; '.join(summary.incidents)}")
        of.simulations.append(told)
        return
    if summary.requests:
        of.measurements.append(told)
    if not summary.valid:
        of.invalid = "; ".join(filter(None, (of.invalid, *summary.incidents)))
