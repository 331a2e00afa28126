"""redis-py's client as the lab sets it up, for its subscription, and the check at a pod's start of the server."""

import asyncio

from redis.asyncio import BlockingConnectionPool, Redis
from redis.asyncio.retry import Retry
from redis.backoff import NoBackoff
from redis.exceptions import ConnectionError

from app.commands import ServerRefused
from app.hello import Unsupported, complaint_of
from app.redis_errors import translated
from app.settings import Settings

CONNECTIONS_MAX = 2
"""Connections of a client: that of the subscription, and another while it is being renewed."""


def client_of(settings: Settings) -> Redis:
    """A Redis client with a pool in which a command waits for a free connection. Its caller bounds the time."""
    pool = BlockingConnectionPool.from_url(
        settings.redis_url,
        max_connections=CONNECTIONS_MAX,
        timeout=None,
        # A command is bounded as a whole, which also saves redis-py a task for each; this one bounds a disconnect.
        socket_timeout=None,
        socket_connect_timeout=settings.redis_timeout_ms / 1000,
        protocol=2,  # what replies look like does not depend on a library's default
        # Only a connection found closed is tried again: a time-out must not be paid twice. uvloop says RuntimeError.
        retry=Retry(NoBackoff(), settings.redis_retries, supported_errors=(ConnectionError, RuntimeError)),  # type: ignore[arg-type]
    )
    return Redis.from_pool(pool)


async def refuse_unsupported(settings: Settings) -> None:
    """Raise `Unsupported` where the lab does not work with this Redis; one that is away is asked once it is there."""
    client = client_of(settings)
    try:
        async with asyncio.timeout(settings.redis_timeout_ms / 1000):
            hello = await client.execute_command("HELLO")  # type: ignore[no-untyped-call]
        complaint = complaint_of(hello)
    except Exception as error:
        failure = translated("hello", error)
        complaint = f"this Redis does not say what it is: {failure}" if isinstance(failure, ServerRefused) else None
    finally:
        await client.aclose()
    if complaint is not None:
        raise Unsupported(f"LAB_REDIS_URL: {complaint}")
