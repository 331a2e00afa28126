from cachefence import CacheFence
from redis.asyncio import BlockingConnectionPool, Redis

from app.contender import Contender, LoadValue, Site


def _bytes(value: object) -> bytes:
    assert isinstance(value, bytes)
    return value


class Cachefence(Contender):
    """Before the TTL one request of all pods loads, at a random moment (XFetch) and under a lock in Redis.

    Where there is no entry, the others poll, for 5 s at most.

    Setting:   `pool = BlockingConnectionPool(max_connections=30, timeout=15)`, `redis = Redis(connection_pool=pool)`,
               `cache = CacheFence(redis)`; "serializer returns bytes, deserializer takes bytes"
    Reference: the README of cachefence 0.1, "A note on connection pools".
    """

    library = "cachefence"
    documentation = "https://github.com/bourne44/cachefence#a-note-on-connection-pools"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.redis = Redis.from_pool(BlockingConnectionPool.from_url(site.redis_url, max_connections=30, timeout=15))
        self.cache = CacheFence[bytes](self.redis, serializer=_bytes, deserializer=_bytes)

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await self.cache.get_or_set(key, self.site.ttl_s, load)

    async def aclose(self) -> None:
        await self.redis.aclose()
