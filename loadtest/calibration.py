"""The same scenario with real processes and in virtual time: what was measured, simulated and predicted, side by side.

Virtual time is worth something only as far as it agrees with what it stands for.
"""

from collections.abc import AsyncIterator, Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import fmean
from typing import Any

from app.strategy import Strategy
from loadtest.bench import Tell, measure_arm
from loadtest.lease import sole_user
from loadtest.measure import Row
from loadtest.native import native_world
from loadtest.prediction import predict
from loadtest.scenario import Scenario
from loadtest.seeds import run_seed
from loadtest.sim.run import simulate
from loadtest.theory import BAND, poisson_band
from loadtest.turns import Turn

SEEDS = 10
"""Simulated for each measured run: their mean is what chance leaves."""
READS_ERROR_MAX = 0.10
SHORT = {"origin_reads": "reads", "origin_peak_1s": "peak in 1 s"}
LEGEND = (
    f"simulated: the mean over {SEEDS} seeds; predicted: by formula, at the measured rate; error: of the simulated "
    f"against the measured figure. Reads agree within {READS_ERROR_MAX:.0%}, peaks within the {BAND:.0%} band of a "
    "Poisson number of the simulated mean."
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
    agrees: bool  # reads within READS_ERROR_MAX of the simulated, a peak within its Poisson band

    @property
    def error(self) -> float:
        """Of the simulated figure, relative to the measured one."""
        return self.simulated / self.measured - 1 if self.measured else 0.0

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
    scenario: Scenario, strategy: type[Strategy], measured: Row, simulated: Callable[[Scenario, int], Row] | None = None
) -> Iterator[Calibration]:
    """What virtual time and theory make of the run that was measured. `simulated` replaces the simulation."""
    same = scenario.led_by(measured.lead_s)
    play = simulated or (lambda played, seed: simulate(played, strategy, seed).row)
    rows = [play(same, run_seed(measured.seed, repeat)) for repeat in range(1, SEEDS + 1)]
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


def all_agree(found: Sequence[Calibration]) -> bool:
    return all(one.agrees for one in found)
