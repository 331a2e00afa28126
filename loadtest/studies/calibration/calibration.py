"""The same scenario with real processes and in virtual time: what was measured, simulated and predicted, side by side.

Virtual time is worth something only as far as it agrees with what it stands for.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from app.strategy import Strategy
from loadtest.figures.run_summary import Row
from loadtest.sim.cluster.simulate import simulate
from loadtest.studies.calibration.fitting import Fit
from loadtest.theory.formulas import BAND, poisson_band
from loadtest.theory.predict import predict
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import Scenario
from loadtest.workload.seeds import run_seed
from loadtest.worlds.lease import sole_user
from loadtest.worlds.native import native_world
from loadtest.worlds.recorded_run import Tell, measure_arm

Play = Callable[[Scenario, int], Row]
"""A run of a scenario with a seed."""
SEEDS = 10
"""Simulated for each measured run: their mean is what chance leaves."""
READS_ERROR_MAX = 0.10
AGE_ERROR_MAX = 0.05
LATENCY_ERROR_MAX = 0.25
"""Of p50 and p99. They decide nothing: a hit takes what the scenario or a `Fit` says of network and CPU."""
LATENCIES = ("p50_ms", "p99_ms")
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
    f"Reads agree within {READS_ERROR_MAX:.0%}, peaks within the {BAND:.0%} band of a "
    f"Poisson number of the simulated mean, ages within {AGE_ERROR_MAX:.0%}; latencies, which decide nothing, within "
    f"{LATENCY_ERROR_MAX:.0%}, with the scenario's [virtual] and with this machine's."
)


@dataclass(frozen=True, slots=True)
class Calibration:
    """One figure of one strategy in one scenario."""

    scenario: str
    strategy: str
    figure: str
    measured: float
    simulated: float  # the mean over `SEEDS` seeds
    predicted: float | None  # None where theory has nothing to say
    agrees: bool  # by the tolerance that `LEGEND` states for this figure
    fit: Fit | None = None  # what virtual time was told of the machine; None: what the scenario says

    @property
    def decides(self) -> bool:
        """Whether a disagreement is one of the two worlds."""
        return self.figure not in LATENCIES

    @property
    def error(self) -> float:
        """Of the simulated figure, relative to the measured one."""
        return self.simulated / self.measured - 1 if self.measured else 0.0

    @property
    def ratio(self) -> float:
        """Of the measured figure to the simulated one, of which the tolerances are."""
        return self.measured / self.simulated if self.simulated else 1.0

    def as_dict(self) -> dict[str, Any]:
        return asdict(self) | {"error": round(self.error, 4)}


async def measure(
    scenario: Scenario, strategies: Sequence[str], seed: int, folder: Path, tell: Tell
) -> AsyncIterator[Row]:
    """The real runs, one after another; one that failed is a row that is no result. Raises `WorldFailed`."""
    async with sole_user("lab calibrate") as lease:
        for strategy in strategies:
            _, row, _ = await measure_arm(scenario, Turn(strategy), seed, folder, tell, native_world, lease)
            yield row


def calibrate(
    scenario: Scenario, strategy: type[Strategy], measured: Row, simulated: Play | None = None
) -> Iterator[Calibration]:
    """What virtual time and theory make of the run that was measured. `simulated` replaces the simulation."""
    same = scenario.led_by(measured.lead_s)
    rows = _played(same, strategy, measured.seed, simulated)
    rate_per_s = measured.requests / measured.duration_s
    prediction = predict(same, strategy, rate_per_s, scenario.duration_s)
    reads = fmean(row.origin_reads for row in rows)
    yield Calibration(
        scenario.name,
        strategy.name,
        "origin_reads",
        measured.origin_reads,
        round(reads, 1),
        None if prediction is None else round(prediction.origin_reads, 1),
        abs(measured.origin_reads - reads) <= READS_ERROR_MAX * reads,
    )
    peak = fmean(row.origin_peak_1s for row in rows)
    low, high = poisson_band(peak)
    yield Calibration(
        scenario.name,
        strategy.name,
        "origin_peak_1s",
        measured.origin_peak_1s,
        round(peak, 1),
        None if prediction is None else round(prediction.origin_peak_1s, 1),
        low <= measured.origin_peak_1s <= high,
    )
    yield from _beside(
        scenario, measured, rows, {"age_p99_s": AGE_ERROR_MAX, **dict.fromkeys(LATENCIES, LATENCY_ERROR_MAX)}
    )


def calibrate_again(
    scenario: Scenario, strategy: type[Strategy], measured: Row, fit: Fit, simulated: Play | None = None
) -> list[Calibration]:
    """The latencies alone, in virtual time that was told what `fit` found."""
    rows = _played(fit.put_into(scenario).led_by(measured.lead_s), strategy, measured.seed, simulated)
    return list(_beside(scenario, measured, rows, dict.fromkeys(LATENCIES, LATENCY_ERROR_MAX), fit))


def _played(scenario: Scenario, strategy: type[Strategy], seed: int, simulated: Play | None) -> list[Row]:
    play = simulated or (lambda played, seed: simulate(played, strategy, seed).row)
    return [play(scenario, run_seed(seed, repeat)) for repeat in range(1, SEEDS + 1)]


def _beside(
    scenario: Scenario, measured: Row, rows: Sequence[Row], tolerances: Mapping[str, float], fit: Fit | None = None
) -> Iterator[Calibration]:
    """Figures of answers, by tolerance; none where no answer was good."""
    for name, tolerance in tolerances.items():
        real, played = getattr(measured, name), [getattr(row, name) for row in rows]
        if real is None or None in played:
            continue
        mean = fmean(played)
        agrees = abs(real - mean) <= tolerance * mean
        yield Calibration(scenario.name, measured.strategy, name, real, round(mean, 3), None, agrees, fit)


def all_agree(found: Sequence[Calibration]) -> bool:
    """Of the figures that decide."""
    return all(one.agrees for one in found if one.decides)
