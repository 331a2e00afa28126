from asyncio import timeout
from typing import ClassVar

from app.strategy import CacheAway, Entry, Loader, LoadReason, Lookup, Mechanism, Shed, Status, Strategy, parameter


class TokenLease(Strategy):
    """A request that finds no fresh entry loads only with the key's token, of which there is one in a period.

    Expect:     at most one load per key and `period_s`, however often the key is deleted. The others are answered with
                the old value; where there is none they wait.
    Where it hurts: after a load that failed, or that a delete has overtaken, there is no other before the next period.
                Old values answer until then, older than the delete, and where there is none, all wait. A load of more
                than `lease_s` is not stored.
    Reference:  memcached's leases: Nishtala et al., "Scaling Memcache at Facebook", NSDI 2013, section 3.2.1.
    """

    runs_by_default: ClassVar[bool] = False
    # The paper's 10 s would outlast a TTL of 5 s. A period is longer than a load, and shorter than the shortest life.
    period_s: float = parameter(1.0, "there is one token of a key in so many seconds", low=0.1, high=10)
    lease_s: float = parameter(3.0, "how long a load may take and still be stored, seconds", low=1, high=10)
    stale_s: float = parameter(
        5.0, "how long past its freshness an old value may answer, seconds; at 0 all others wait", low=0, high=86_400
    )

    def mechanism(self) -> Mechanism:
        mechanism = Mechanism.collapse()
        if self.period_s > self.ttl_s:
            mechanism = Mechanism.unknown(window_s=self.stale_s)
        elif self.stale_s:
            mechanism = Mechanism.stale(window_s=self.stale_s, leader_waits=True)
        return mechanism.with_pause(self.period_s)

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None and entry.is_fresh(self.lab.clock.now_s()):
            return Lookup(Status.HIT, entry)
        return await self._load_or_old(key, load, entry) or await self._wait(key, load)

    async def _wait(self, key: str, load: Loader) -> Lookup:
        lab, wait_s = self.lab, self.lab.wait_s_max / 2  # the other half is for a load without the cache, if it leaves
        try:
            async with timeout(wait_s):
                with lab.cache.notification(key) as notification:  # before the next look, so that no wake-up is lost
                    while True:
                        entry = await lab.cache.get(key)
                        if entry is not None and entry.is_fresh(lab.clock.now_s()):
                            return Lookup(Status.COLLAPSED, entry)
                        if (lookup := await self._load_or_old(key, load, entry)) is not None:
                            return lookup
                        # what is stored is announced, and the end of a period is not
                        await notification.wait(self.period_s * lab.rng.uniform(0.25, 0.75))
        except TimeoutError:
            raise Shed(f"neither a token nor an old value for {wait_s:g} s (half of wait_ms_max)") from None

    async def _load_or_old(self, key: str, load: Loader, old: Entry | None) -> Lookup | None:
        """The load of the request that gets the token, or the old value; None where there is neither."""
        lab, token = self.lab, self.lab.token()
        if old is None and self.stale_s:
            old = await lab.cache.get(f"{key}:old")  # a delete leaves it
        stale = None if old is None else Lookup(Status.STALE, old)
        may_be_due = old is None or lab.clock.now_s() >= old.read_at_s + self.period_s
        if not (may_be_due and await lab.cache.lock(f"{key}:period", token, self.period_s)):  # which only time ends
            return stale
        reason = LoadReason.MISS if old is None else LoadReason.REFRESH
        return await self._lead(key, token, load, reason) or stale

    async def _lead(self, key: str, token: str, load: Loader, reason: LoadReason) -> Lookup | None:
        """Load, and store under the token unless a delete has ended it; None while the load of before goes on."""
        cache, copy, entry = self.lab.cache, f"{key}:old", None
        if not await cache.lock(copy, token, self.lease_s):
            return None
        try:
            if not await cache.lock(key, token, self.lease_s):  # which a delete ends, too
                return None
            entry = (await load(reason)).as_entry(self.ttl_s, self.ttl_s + self.stale_s)
            if await cache.put(copy, entry, token):  # first, so that it never is older than what the key has held
                await cache.put(key, entry, token)
        except CacheAway:
            if entry is None:
                raise
        finally:
            if entry is None:
                await self._give_back(key, copy, token)
        return Lookup(Status.MISS, entry)

    async def _give_back(self, key: str, copy: str, token: str) -> None:
        """Release both locks of a load that brought nothing; the period goes on."""
        try:
            await self.lab.cache.unlock(copy, token)
            await self.lab.cache.unlock(key, token)
        except CacheAway:
            pass  # their lease ends by itself
