"""Request rates by prefix, from counters that are looked at now and then."""

from collections import defaultdict
from collections.abc import Awaitable, Callable, Mapping

Rates = Callable[[], Awaitable[Mapping[str, float]]]
"""A function that tells the requests per second by prefix; empty where none is known yet. Raises `MetricsAway`."""


class MetricsAway(Exception):
    """The metrics cannot be read: their source does not answer, or answers something else."""


class CounterRates:
    """The rates between two looks at the counters of pods, all pods together.

    A counter that has fallen is that of a new process, and has counted since that began. A pod that is seen for the
    first time tells no rate yet.
    """

    def __init__(self) -> None:
        self._last: Mapping[str, Mapping[str, float]] = {}
        self._last_s = 0.0

    def look(self, counts: Mapping[str, Mapping[str, float]], now_s: float) -> dict[str, float]:
        """The requests per second by prefix since the last look; `counts` are the counters by pod and prefix."""
        took_s, rates = now_s - self._last_s, defaultdict[str, float](float)
        for pod in self._last.keys() & counts.keys() if took_s > 0 else ():
            for prefix, count in counts[pod].items():
                before = self._last[pod].get(prefix, 0.0)
                rates[prefix] += (count - before if count >= before else count) / took_s
        self._last, self._last_s = {pod: dict(of_pod) for pod, of_pod in counts.items()}, now_s
        return dict(rates)
