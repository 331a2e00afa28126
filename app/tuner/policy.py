"""The policy of the tuner: from request rates to TTLs. It is pure, so that virtual time has the same as the process."""

import math
from collections import defaultdict
from collections.abc import Collection, Mapping
from dataclasses import dataclass

LEAST, MOST = 0.1, 4.0
"""The bounds of a TTL as shares of the run's: 30 and 1,200 s of 300, as published."""


@dataclass(frozen=True, slots=True)
class TtlPolicy:
    """A prefix lives the longer the more it is asked for: the run's TTL times the root of its rate over the mean.

    The mean is that of the prefixes of one strategy that are asked for at all; others get no TTL.
    """

    ttl_s: float
    least: float = LEAST
    most: float = MOST

    def ttls_s(self, rates_per_s: Mapping[str, float]) -> dict[str, float]:
        """The TTL of each prefix, seconds, from the requests per second of each; a rate that is no number is left out.

        A prefix is a strategy's, a colon and more; without any rate there is no TTL.
        """
        of_strategies: dict[str, dict[str, float]] = defaultdict(dict)
        for prefix, rate in rates_per_s.items():
            if 0 < rate < math.inf:
                of_strategies[prefix.rpartition(":")[0]][prefix] = rate
        return {
            prefix: self.ttl_s * min(max(math.sqrt(rate / _mean(rates.values())), self.least), self.most)
            for rates in of_strategies.values()
            for prefix, rate in rates.items()
        }


def _mean(rates: Collection[float]) -> float:
    """The mean, which is finite and above 0 whatever finite rates above 0 there are, as their sum need not be."""
    return max(math.fsum(rate / len(rates) for rate in rates), min(rates))
