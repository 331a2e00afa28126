from custom_cache import AioredisCache, cache
from redis.asyncio import Redis

from app.contender import Contender, KeyOfPod, LoadValue, Site


class Relaycache(Contender):
    """On a miss one request of each pod asks for a lock in Redis; one that has it not within 2 s loads without it.

    Setting:   `@cache(ttl=1800, backend=…, distributed_singleflight=True, dist_lock_ttl=5.0, dist_lock_timeout=2.0)`
    Reference: the README of relaycache 0.1, "Distributed Singleflight".
    """

    library = "relaycache"
    documentation = "https://github.com/AIMERPRO/relaycache#distributed-singleflight"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.redis = Redis.from_url(site.redis_url)

        @cache(
            ttl=site.ttl_s,
            backend=AioredisCache(self.redis, default_ttl=3600),
            key=lambda key, _load: KeyOfPod(key, site.pod),  # it keeps a lock for each key in a module
            distributed_singleflight=True,
            dist_lock_ttl=5.0,
            dist_lock_timeout=2.0,
        )
        async def value(_key: str, load: LoadValue) -> bytes:
            return await load()

        self.value = value

    async def get(self, key: str, load: LoadValue) -> bytes:
        value: bytes = await self.value(key, load)
        return value

    async def aclose(self) -> None:
        await self.redis.aclose()
