import itertools
import math

import cachu

from app.contender import Contender, LoadValue, Site

_scopes = itertools.count()


class Cachu(Contender):
    """On a miss one request of all pods loads, under a lock in Redis for which the others poll every 50 ms.

    Each hit is counted in Redis by a second command. The TTL is a whole number of seconds, and the first part of a key.

    Setting:   `cachu.configure(redis_url='redis://cache:6379/0', package='myapp')`, `@cache(ttl=60, backend='redis')`
    Reference: the README of cachu 0.6, "Package Isolation".
    """

    library = "cachu"
    documentation = "https://github.com/bissli/cachu#package-isolation"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.scope = f"contender{next(_scopes)}"  # connections are kept by package, and every site has its own
        cachu.configure(redis_url=site.redis_url, package=self.scope)

        @cachu.cache(ttl=math.ceil(site.ttl_s), backend="redis", package=self.scope)
        async def value(key: str, _load: LoadValue) -> bytes:  # what begins with _ is not in the key
            return await _load()

        self.value = value

    def serves_stale_s(self, ttl_s: float) -> float:
        return math.ceil(ttl_s) - ttl_s

    async def get(self, key: str, load: LoadValue) -> bytes:
        value: bytes = await self.value(key, load)
        return value

    async def aclose(self) -> None:
        await cachu.clear_async_backends(self.scope)
