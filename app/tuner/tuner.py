"""The tuner's rounds: read the rates, compute the TTLs, set them. The process and virtual time have the same."""

import asyncio
import logging
import time
from collections.abc import Callable
from typing import Protocol

from app.sparing_log import SparingLog
from app.strategy import CacheAway
from app.tuner.policy import TtlPolicy
from app.tuner.rates import MetricsAway, Rates

log = logging.getLogger(__name__)

EVERY_S = 5.0
"""Seconds between two rounds, unless they are stated."""
ROUNDS_KEPT = 3
"""The rounds for which a TTL stands that no later round has set again."""
PREFIXES_MAX = 100
"""The prefixes that one round sets, the busiest first; a source that tells more of them is none of the lab's."""


class SettingsStore(Protocol):
    """The part of a cache that holds settings."""

    async def set_setting(self, prefix: str, name: str, value: float, for_s: float) -> bool:
        """Implements `app.strategy.Cache.set_setting`."""
        ...


class Tuner:
    """The rounds of one tuner. A round that fails sets nothing, and is logged sparingly."""

    def __init__(
        self,
        rates: Rates,
        policy: TtlPolicy,
        store: SettingsStore,
        every_s: float,
        done: Callable[[], None] = lambda: None,
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        """`done` is called after each round in which the rates were read and every TTL was set."""
        self._rates, self._policy, self._store = rates, policy, store
        self._every_s, self._done = every_s, done
        self._sparing = SparingLog(log, monotonic_s)

    async def run(self) -> None:
        """Tune until cancelled."""
        while True:
            await self.tune()
            await asyncio.sleep(self._every_s)

    async def tune(self) -> None:
        """One round."""
        try:
            rates = await self._rates()
            busiest = sorted(rates, key=lambda prefix: (-rates[prefix], prefix))[:PREFIXES_MAX]
            for prefix, ttl_s in self._policy.ttls_s({prefix: rates[prefix] for prefix in busiest}).items():
                if not await self._store.set_setting(prefix, "ttl_s", ttl_s, ROUNDS_KEPT * self._every_s):
                    raise CacheAway(f"there is no room for one more setting: {prefix}")
        except MetricsAway as away:
            self._sparing.warning("metrics", "no rates, so no TTL is set: %s", away)
        except CacheAway as away:
            self._sparing.warning("settings", "no TTL is set: %s", away)
        else:
            self._done()
