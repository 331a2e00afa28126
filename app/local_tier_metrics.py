"""The metrics of local tiers, as gauges that read them at the scrape, so that a hit counts nothing but itself."""

from collections.abc import Callable

from app.counters import GaugeFamily
from app.local_tier import LruTier

HELP = {
    "hits": "Answers from a pod's own copies",
    "copies": "Copies in a pod",
    "bytes": "Bytes that the copies in a pod take",
    "invalidated": "Copies dropped because their entry was replaced or deleted",
    "emptied": "How often all copies were dropped, because messages may have been lost",
}


class LocalTierMetrics:
    """The gauges of the local tiers of one pod; a strategy without one has none of them."""

    def __init__(self, add: Callable[[GaugeFamily], GaugeFamily]) -> None:
        self._gauges = {name: add(GaugeFamily(f"lab_local_{name}", said, ("strategy",))) for name, said in HELP.items()}

    def watch(self, strategy: str, tier: LruTier | None) -> None:
        """Let the gauges of the strategy read its tier, where it has one."""
        if tier is None:
            return
        read: dict[str, Callable[[], float]] = {
            "hits": lambda: tier.hits,
            "copies": lambda: len(tier),
            "bytes": lambda: tier.bytes,
            "invalidated": lambda: tier.invalidated,
            "emptied": lambda: tier.emptied,
        }
        for name, gauge in self._gauges.items():
            gauge.labels(strategy).read = read[name]
