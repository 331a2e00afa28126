"""A machine's CPU time per request and its network's latency, fitted so that virtual time has its latencies.

Two figures of each measured run give them. One is the pods' CPU time per request; the other is the distance of the
measured median from the simulated one. `BOUND` states the limits of this.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import median

from app.latency import Latency
from loadtest.figures.run_summary import RunSummary
from loadtest.workload.scenario import Scenario

BOUND = (
    "service_us is the CPU time of the pods over the load, by its requests; the network is what the median latency "
    "takes beyond that; each is the median over the strategies, so p50 is fitted and p99 is the test. What this cannot "
    "know: that a miss costs more CPU than a hit; what pods do that no request asks for (scrapes, clocks), which "
    "weighs more at low rates; and how long a process of this machine waits for a core, which the slowest answers show."
)


@dataclass(frozen=True, slots=True)
class Fit:
    """The fitted values for the `[virtual]` table of a scenario."""

    service_us: float
    network_ms: float

    @property
    def lines(self) -> tuple[str, str]:
        """The values as lines of TOML."""
        return f"service_us = {self.service_us:g}", f'network = "fixed({self.network_ms:g})"'

    def put_into(self, scenario: Scenario) -> Scenario:
        """The scenario with these values."""
        stated = {"service_us": self.service_us, "network": f"fixed({self.network_ms:g})"}
        return scenario.model_copy(update={"virtual": scenario.virtual.model_copy(update=stated)})


def fitted(scenario: Scenario, measured: Sequence[RunSummary], p50_ms: Mapping[str, float]) -> Fit | None:
    """The fit to measured runs and simulated medians by strategy; None where no valid run has the figures.

    The network takes the part of the difference that is not CPU time, half of it each way, and no less than 0. This
    holds where the median answer is a hit and pods are idle for most of the time.
    """
    valid = [row for row in measured if row.valid]
    services = [row.service_us for row in valid if row.service_us is not None]
    apart = [row.p50_ms - p50_ms[row.strategy] for row in valid if row.p50_ms is not None and row.strategy in p50_ms]
    if not services or not apart:
        return None
    service_us = median(services)
    cpu_ms = (service_us - scenario.virtual.service_us) / 1000
    network_ms = Latency.parse(scenario.virtual.network).mean_ms + (median(apart) - cpu_ms) / 2
    return Fit(round(service_us), max(0.0, round(network_ms, 3)))
