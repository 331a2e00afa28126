"""The keys that a Redis holds, with their expiry and the bytes of their values."""

from collections.abc import Sequence
from typing import Any

from redis.asyncio import Redis

from loadtest.contract.behaviour.bench import KeyHeld

WITHOUT_EXPIRY = -1
"""The answer of PTTL for a key that stays."""


async def keys_held(client: Redis) -> Sequence[KeyHeld]:
    """Every key of the server that the client is connected to, by name."""
    return [await _held(client, name) for name in sorted([name async for name in client.scan_iter(count=1_000)])]


async def _held(client: Redis, name: Any) -> KeyHeld:
    left_ms, kind = await client.pttl(name), _text(await client.type(name))
    left_s = None if left_ms == WITHOUT_EXPIRY else left_ms / 1000
    return KeyHeld(_text(name), left_s, await _bytes(client, name, kind))


def _text(answer: bytes | str) -> str:
    return answer if isinstance(answer, str) else answer.decode(errors="replace")


async def _bytes(client: Redis, name: Any, kind: str) -> int:
    """The bytes of a key's fields, members and values."""
    several: Any
    if kind == "string":
        return int(await client.strlen(name))
    if kind == "hash":
        several = [part for pair in (await client.hgetall(name)).items() for part in pair]
    elif kind == "set":
        several = await client.smembers(name)
    elif kind == "zset":
        several = await client.zrange(name, 0, -1)
    elif kind == "list":
        several = await client.lrange(name, 0, -1)
    else:
        return 0  # a stream, or gone meanwhile
    return sum(map(len, several))
