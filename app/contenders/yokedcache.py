import asyncio
import math

from yokedcache import YokedCache
from yokedcache.config import CacheConfig
from yokedcache.models import SerializationMethod

from app.contender import Contender, LoadValue, Site


class Yokedcache(Contender):
    """On a miss one request of each pod loads, under a lock of its process.

    A hit of an entry with 60 s to live or less starts a load in the background, one at a time a pod.
    The TTL is a whole number of seconds.

    Setting:   `YokedCache(CacheConfig(redis_url="redis://localhost:6379/0", default_ttl=300, key_prefix="myapp"))`,
               `serialization=SerializationMethod.PICKLE`; fetch_or_set: "compute and set it (stampede protection)"
    Reference: the documentation of yokedcache 1.1, "Usage Patterns".
    """

    library = "yokedcache"
    documentation = "https://sirstig.github.io/yokedcache/usage-patterns.html"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.cache = YokedCache(CacheConfig(redis_url=site.redis_url, key_prefix=site.prefix.rstrip(":")))
        self.connecting = asyncio.Lock()
        self.is_connected = False

    def serves_stale_s(self, ttl_s: float) -> float:
        return math.ceil(ttl_s) - ttl_s

    async def get(self, key: str, load: LoadValue) -> bytes:
        if not self.is_connected:  # `await cache.connect()`: it would make a client for each of several first requests
            async with self.connecting:
                await self.cache.connect()
                self.is_connected = True
        value: bytes = await self.cache.fetch_or_set(
            key, load, ttl=math.ceil(self.site.ttl_s), serialization=SerializationMethod.PICKLE
        )
        return value

    async def aclose(self) -> None:
        await self.cache.disconnect()
