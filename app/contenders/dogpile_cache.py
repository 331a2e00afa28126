import math
from typing import ClassVar

from dogpile.cache import make_region

from app.contender import Contender, LoadValue, Site, Threads, blocking


class DogpileCache(Contender):
    """Past the TTL one thread of all pods loads, under a lock in Redis; the others are served the entry meanwhile.

    Where there is no entry they poll for the lock every 0.1 s. The lock has no lease.

    Setting:   `arguments={'redis_expiration_time': 60*60*2, 'distributed_lock': True, 'thread_local_lock': False}`,
               where that time "should be larger than dogpile's cache expiration": here twice the TTL.
    Reference: the documentation of dogpile.cache 1.5, "Redis Backends".
    """

    library = "dogpile.cache"
    documentation = "https://dogpilecache.sqlalchemy.org/en/latest/api.html#redis-backends"
    not_virtual = "it blocks threads of its own, which a virtual clock does not wait for"
    arguments: ClassVar[dict[str, object]] = {"distributed_lock": True, "thread_local_lock": False}

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.threads = Threads()
        own = {"url": site.redis_url, "redis_expiration_time": math.ceil(2 * site.ttl_s)}
        self.region = make_region().configure(
            "dogpile.cache.redis", expiration_time=site.ttl_s, arguments=own | self.arguments
        )

    def serves_stale_s(self, ttl_s: float) -> float:
        return ttl_s

    async def get(self, key: str, load: LoadValue) -> bytes:
        loaded = blocking(load)
        value: bytes = await self.threads.call(lambda: self.region.get_or_create(key, loaded))
        return value

    async def aclose(self) -> None:
        self.threads.close()
        self.region.backend.reader_client.close()


class DogpileCacheMutex(DogpileCache):
    """Past the TTL one thread of each pod loads, under a lock of its process; its others are served the entry.

    Setting:   `distributed_lock`: "When left at False, dogpile will coordinate on a regular threading mutex."
    Reference: the documentation of dogpile.cache 1.5, "Redis Backends".
    """

    setting = "mutex"
    arguments: ClassVar[dict[str, object]] = {}
