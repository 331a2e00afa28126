"""Past a share of its TTL one request of all pods replaces an entry in the background; all are served it meanwhile.

On a miss one request of each pod loads.
"""

from typing import Any

from cashews import Cache

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0
AHEAD = 0.3  # the share of the TTL that is left when a reader replaces the entry

cache = Cache()
cache.setup(REDIS_URL)


async def load(key: str) -> Any:
    """Your query of the origin."""
    raise NotImplementedError


@cache.early(ttl=TTL_S, early_ttl=(1 - AHEAD) * TTL_S, key="{stored}")
async def _value(stored: str, key: str) -> Any:
    return await load(key)


async def get(key: str) -> Any:
    """The value: from Redis, or by a load.

    A load that fails raises its own error, and nothing is stored. While Redis is away every pod loads for itself:
    bound the loads at once in `load`, such as by a semaphore.
    """
    return await _value(KEY.format(key), key)
