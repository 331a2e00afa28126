"""The leases of locks that a pod holds while it loads: renewed as long as the load lasts.

A slow load keeps its lock, and a dead pod loses it. A load that is over within a third of its lease costs no timer of
its own and no task.
"""

import asyncio

from app import budget
from app.deadlines import Deadlines
from app.strategy import Cache, CacheAway
from app.tasks import Tasks


class HeldLock:
    """A lock of one key that is held under a token."""

    __slots__ = ("key", "renewal", "token")

    def __init__(self, key: str, token: str) -> None:
        self.key, self.token = key, token
        self.renewal: asyncio.Task[None] | None = None


class Leases:
    """The leases that are renewed each third of `lease_s`; a write is fenced by the token in any case."""

    def __init__(self, cache: Cache, tasks: Tasks, lease_s: float) -> None:
        self._cache, self._tasks, self._lease_s = cache, tasks, lease_s
        self._due = Deadlines(lease_s / 3, self._renew)

    def keep(self, key: str, token: str) -> HeldLock:
        """Keep a lock that was just taken, until `let_go`."""
        lease = HeldLock(key, token)
        self._due.begin(lease)
        return lease

    def let_go(self, lease: HeldLock) -> None:
        """Renew a lease no longer; its lock stays until it is released, or the lease ends."""
        self._due.end(lease)
        if lease.renewal is not None:
            lease.renewal.cancel()

    def _renew(self, lease: HeldLock) -> None:
        lease.renewal = self._tasks.spawn(self._renew_and_go_on(lease), "lease", lease.key)

    async def _renew_and_go_on(self, lease: HeldLock) -> None:
        budget.current.set(None)  # no request waits for a renewal
        try:
            await self._cache.renew(lease.key, lease.token, self._lease_s)
        except CacheAway:
            pass  # there is nothing to lose but the lock
        self._due.begin(lease)
