from collections.abc import Callable
from functools import partial

from flightlock import cached
from flightlock.backends.redis import RedisBackend
from redis import Redis

from app.contender import Contender, LoadValue, Site, Threads, blocking


class Flightlock(Contender):
    """On a miss one thread of each pod loads, and its other threads wait for what it brings.

    The TTL is up to a tenth longer or shorter, at random, and rounded up to a whole second.

    Setting:   `backend = RedisBackend(host="localhost", port=6379)`, `@cached(ttl=60, backend=backend)`
    Reference: the README of flightlock 0.1, "Quickstart".
    """

    library = "flightlock"
    documentation = "https://github.com/raoamogh/flightlock#quickstart"
    not_virtual = "it blocks threads of its own, which a virtual clock does not wait for"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.threads = Threads()
        self.redis = Redis.from_url(site.redis_url)

        @cached(ttl=site.ttl_s, backend=RedisBackend(client=self.redis), key_fn=lambda key, _load: key)
        def value(_key: str, load: Callable[[], bytes]) -> bytes:
            return load()

        self.value = value

    def serves_stale_s(self, ttl_s: float) -> float:
        return 0.1 * ttl_s + 1

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await self.threads.call(partial(self.value, key, blocking(load)))

    async def aclose(self) -> None:
        self.threads.close()
        self.redis.close()
