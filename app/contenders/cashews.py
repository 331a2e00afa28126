from collections.abc import Awaitable, Callable
from typing import Any

from cashews import Cache

from app.contender import Contender, LoadValue, Site


class Cashews(Contender):
    """On a miss one request of each pod loads, and its others wait for what it brings.

    Setting:   `cache.setup("redis://0.0.0.0/")`, `@cache(ttl=timedelta(hours=3), key="user:{request.user.uid}")`
    Reference: the README of cashews 7.6, "Simple cache".
    """

    library = "cashews"
    documentation = "https://github.com/Krukov/cashews#simple-cache"

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.cache = Cache()
        self.cache.setup(site.redis_url)

        @self.decorator(site.ttl_s)
        async def value(key: str, load: LoadValue) -> bytes:
            return await load()

        self.value: Callable[[str, LoadValue], Awaitable[bytes]] = value

    def decorator(self, ttl_s: float) -> Callable[[Any], Any]:
        """The decorator of this setting; `key` is a template of the function's arguments."""
        return self.cache(ttl=ttl_s, key="{key}")

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await self.value(key, load)

    async def aclose(self) -> None:
        await self.cache.close()


class CashewsUnprotected(Cashews):
    """On a miss every caller loads: the library's default with its protection off, the control.

    Setting:   `protected: bool = True` among the arguments of `cache`, here False
    Reference: the source of cashews 7.6; its README does not name it.
    """

    setting = "unprotected"
    documentation = "https://github.com/Krukov/cashews/blob/master/cashews/wrapper/decorators.py"

    def decorator(self, ttl_s: float) -> Callable[[Any], Any]:
        return self.cache(ttl=ttl_s, key="{key}", protected=False)


class CashewsLock(Cashews):
    """Every look-up takes a lock in Redis, hit or miss, once for all requests of its pod that wait for the key.

    Those of other pods poll for the lock without a pause. Its lease is the TTL.

    Setting:   "use parameter `lock=True` with `@cache()`"
    Reference: the README of cashews 7.6, "Locked".
    """

    setting = "lock"
    documentation = "https://github.com/Krukov/cashews#locked"

    def decorator(self, ttl_s: float) -> Callable[[Any], Any]:
        return self.cache(ttl=ttl_s, key="{key}", lock=True)


class CashewsEarly(Cashews):
    """Past 0.7 of the TTL one request of all pods starts a load in the background; all are served the entry meanwhile.

    Setting:   `@cache.early(ttl="10m", early_ttl="7m")`: "if you call this function after 7 min, cache will be updated
               in a background"
    Reference: the README of cashews 7.6, "Early".
    """

    setting = "early"
    documentation = "https://github.com/Krukov/cashews#early"

    def decorator(self, ttl_s: float) -> Callable[[Any], Any]:
        return self.cache.early(ttl=ttl_s, early_ttl=0.7 * ttl_s, key="{key}")


class CashewsSoft(Cashews):
    """Past 0.7 of the TTL one request of each pod loads, and its others wait; when that fails they get the entry.

    Setting:   `@cache.soft(ttl="10m", soft_ttl="7m")`: "If it fail on recalculation will return current cached value"
    Reference: the README of cashews 7.6, "Soft".
    """

    setting = "soft"
    documentation = "https://github.com/Krukov/cashews#soft"

    def decorator(self, ttl_s: float) -> Callable[[Any], Any]:
        return self.cache.soft(ttl=ttl_s, soft_ttl=0.7 * ttl_s, key="{key}")
