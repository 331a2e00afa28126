"""The seam between nets and cache: what the nets, and local tiers, need of a cache beyond what strategies see."""

from typing import Protocol

from app.local_tier import LocalTiers
from app.strategy import Cache, Entry


class NetCache(Cache, Protocol):
    """A cache that keeps entries for `stale_if_error_s` past their time, and marks failures.

    Its `get` does not serve such an entry, and its `lock` raises `LoadJustFailed` while a mark is there.
    """

    @property
    def local_tiers(self) -> LocalTiers:
        """The local tiers of the pod, which hear from the cache what other pods have stored and deleted."""
        ...

    async def mark(self, key: str, token: str, for_s: float) -> bool:
        """Put a mark in the place of the key's lock, which the token holds, and notify its waiters, in one step.

        The key's entry stays as it is. False when this token does not hold the lock any more. Raises `CacheAway`.
        """
        ...

    async def last_known(self, key: str) -> Entry | None:
        """The entry that may answer where a load fails, past its time or not; None without one. Raises `CacheAway`."""
        ...
