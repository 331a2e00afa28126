"""Cache-aside with redis-py alone: one load over all pods, old values while it lasts, and few loads without Redis."""

import asyncio
import json
import logging
import math
import random
import time
import uuid
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

REDIS_URL = "redis://localhost:6379/0"
KEY = "product:{}"
TTL_S = 60.0
SPREAD = 0.0  # the width of the range that TTLs are drawn from, in TTLs, so that entries do not expire together
STALE_S = 0.0  # how long past its TTL an entry is served while one request replaces it
BETA = 0.0  # the mean head start of an early load, in times that a load takes; 0 for none
AHEAD = 0.0  # the share of the TTL that is left when a reader replaces the entry; 0 for none
LOCK_S = 10.0  # longer than the slowest load
WAIT_S = 5.0  # then a waiter gets a TimeoutError: answer 503
LOADS_MAX = 4  # loads at once of this pod while Redis is away
UNLOCK = "if redis.call('get', KEYS[1]) == ARGV[1] then return redis.call('del', KEYS[1]) end return 0"

redis = Redis.from_url(REDIS_URL)
alone = asyncio.Semaphore(LOADS_MAX)
refreshes: set[asyncio.Task[Any]] = set()


async def load(key: str) -> Any:
    """Your query of the origin; what it returns is kept as JSON."""
    raise NotImplementedError


async def get(key: str) -> Any:
    """The value: from Redis, or by the one load. A load that fails raises its own error, and nothing is stored."""
    try:
        return await asyncio.wait_for(_get(key), WAIT_S)
    except RedisError:
        async with alone:
            return await load(key)


async def _get(key: str) -> Any:
    token = uuid.uuid4().hex
    while True:
        stored = await redis.get(KEY.format(key))
        if stored is None:
            if await redis.set(_lock(key), token, nx=True, px=round(LOCK_S * 1000)):
                return await asyncio.shield(_begin(key, token, stored))  # a caller that leaves harms no other
            await asyncio.sleep(0.03 + 0.04 * random.random())
            continue
        value, expires_s, took_s = json.loads(stored)
        head_start_s = BETA * took_s * -math.log(1 - random.random()) + AHEAD * TTL_S
        due = time.time() + head_start_s >= expires_s
        if due and await redis.set(_lock(key), token, nx=True, px=round(LOCK_S * 1000)):
            _begin(key, token, stored)
        return value


def _begin(key: str, token: str, seen: Any) -> "asyncio.Task[Any]":
    task = asyncio.create_task(_replace(key, token, seen))
    refreshes.add(task)
    task.add_done_callback(_ended)
    return task


def _ended(task: "asyncio.Task[Any]") -> None:
    refreshes.discard(task)
    if not task.cancelled() and task.exception() is not None:
        logging.getLogger(__name__).warning("a load failed: %r", task.exception())


async def _replace(key: str, token: str, seen: Any) -> Any:
    try:
        stored = await redis.get(KEY.format(key))
        if stored is not None and stored != seen:  # another one was quicker
            return json.loads(stored)[0]
        began_s = time.time()
        value = await load(key)
        took_s, ttl_s = time.time() - began_s, TTL_S * (1 + SPREAD * (random.random() - 0.5))
        entry = json.dumps([value, began_s + ttl_s, took_s])
        left_s = max(0.001, began_s + ttl_s + STALE_S - time.time())
        await redis.set(KEY.format(key), entry, px=math.ceil(left_s * 1000))
        return value
    finally:
        await redis.eval(UNLOCK, 1, _lock(key), token)


def _lock(key: str) -> str:
    return KEY.format(key) + ":lock"
