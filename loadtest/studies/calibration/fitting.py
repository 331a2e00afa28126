"""What virtual time has to be told of a machine so that its latencies are that machine's: CPU per request, and network.

Two figures of each measured run tell them: the CPU time of the pods for each request, and how far the measured median
lies from the simulated one. `BOUND` says what they cannot know.
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
    """What to put under [virtual] in a scenario."""

    service_us: float
    network_ms: float

    @property
    def lines(self) -> tuple[str, str]:
        """As TOML."""
        return f"service_us = {self.service_us:g}", f'network = "fixed({self.network_ms:g})"'

    def put_into(self, scenario: Scenario) -> Scenario:
        """The same scenario with what the lines say."""
        stated = {"service_us": self.service_us, "network": f"fixed({self.network_ms:g})"}
        return scenario.model_copy(update={"virtual": scenario.virtual.model_copy(update=stated)})


def fitted(scenario: Scenario, measured: Sequence[RunSummary], p50_ms: Mapping[str, float]) -> Fit | None:
    """What the measured runs say, beside the simulated medians by strategy; None where no valid one says it.

    The network takes what is left of the difference once the CPU has its part, half of it each way; no less than 0. It
    holds where hits are the median, and pods are idle for most of the time.
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
