from cache import AsyncCache

from app.contender import Contender, LoadValue, Site


class AsyncCacheContender(Contender):
    """Keeps at most 1000 entries in its pod's memory: on a miss one request of each pod loads, and its others wait.

    Setting:   `cache = AsyncCache(maxsize=1000, default_ttl=300)`, `await cache.get(key, loader=lambda: db_query(key))`
    Reference: the README of async-cache 2.0, "Core Usage".
    """

    library = "async-cache"
    documentation = "https://async-cache.readthedocs.io/"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.cache = AsyncCache(maxsize=1000, default_ttl=site.ttl_s)

    def lags_s(self, ttl_s: float) -> float:
        return ttl_s

    async def get(self, key: str, load: LoadValue) -> bytes:
        value: bytes = await self.cache.get(key, loader=load)
        return value
