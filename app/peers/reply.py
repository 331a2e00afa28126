"""A pod's reply to a question of another: signs that it works, then what came of the load.

Signs are empty lines, of which there may be none. The next line is the status of a lookup, and behind it comes the
entry as the cache holds it. Or the line is `error`, where the load failed, or `shed`, and behind it comes the reason as
JSON. So a slow load and a pod that has died are told apart long before the load's own time is over.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable
from typing import TypeVar

from app import codec
from app.strategy import Lookup, OriginFailed, Shed, Status

T = TypeVar("T")

SIGN = b"\n"
SIGNS_PER_TIMEOUT = 3
"""The signs of a pod that works, in the time after which silence means that it is away."""
BYTES_MAX = codec.BODY_BYTES_MAX + 65_536
"""The longest reply, signs included."""
_REFUSALS: dict[str, type[OriginFailed] | type[Shed]] = {Status.ERROR: OriginFailed, Status.SHED: Shed}


async def with_signs(work: Awaitable[T], timeout_s: float, sign: Callable[[], Awaitable[None]]) -> T:
    """The result of the work, with a sign each third of the time-out until it is there. The caller cancels both."""
    task = asyncio.ensure_future(work)
    try:
        while not (await asyncio.wait({task}, timeout=timeout_s / SIGNS_PER_TIMEOUT))[0]:
            await sign()
        return task.result()
    finally:
        task.cancel()


async def reply_to_peer(lookup: Awaitable[Lookup]) -> bytes:
    """The reply for the lookup that is awaited, or for the failure of its load. Raises whatever else it raises."""
    try:
        return reply_of(await lookup)
    except (OriginFailed, Shed) as failed:
        return reply_of(failed)


def reply_of(answer: Lookup | OriginFailed | Shed) -> bytes:
    """The reply as bytes. Raises `app.codec.Corrupt` for an entry that is none."""
    if isinstance(answer, Lookup):
        return f"{answer.status}\n".encode() + codec.encode(answer.entry)
    status = Status.SHED if isinstance(answer, Shed) else Status.ERROR
    return f"{status}\n{json.dumps({'reason': str(answer), 'retry_after_s': answer.retry_after_s})}".encode()


def read_reply(reply: bytes) -> Lookup:
    """The lookup in a reply. Raises `OriginFailed` or `Shed` where it says so, and ValueError where it is no reply."""
    status, _, rest = reply.lstrip(SIGN).partition(b"\n")
    word = status.decode("ascii")
    if (refusal := _REFUSALS.get(word)) is None:
        return Lookup(Status(word), codec.decode(rest))
    told = json.loads(rest)
    if not isinstance(told, dict) or not isinstance(retry_after_s := told.get("retry_after_s"), float | int | None):
        raise ValueError("a refusal that states no reason")
    failed = refusal(str(told.get("reason")))
    failed.retry_after_s = retry_after_s
    raise failed
