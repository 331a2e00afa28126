"""On a miss one request of each pod loads, and its others wait for what it brings."""

from typing import Any

from cashews import Cache

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0

cache = Cache()
cache.setup(REDIS_URL)


async def load(key: str) -> Any:
    """Your query of the origin."""
    raise NotImplementedError


@cache(ttl=TTL_S, key="{stored}")
async def _value(stored: str, key: str) -> Any:
    return await load(key)


async def get(key: str) -> Any:
    """The value: from Redis, or by a load.

    A load that fails raises its own error, and nothing is stored. While Redis is away every pod loads for itself:
    bound the loads at once in `load`, such as by a semaphore.
    """
    return await _value(KEY.format(key), key)
