"""Before its TTL one request of all pods replaces an entry, under a lock in Redis; others are served it meanwhile."""

from typing import Any

from cachefence import CacheFence
from redis.asyncio import BlockingConnectionPool, Redis

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0
BETA = 1.0  # above 1 refreshes earlier
LOCK_S = 10.0  # longer than the slowest load
WAIT_S = 5.0  # then a waiter loads by itself

redis = Redis.from_pool(BlockingConnectionPool.from_url(REDIS_URL, max_connections=30, timeout=15))
cache = CacheFence[Any](redis, beta=BETA, lock_timeout=LOCK_S, wait_for_lock=WAIT_S)


async def load(key: str) -> Any:
    """Your query of the origin."""
    raise NotImplementedError


async def get(key: str) -> Any:
    """The value: from Redis, or by the one load.

    A load that fails raises `cachefence.RecomputeError`, and nothing is stored. A Redis that is away raises
    `redis.exceptions.RedisError`. Answer 503 to both: loading for every request is what the origin cannot take.
    """
    return await cache.get_or_set(KEY.format(key), TTL_S, lambda: load(key))
