import asyncio
import math

from dogpile_breaker import CacheRegion, RedisStorageBackend
from redis.asyncio.connection import parse_url

from app.contender import Contender, LoadValue, Site


async def _value(load: LoadValue) -> bytes:
    return await load()


class DogpileBreaker(Contender):
    """Past the TTL one request of all pods loads, under a lock in Redis; the others are served the entry meanwhile.

    The TTL is a whole number of seconds, and up to as much longer, at random. Where there is no entry, the waiters poll
    every half second, and start anew when the lock's two seconds are over.

    Setting:   `cache_instance.get_or_create(key='expensive_func_1', ttl_sec=5, lock_period_sec=2, …)`
    Reference: the README of dogpile-breaker 0.60, "Quick Start".
    """

    library = "dogpile-breaker"
    documentation = "https://github.com/wwarne/dogpile_breaker#quick-start"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.region = CacheRegion(serializer=bytes, deserializer=bytes, region_name=site.prefix, stats_enabled=False)
        self.configuring = asyncio.Lock()
        self.is_configured = False

    def serves_stale_s(self, ttl_s: float) -> float:
        return 4 * math.ceil(ttl_s) - ttl_s  # "By default, Redis' TTL is set to twice the data TTL", jitter included

    async def get(self, key: str, load: LoadValue) -> bytes:
        if not self.is_configured:
            await self._configure()
        return await self.region.get_or_create(
            key=key,
            ttl_sec=math.ceil(self.site.ttl_s),
            lock_period_sec=2,
            generate_func=_value,
            generate_func_args=(load,),
            generate_func_kwargs={},
        )

    async def _configure(self) -> None:
        async with self.configuring:
            if not self.is_configured:
                await self.region.configure(RedisStorageBackend, dict(parse_url(self.site.redis_url)))
                self.is_configured = True

    async def aclose(self) -> None:
        if self.is_configured:
            await self.region.aclose()
