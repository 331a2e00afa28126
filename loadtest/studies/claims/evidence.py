"""The figures of a variant's runs: simulated over seeds, measured over repeats, predicted by formula."""

import dataclasses
import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from statistics import fmean, median
from typing import Any

import numpy as np

from app.strategy import Strategy
from loadtest.figures.records import Floats
from loadtest.figures.run_summary import RunSummary, Series
from loadtest.theory.predict import Prediction, predict
from loadtest.workload.scenario import Scenario

PANEL_S = 5
"""The window of a panel that smooths, seconds."""
SPIKE_READS = 50
"""The most reads in a second that is no spike, in "Cache stampede, a primer"."""
SETTLED_TTLS = 2
"""TTLs after which every key has expired twice, and the peak of the cold start is over."""

Figures = Mapping[str, float | None]
"""The figures of a run by name, those in a table of its row by dotted name; None where the run has none."""


def _per_second(series: Series) -> Floats:
    """The reads in each sliding second that begins with a bin."""
    bins = max(1, round(1 / series.bin_s))
    return np.convolve(series.origin_reads, np.full(bins, 1 / bins), "valid")


def _settled_peak(row: RunSummary, series: Series, ttl_s: float) -> float:
    settled = _per_second(series)[round(SETTLED_TTLS * ttl_s / series.bin_s) :]
    return float(settled.max()) if len(settled) else 0.0


def _panel(row: RunSummary, series: Series, ttl_s: float) -> float:
    window = round(PANEL_S / series.bin_s)
    return float(np.convolve(series.origin_reads, np.full(window, 1 / window), "valid").max())


def _spike_s(row: RunSummary, series: Series, ttl_s: float) -> float:
    bins = max(1, round(1 / series.bin_s))
    whole = len(series.origin_reads) // bins * bins
    reads = series.origin_reads[:whole].reshape(-1, bins).mean(axis=1)
    return float(np.sum(reads > SPIKE_READS))


def _of_expiry(number: int, series: Series, ttl_s: float) -> slice:
    """The bins of one TTL around the moment at which what was written at the load's start expires so many times."""
    begin, end = ((number + apart) * ttl_s / series.bin_s for apart in (-0.5, 0.5))
    return slice(round(begin), round(end))


def _expiry_peak(number: int) -> Callable[[RunSummary, Series, float], float | None]:
    def peak(row: RunSummary, series: Series, ttl_s: float) -> float | None:
        reads = _per_second(series)[_of_expiry(number, series, ttl_s)]
        return float(reads.max()) if len(reads) else None

    return peak


def _expiry_coherence(number: int) -> Callable[[RunSummary, Series, float], float | None]:
    def coherence(row: RunSummary, series: Series, ttl_s: float) -> float | None:
        bins = _of_expiry(number, series, ttl_s)
        reads, time_s = series.origin_reads[bins], series.time_s[bins]
        total = float(reads.sum())
        return float(abs((reads * np.exp(2j * np.pi * time_s / ttl_s)).sum())) / total if total else None

    return coherence


DERIVED: Mapping[str, Callable[[RunSummary, Series, float], float | None]] = {
    "miss_ratio": lambda row, series, ttl_s: None if row.hit_ratio is None else 1 - row.hit_ratio,
    "settled_peak_1s": _settled_peak,  # most reads in a second, from `SETTLED_TTLS` TTLs on
    "panel_5s": _panel,  # the highest value of rate(x[5s]), per second
    "spike_s": _spike_s,  # whole seconds with more than `SPIKE_READS` reads
    # of the TTL around the first and the second expiry of what was written as the load began: the most reads in a
    # second, and how much of a common phase the reads have, from 0 for evenly spread to 1 for all at once
    "first_expiry_peak_1s": _expiry_peak(1),
    "second_expiry_peak_1s": _expiry_peak(2),
    "first_expiry_coherence": _expiry_coherence(1),
    "second_expiry_coherence": _expiry_coherence(2),
}
"""Figures beyond those of a row, each computed from the row, its series and the TTL."""
_TABLES = frozenset({"statuses", "reads_by_reason", "stampedes", "nets"})
_NUMBERS = frozenset(
    one.name for one in dataclasses.fields(RunSummary) if one.type in {int, float, int | None, float | None}
)


def is_figure(name: str) -> bool:
    """Whether runs have a figure of that name."""
    return name in DERIVED or name in _NUMBERS or name.partition(".")[0] in _TABLES


def figures(row: RunSummary, series: Series, ttl_s: float) -> dict[str, float | None]:
    """All figures of a run, the derived ones too."""
    return dict(_flat(dataclasses.asdict(row))) | {name: count(row, series, ttl_s) for name, count in DERIVED.items()}


def _flat(table: Mapping[str, Any], prefix: str = "") -> list[tuple[str, float | None]]:
    found: list[tuple[str, float | None]] = []
    for name, value in table.items():
        if isinstance(value, Mapping):
            found += _flat(value, f"{prefix}{name}.")
        elif value is None or (isinstance(value, int | float) and not isinstance(value, bool)):
            found.append((prefix + name, value))
    return found


def _over(runs: Sequence[Figures], name: str, how: Callable[[Sequence[float]], float]) -> float | None:
    """The figure over all runs, combined by `how`; None where a run lacks it. An event that did not happen is 0."""
    values = [one.get(name, 0.0) for one in runs]
    known = [value for value in values if value is not None]
    return how(known) if known and len(known) == len(values) else None


@dataclass(slots=True)
class Evidence:
    """The evidence on one variant: its runs in each world, and what predicts them."""

    workload: Scenario
    strategy: type[Strategy]
    has_formula: bool = True
    """Whether the assumptions of `loadtest.theory.predict` hold for this variant."""
    simulations: list[Figures] = field(default_factory=list)
    measurements: list[Figures] = field(default_factory=list)
    invalid: str = ""
    """The reason why a native run is no result, which discards all native runs; empty where all are valid."""

    def simulated(self, name: str) -> float | None:
        """The mean over the seeds; None where none was run. An event that did not happen is 0."""
        return _over(self.simulations, name, fmean)

    def by_seed(self, name: str) -> list[float]:
        """The figure of every simulated run, in the order of their seeds; NaN where a run has none."""
        runs = sorted(self.simulations, key=lambda one: one.get("seed") or 0.0)
        return [math.nan if (value := one.get(name, 0.0)) is None else value for one in runs]

    def measured(self, name: str) -> float | None:
        """The median over the repeats; None where none was run, or one of them is no result."""
        return None if self.invalid else _over(self.measurements, name, median)

    def predicted(self, name: str) -> float | None:
        """The figure by formula, at the measured or else the simulated rate; None where no formula applies."""
        requests = self.measured("requests") or self.simulated("requests")
        if not requests:
            return None
        duration_s = self.workload.duration_s
        found = predict(self.workload, self.strategy, requests / duration_s, duration_s)
        return None if found is None else _predicted(found, name, requests)


def _predicted(found: Prediction, name: str, requests: float) -> float | None:
    match name:
        case "origin_reads" | "origin_peak_1s" | "hit_ratio":
            return float(getattr(found, name))
        case "miss_ratio":
            return 1 - found.hit_ratio
        case "stampedes.hot.mean":
            return found.reads_per_expiry
        case "statuses.stale":
            return found.stale_share * requests
    return None
