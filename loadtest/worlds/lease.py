"""The lease of a Redis that was there before: one run at a time.

Two runs would remove and fill each other's keys, and both would look valid. The lease is a key with a token, which its
owner renews and removes. After a crash it expires by itself.
"""

import asyncio
import json
import os
import secrets
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from datetime import datetime

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest.worlds.ambient import shown_url
from loadtest.worlds.world import WorldFailed

KEY = "stampede-lab:lease"
LEASE_S = 20.0
"""The length of the lease, seconds, for which the next run has to wait after a crash."""
RENEW_EVERY_S = 4.0

_RENEW = """
local held = redis.call('GET', KEYS[1])
if held and held ~= ARGV[1] then return held end
redis.call('SET', KEYS[1], ARGV[1], 'PX', ARGV[2])
return ''
"""
_RELEASE = "if redis.call('GET', KEYS[1]) == ARGV[1] then redis.call('DEL', KEYS[1]) end"


class Lease:
    """The lease of one Redis, for as long as `sole_user` lasts."""

    def __init__(self, redis_url: str, command: str) -> None:
        self.redis_url = redis_url
        who = f"{command!r} (process {os.getpid()} on {socket.gethostname()}, since {datetime.now():%H:%M:%S})"
        self._value = json.dumps({"token": secrets.token_hex(8), "by": who})
        self.taken_by = ""
        """The new holder of a lease that was lost; what was measured since is no result."""

    async def take(self, client: "Redis") -> None:
        """Take the lease. Raises `WorldFailed`."""
        while not await client.set(KEY, self._value, nx=True, px=round(LEASE_S * 1000)):
            if held := await client.get(KEY):
                raise WorldFailed(
                    f"Redis at {shown_url(self.redis_url)} is in use by {_holder(held)}: two runs on it would spoil "
                    f"each other. Wait for it, or use another server or database (a run that crashed is forgotten "
                    f"after {LEASE_S:g} s)"
                )

    async def keep(self, client: "Redis") -> None:
        """Renew the lease until this is cancelled or another run holds it; an unreachable or emptied Redis is fine."""
        while not self.taken_by:
            await asyncio.sleep(RENEW_EVERY_S)
            try:
                held = await client.eval(_RENEW, 1, KEY, self._value, str(round(LEASE_S * 1000)))
            except (RedisError, OSError):
                continue
            if held:
                self.taken_by = _holder(held)

    async def release(self, client: "Redis") -> None:
        try:
            await client.eval(_RELEASE, 1, KEY, self._value)
        except (RedisError, OSError):
            pass  # it expires


@asynccontextmanager
async def sole_user(command: str) -> AsyncIterator[Lease | None]:
    """The lease of the server that `LAB_REDIS_URL` names; None where the lab starts its own. Raises `WorldFailed`."""
    redis_url = os.environ.get("LAB_REDIS_URL")
    if not redis_url:
        yield None
        return
    lease = Lease(redis_url, command)
    async with _client(redis_url) as client:
        try:
            await lease.take(client)
        except (RedisError, OSError) as error:
            raise WorldFailed(f"Redis at {shown_url(redis_url)} does not answer: {error}") from error
        keeping = asyncio.create_task(lease.keep(client), name="keep the lease")
        try:
            yield lease
        finally:
            keeping.cancel()
            await asyncio.gather(keeping, return_exceptions=True)
            await lease.release(client)


def _client(redis_url: str) -> "Redis":
    try:
        return Redis.from_url(redis_url, socket_timeout=5.0, socket_connect_timeout=5.0)
    except ValueError as error:
        raise WorldFailed(f"LAB_REDIS_URL: {error}") from None


def _holder(held: bytes | str) -> str:
    try:
        return str(json.loads(held)["by"])
    except (ValueError, KeyError, TypeError):
        return "somebody"
