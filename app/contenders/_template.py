# Copy this file to the name of your library: that is the route, the label and the row. What stands here works: it is
# cache-aside by hand, with redis-py. A second class with a `setting` of its own is a second contender.
from redis.asyncio import Redis

from app.contender import Contender, LoadValue, Site


class ContenderTemplate(Contender):
    """The idea, in one sentence.

    Setting:   the lines of its documentation that this is.
    Reference: the page of its documentation, with the version.
    """

    library = "redis"
    documentation = "https://redis.readthedocs.io/en/stable/examples/asyncio_examples.html"

    def __init__(self, site: Site) -> None:
        self.redis = Redis.from_url(site.redis_url)
        self.ttl_ms = round(site.ttl_s * 1000)

    async def get(self, key: str, load: LoadValue) -> bytes:
        cached = await self.redis.get(key)
        if isinstance(cached, bytes):
            return cached
        value = await load()
        await self.redis.set(key, value, px=self.ttl_ms)
        return value

    async def aclose(self) -> None:
        await self.redis.aclose()
