from typing import ClassVar

from aiocache import Cache, cached, cached_stampede
from aiocache.serializers import PickleSerializer
from redis.asyncio.connection import parse_url

from app.contender import Contender, KeyOfPod, LoadValue, Site


class Aiocache(Contender):
    """On a miss every caller loads: it claims no protection, and is the control.

    Setting:   `@cached(ttl=10, cache=Cache.REDIS, key="key", serializer=PickleSerializer(), port=6379)`
    Reference: the README of aiocache 0.12, "Usage".
    """

    library = "aiocache"
    documentation = "https://github.com/aio-libs/aiocache#usage"
    decorator: ClassVar[type[cached]] = cached

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        where = {"db": 0, "port": 6379} | parse_url(site.redis_url)

        @self.decorator(
            ttl=site.ttl_s,
            key_builder=lambda _value, key, _load: key,
            cache=Cache.REDIS,
            serializer=PickleSerializer(),
            endpoint=where["host"],
            port=where["port"],
            db=where["db"],
            password=where.get("password"),
        )
        async def value(_key: str, load: LoadValue) -> bytes:
            return await load()

        self.value = value

    async def get(self, key: str, load: LoadValue) -> bytes:
        value: bytes = await self.value(key, load)
        return value

    async def aclose(self) -> None:
        await self.value.cache.close()


class AiocacheStampede(Aiocache):
    """On a miss one request takes a lock in Redis, and the others of its pod wait for it, for 2 s at most.

    They wait for an event of their process. In a pod that does not hold the lock there is none, and all of them load.

    Setting:   `@cached_stampede(lease=2)`: "int seconds to lock function call to avoid cache stampede effects"
    Reference: the documentation of aiocache 0.12, "cached_stampede".
    """

    setting = "stampede"
    documentation = "https://aiocache.aio-libs.org/en/latest/decorators.html#cached-stampede"
    decorator = cached_stampede

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        # Its events are those of a class. Pods of one process must not share them, as those of many do not.
        self.value.cache.build_key = lambda key, namespace=None: KeyOfPod(key, site.pod)
