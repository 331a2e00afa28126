"""Cache-aside with redis-py alone: whoever finds no entry loads it, and TTLs may be spread."""

import asyncio
import json
import math
import random
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0
SPREAD = 0.0  # the width of the range that TTLs are drawn from, in TTLs, so that entries do not expire together
LOADS_MAX = 4  # loads at once of this pod while Redis is away

redis = Redis.from_url(REDIS_URL)
alone = asyncio.Semaphore(LOADS_MAX)


async def load(key: str) -> Any:
    """Your query of the origin; what it returns is kept as JSON."""
    raise NotImplementedError


async def get(key: str) -> Any:
    """The value: from Redis, or by a load. A load that fails raises its own error, and nothing is stored."""
    try:
        stored = await redis.get(KEY.format(key))
    except RedisError:
        async with alone:
            return await load(key)
    if stored is not None:
        return json.loads(stored)
    value = await load(key)
    ttl_s = TTL_S * (1 + SPREAD * (random.random() - 0.5))
    try:
        await redis.set(KEY.format(key), json.dumps(value), px=max(1, math.ceil(ttl_s * 1000)))
    except RedisError:
        pass  # the next request loads it again
    return value
