"""A scenario's measured, simulated and predicted figures, side by side.

A simulated figure is worth as much as its agreement with the measured one.
"""

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass, replace
from statistics import fmean
from typing import Any

from app.strategy import Strategy
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished
from loadtest.studies.calibration.agreement import LATENCIES, TOLERANCES, agrees
from loadtest.studies.calibration.fitting import Fit
from loadtest.theory.predict import predict
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.seeds import run_seed

SEEDS = 10
"""Simulated runs for each measured one; their mean is compared, so that chance weighs little."""
SHORT = {
    "origin_reads": "reads",
    "origin_peak_1s": "peak in 1 s",
    "age_p99_s": "age p99 s",
    "p50_ms": "p50 ms",
    "p99_ms": "p99 ms",
}
LEGEND = (
    f"simulated: the mean over {SEEDS} seeds; predicted: by formula, at the measured rate; error: of the simulated "
    "against the measured figure; ratio: measured over simulated. "
    f"{TOLERANCES}, with the scenario's [virtual] and with this machine's."
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One figure of one strategy in one scenario: measured, simulated and predicted."""

    scenario: str
    strategy: str
    figure: str
    measured: float
    simulated: float  # the mean over `SEEDS` seeds
    predicted: float | None  # None where no formula applies
    agrees: bool  # by the tolerance that `LEGEND` states for this figure
    fit: Fit | None = None  # the costs that were fitted to the machine; None: the scenario's own

    @property
    def decides(self) -> bool:
        """Whether a disagreement fails the calibration; a latency's, which is the machine's, does not."""
        return self.figure not in LATENCIES

    @property
    def error(self) -> float:
        """The simulated figure's distance from the measured one, as a share of it."""
        return self.simulated / self.measured - 1 if self.measured else 0.0

    @property
    def ratio(self) -> float:
        """The measured figure over the simulated one."""
        return self.measured / self.simulated if self.simulated else 1.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"error": round(self.error, 4)}


def beside(measured: Sequence[Finished], fit: Fit | None = None, seeds: int = SEEDS) -> list[PlannedRun]:
    """The plan of the measured runs for virtual time, each with as many seeds as `seeds` says.

    The warm-up is as long as the measured one, and network and CPU take what `fit` found.
    """
    return [
        replace(run, scenario=fitted.led_by(summary.lead_s), seed=run_seed(run.seed, number), repeat=number)
        for run, summary, *_ in measured
        for fitted in [run.scenario if fit is None else fit.put_into(run.scenario)]
        for number in range(1, seeds + 1)
    ]


def calibrate(
    scenario: Scenario, strategy: type[Strategy], measured: RunSummary, rows: Sequence[RunSummary]
) -> Iterator[Calibration]:
    """The measured run compared with the `rows` of virtual time and with the formulas."""
    rate_per_s = measured.requests / measured.duration_s
    prediction = predict(scenario.led_by(measured.lead_s), strategy, rate_per_s, scenario.duration_s)
    for name in ("origin_reads", "origin_peak_1s"):
        real, mean = getattr(measured, name), fmean(getattr(row, name) for row in rows)
        predicted = None if prediction is None else round(getattr(prediction, name), 1)
        is_near = bool(agrees(name, real, mean))
        yield Calibration(scenario.name, strategy.name, name, real, round(mean, 1), predicted, is_near)
    yield from _beside(scenario, measured, rows, ("age_p99_s", *LATENCIES))


def calibrate_again(
    scenario: Scenario, measured: RunSummary, fit: Fit, rows: Sequence[RunSummary]
) -> list[Calibration]:
    """The latencies alone, compared with the `rows` that virtual time gave with `fit`."""
    return list(_beside(scenario, measured, rows, LATENCIES, fit))


def _beside(
    scenario: Scenario,
    measured: RunSummary,
    rows: Sequence[RunSummary],
    names: Sequence[str],
    fit: Fit | None = None,
) -> Iterator[Calibration]:
    """The figures of answers, each by its tolerance; none where no answer was good."""
    for name in names:
        real, played = getattr(measured, name), [getattr(row, name) for row in rows]
        if real is None or None in played:
            continue
        mean = fmean(played)
        is_near = bool(agrees(name, real, mean))
        yield Calibration(scenario.name, measured.strategy, name, real, round(mean, 3), None, is_near, fit)


def all_agree(found: Sequence[Calibration]) -> bool:
    """Whether every figure that decides agrees."""
    return all(one.agrees for one in found if one.decides)
