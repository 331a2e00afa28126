"""Past its TTL one thread of all pods replaces an entry, under a lock in Redis; the others are served it meanwhile."""

import math
from typing import Any

from dogpile.cache import make_region

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0
STALE_S = 30.0  # how long past its TTL an entry is served while one thread replaces it
LOCK_S = 10.0  # longer than the slowest load; without it a pod that dies keeps its locks

region = make_region().configure(
    "dogpile.cache.redis",
    expiration_time=TTL_S,
    arguments={
        "url": REDIS_URL,
        "redis_expiration_time": math.ceil(TTL_S + STALE_S),
        "distributed_lock": True,
        "thread_local_lock": False,
        "lock_timeout": math.ceil(LOCK_S),
    },
)


def load(key: str) -> Any:
    """Your query of the origin."""
    raise NotImplementedError


def get(key: str) -> Any:
    """The value: from Redis, or by the one load. It blocks its thread, as in a route without `async`.

    A load that fails raises its own error in the thread that loads, and the others are served the old value until
    STALE_S is over. A Redis that is away raises `redis.exceptions.RedisError`: answer 503.
    """
    return region.get_or_create(KEY.format(key), load, creator_args=((key,), {}))
