"""On a miss one request of all pods loads, under a lock in Redis, and the others wait for what it brings."""

from typing import Any

from custom_cache import AioredisCache, cache
from redis.asyncio import Redis

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0
LOCK_S = 10.0  # longer than the slowest load
WAIT_S = 5.0  # then a waiter loads by itself

redis = Redis.from_url(REDIS_URL)


async def load(key: str) -> Any:
    """Your query of the origin."""
    raise NotImplementedError


@cache(
    ttl=TTL_S,
    backend=AioredisCache(redis, default_ttl=3600),
    key=KEY.format,
    distributed_singleflight=True,
    dist_lock_ttl=LOCK_S,
    dist_lock_timeout=WAIT_S,
)
async def get(key: str) -> Any:
    """The value: from Redis, or by the one load.

    A load that fails raises its own error, and nothing is stored. A Redis that is away raises
    `redis.exceptions.RedisError` for most requests: answer 503, since the origin cannot take them all.
    """
    return await load(key)
