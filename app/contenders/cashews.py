from cashews import Cache

from app.contender import Contender, LoadValue, Site


class Cashews(Contender):
    """Caches what a decorated function returns, and lets the callers of one process share a running call.

    Setting:   `@cache(ttl="3h", key="user:{request.user.uid}")`
    Reference: the README of cashews, "Simple cache".
    """

    library = "cashews"
    documentation = "https://github.com/Krukov/cashews#simple-cache"
    lock = False

    def __init__(self, site: Site) -> None:
        self.cache = Cache()
        self.cache.setup(site.redis_url)

        @self.cache(ttl=site.ttl_s, key="{key}", lock=self.lock)
        async def value(key: str, load: LoadValue) -> bytes:
            return await load()

        self.value = value

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await self.value(key, load)

    async def aclose(self) -> None:
        await self.cache.close()


class CashewsLock(Cashews):
    """Holds a lock in Redis around the cached call, which the callers of all processes take in turn.

    Setting:   `@cache(ttl="10m", lock=True)`
    Reference: the README of cashews, "Locked".
    """

    setting = "lock"
    documentation = "https://github.com/Krukov/cashews#locked"
    lock = True
