"""A prediction's question, in the numbers that formulas and their conditions share."""

import math
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from app.latency import Latency
from app.strategy import Mechanism, MechanismKind, Strategy
from loadtest.workload.scenario import Scenario

SURE = 0.999
"""The share of the loads that the longest latency covers."""
SIGMAS = 2.5
"""The standard deviations above its mean up to which a count is expected."""


@dataclass(frozen=True)
class Question:
    """A prediction's question: a strategy in a scenario, at a measured rate."""

    scenario: Scenario
    strategy: type[Strategy]
    rate_per_s: float
    duration_s: float

    @cached_property
    def mechanism(self) -> Mechanism | None:
        """The strategy's mechanism; None where it has no such parameter."""
        try:
            return self.scenario.stated(self.strategy).mechanism()
        except ValueError:
            return None

    @property
    def kind(self) -> MechanismKind:
        """The mechanism's kind; unknown where there is none."""
        return MechanismKind.UNKNOWN if self.mechanism is None else self.mechanism.kind

    @property
    def is_herd(self) -> bool:
        """Whether each request that finds nothing loads."""
        return self.kind is MechanismKind.NONE

    @property
    def leaders_max(self) -> int:
        """The loads of one key at once, at most, where requests are collapsed."""
        return (self.mechanism.leaders_max(self.scenario.pods) if self.mechanism else None) or 1

    @cached_property
    def latency(self) -> Latency:
        return Latency.parse(self.scenario.origin.latency)

    @cached_property
    def load_s(self) -> float:
        """The mean time of a load, seconds."""
        return self.latency.mean_ms / 1000

    @cached_property
    def longest_load_s(self) -> float:
        """The longest time of a load but for one in a thousand, seconds."""
        low, high = 0.0, self.latency.longest_ms
        for _ in range(60):
            middle = (low + high) / 2
            low, high = (low, middle) if self.latency.cdf(middle) >= SURE else (middle, high)
        return high / 1000

    @cached_property
    def least_ttl_s(self) -> float:
        assert self.mechanism is not None
        return self.mechanism.least_ttl_s(self.scenario.cache.ttl_s)

    @cached_property
    def pause_s(self) -> float:
        """A user's pause between an answer that is quick and the next request, seconds; 0 in an open loop."""
        load = self.scenario.load
        if load.users is None:
            return 0.0
        return load.think_s or load.users / (load.rate_per_s or math.inf)

    @cached_property
    def is_waiting(self) -> bool:
        """Whether users wait for their answers and then pause, so that a slow service is asked less."""
        return self.scenario.load.think_s is not None

    @cached_property
    def network_s(self) -> float:
        """The mean way there and back, seconds."""
        return 2 * Latency.parse(self.scenario.virtual.network).mean_ms / 1000

    @cached_property
    def loads_of_all_keys(self) -> float:
        """Loads at once, on average, when all keys are gone: at a cold start, or together after a burst."""
        shares = self.scenario.keys.shares()
        asked = self.rate_per_s * shares * self.load_s
        if self.is_herd:
            together = float(asked.sum())
            if self.is_waiting:
                together = min(together, float(self.scenario.load.users or 0))
        else:
            together = float(-self.leaders_max * np.expm1(-asked / self.leaders_max).sum())
        return together

    def loads_at_once(self, pods: int) -> float:
        """The most loads at once that are expected in so many pods together."""
        each, scatter = self.loads_of_all_keys * pods / self.scenario.pods, 1.0
        if not self.is_herd:  # of each key one or none, in each pod that leads for itself
            scatter = max(0.0, 1 - self.loads_of_all_keys / (self.scenario.keys.count * self.leaders_max))
        return min(self.loads_of_all_keys, each + SIGMAS * math.sqrt(scatter * each))
