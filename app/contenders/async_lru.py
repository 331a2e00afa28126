from async_lru import alru_cache

from app.contender import Contender, LoadValue, Site


class AsyncLru(Contender):
    """Keeps at most 128 entries in its pod's memory: on a miss one request of each pod loads, and its others wait.

    Setting:   `@alru_cache(ttl=5)`, `@alru_cache(key=lambda db, query: query)`
    Reference: the README of async-lru 2.4, "Usage", "Custom cache keys".
    """

    library = "async-lru"
    documentation = "https://github.com/aio-libs/async-lru#usage"

    def __init__(self, site: Site) -> None:
        super().__init__(site)

        @alru_cache(ttl=site.ttl_s, key=lambda key, _load: key)
        async def value(_key: str, load: LoadValue) -> bytes:
            return await load()

        self.value = value

    def lags_s(self, ttl_s: float) -> float:
        return ttl_s

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await self.value(key, load)

    async def aclose(self) -> None:
        await self.value.cache_close()
