"""The tolerances between a measured figure and the same one of virtual time, by the figure's name."""

from loadtest.theory.formulas import BAND, poisson_band

READS_ERROR_MAX = 0.10
AGE_ERROR_MAX = 0.05
LATENCY_ERROR_MAX = 0.25
"""The tolerance of p50 and p99, which decide nothing: the scenario or a `Fit` states what network and CPU take."""
LATENCIES = ("p50_ms", "p99_ms")
PEAKS = frozenset({"origin_peak_1s", "steady_peak_1s", "cold_peak_1s"})
ERRORS_MAX = {
    "origin_reads": READS_ERROR_MAX,
    "age_p99_s": AGE_ERROR_MAX,
    **dict.fromkeys(LATENCIES, LATENCY_ERROR_MAX),
}
"""The largest distance that agrees, as a share of the simulated figure."""
TOLERANCES = (
    f"Reads agree within {READS_ERROR_MAX:.0%}, peaks within the {BAND:.0%} band of a Poisson number of the simulated "
    f"mean, ages within {AGE_ERROR_MAX:.0%}; latencies, which decide nothing, within {LATENCY_ERROR_MAX:.0%}"
)


def agrees(name: str, measured: float, simulated: float) -> bool | None:
    """Whether a measured figure agrees with the simulated one; None for a figure that has no tolerance."""
    if name in PEAKS:
        low, high = poisson_band(simulated)
        return low <= measured <= high
    if (error_max := ERRORS_MAX.get(name)) is None:
        return None
    return abs(measured - simulated) <= error_max * simulated
