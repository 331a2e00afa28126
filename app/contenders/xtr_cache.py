from xtr_cache import ItemInterface, LockRegistry, RedisAdapter
from xtr_lock import LockFactory, RedisStore

from app.contender import Contender, LoadValue, Site


class XtrCache(Contender):
    """Before the TTL one request of each pod loads, at a random moment (as XFetch); on a miss its others wait for it.

    Setting:   `pool = RedisAdapter.from_url("redis://cache:6379/0", "app")`, `item.expires_after(3600)`
    Reference: the README of xtr-cache 4.1, "RedisAdapter"; its keys have no colon and no slash: here a dot for each.
    """

    library = "xtr-cache"
    documentation = "https://github.com/xterr/python-xtr/tree/main/packages/xtr-cache#redisadapter"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.namespace = site.prefix.rstrip(":")
        self.pool = RedisAdapter.from_url(site.redis_url, self.namespace)

    async def get(self, key: str, load: LoadValue) -> bytes:
        async def compute(item: ItemInterface) -> bytes:
            item.expires_after(self.site.ttl_s)
            return await load()

        return await self.pool.get(key.removeprefix(self.site.prefix).translate(_DOTS), compute)

    async def aclose(self) -> None:
        await self.pool.close()


class XtrCacheLock(XtrCache):
    """Before the TTL one request loads, at a random moment (as XFetch), under one of 20 locks in Redis.

    On a miss those of other pods wait for that lock, which they poll every 0.1 s.

    Setting:   `LockRegistry(LockFactory(RedisStore.from_url("redis://cache")))`, `cache.set_lock_registry(registry)`
    Reference: the README of xtr-cache 4.1, "Stampede protection".
    """

    setting = "lock"
    documentation = "https://github.com/xterr/python-xtr/tree/main/packages/xtr-cache#stampede-protection"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.locks = RedisStore.from_url(site.redis_url)
        self.pool.set_lock_registry(LockRegistry(LockFactory(self.locks), prefix=f"{site.prefix}lock."))

    async def aclose(self) -> None:
        await super().aclose()
        await self.locks.close()


_DOTS = str.maketrans(dict.fromkeys("{}()/\\@:", "."))
