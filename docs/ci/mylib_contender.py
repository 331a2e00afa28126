"""An example: put your own library in the place of what stands here. The file's name is the name in every report."""

from redis.asyncio import Redis

from app.contender import Contender, LoadValue, Site


class MyLib(Contender):
    """Looks up, and loads under a lock of redis-py that all pods share.

    Setting:   `async with r.lock("my_lock"):`
    Reference: the documentation of redis-py, "Locks".
    """

    library = "redis"
    documentation = "https://redis.readthedocs.io/en/stable/lock.html"

    def __init__(self, site: Site) -> None:
        self.redis, self.ttl_ms = Redis.from_url(site.redis_url), round(site.ttl_s * 1000)

    async def get(self, key: str, load: LoadValue) -> bytes:
        value: bytes | None = await self.redis.get(key)
        if value is not None:
            return value
        async with self.redis.lock(f"{key}:lock", timeout=10, sleep=0.05):
            value = await self.redis.get(key)
            if value is None:
                value = await load()
                await self.redis.set(key, value, px=self.ttl_ms)
            return value

    async def aclose(self) -> None:
        await self.redis.aclose()
