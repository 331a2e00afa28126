"""Before its TTL one request of all pods replaces an entry, at a random moment and under a lock in Redis."""

from typing import Any

from xtr_cache import ItemInterface, LockRegistry, RedisAdapter
from xtr_lock import LockFactory, RedisStore

REDIS_URL = "redis://localhost:6379/0"
KEY = "product.{}"  # its keys have no colon and no slash
TTL_S = 60.0
BETA = 1.0  # above 1 refreshes earlier

pool = RedisAdapter.from_url(REDIS_URL, "app")
locks = RedisStore.from_url(REDIS_URL)
pool.set_lock_registry(LockRegistry(LockFactory(locks)))


async def load(key: str) -> Any:
    """Your query of the origin."""
    raise NotImplementedError


async def get(key: str) -> Any:
    """The value: from Redis, or by the one load.

    A load that fails raises its own error, and nothing is stored. A Redis that is away raises an error too: answer 503.
    """

    async def compute(item: ItemInterface) -> Any:
        item.expires_after(TTL_S)
        return await load(key)

    return await pool.get(KEY.format(key), compute, beta=BETA)
