"""Outages of Redis under load: flushed, restarted, its connections reset, away for some seconds."""

import asyncio
from collections.abc import Awaitable, Callable

from loadtest.contract.behaviour.bench import ProbeBench, counted, errors_named
from loadtest.contract.behaviour.probe import Answered

KEYS = 5
RATE_PER_S = 40.0
SETTLE_S = 2.0
"""Seconds after the fault from which on requests are to be answered as before."""
BEFORE_TTLS, AFTER_TTLS = 2, 2
MORE_LOADS = 2.0
"""How many times the loads from before a fault entries may cost after it, and count as kept again."""


async def flushed(bench: ProbeBench) -> Answered:
    """Drop every entry under load."""
    return await _befalls(bench, "a flush", bench.redis.flush)


async def restarted(bench: ProbeBench) -> Answered:
    """End Redis under load, and start it again at once, empty."""
    return await _befalls(bench, "a restart of Redis", bench.redis.restart)


async def reset(bench: ProbeBench) -> Answered:
    """Reset every connection to Redis under load."""
    return await _befalls(bench, "a reset of all connections", bench.redis.reset_connections)


async def away(bench: ProbeBench) -> Answered:
    """Have Redis refuse connections for some seconds under load, and then be back."""
    scale = bench.scale
    before = await _before(bench)
    gone_s = bench.now_s()
    await bench.redis.leave()
    asked = asyncio.create_task(bench.traffic(scale.away_s, RATE_PER_S, KEYS))
    await asyncio.sleep(scale.away_s)
    loads = bench.origin.loads_since(gone_s)
    await bench.redis.come_back()
    replies = await asked
    values, errors = sum(one.is_right for one in replies), sum(not one.is_right for one in replies)
    fresh = sum(one.value is not None and one.value.read_at_s >= one.asked_s for one in replies)
    longest_s = max(one.took_s for one in replies)
    after = await _afterwards(bench, before)
    return Answered(
        after.held,
        f"While Redis was away for {scale.away_s:g} s, {values} of {len(replies)} requests got a value ({fresh} a "
        f"value that was loaded for them), and {errors} an error{errors_named(replies)}, with "
        f"{counted(loads, 'load')}; the longest wait was {longest_s:.2f} s. {after.sentence}",
        "values" if not errors else "errors" if not values else f"{values / len(replies):.0%} values",
        {"requests": len(replies), "values": values, "fresh": fresh, "errors": errors, "loads": loads}
        | {"longest_s": longest_s, **after.numbers},
    )


async def _befalls(bench: ProbeBench, what: str, fault: Callable[[], Awaitable[None]]) -> Answered:
    """The answers to requests around a fault that takes no time, and afterwards."""
    before = await _before(bench)
    began_s = bench.now_s()
    asked = asyncio.create_task(bench.traffic(SETTLE_S, RATE_PER_S, KEYS))
    await asyncio.sleep(SETTLE_S / 4)
    await fault()
    replies = await asked
    errors, loads = sum(not one.is_right for one in replies), bench.origin.loads_since(began_s)
    longest_s = max(one.took_s for one in replies)
    after = await _afterwards(bench, before)
    return Answered(
        after.held,
        f"Around {what}, {errors} of {len(replies)} requests got an error{errors_named(replies)}, with "
        f"{counted(loads, 'load')}; the longest wait was {longest_s:.2f} s. {after.sentence}",
        after.cell if not after.held else counted(errors, "error") if errors else "no error",
        {"requests": len(replies), "errors": errors, "loads": loads, "longest_s": longest_s, **after.numbers},
    )


async def _before(bench: ProbeBench) -> int:
    """The loads of some TTLs without a fault."""
    await bench.traffic(BEFORE_TTLS * bench.scale.ttl_s, RATE_PER_S, KEYS)
    return len(bench.origin.loads)


async def _afterwards(bench: ProbeBench, before: int) -> Answered:
    """Whether requests are answered, and entries kept as before, some seconds after a fault."""
    await asyncio.sleep(SETTLE_S)
    began_s = bench.now_s()
    replies = await bench.traffic(AFTER_TTLS * bench.scale.ttl_s, RATE_PER_S, KEYS)
    errors, loads = sum(not one.is_right for one in replies), bench.origin.loads_since(began_s)
    keeps = loads <= MORE_LOADS * before
    told = f"{counted(errors, 'error')}{errors_named(replies)}" if errors else "no errors"
    kept = "entries are kept again" if keeps else "no entries are kept"
    return Answered(
        not errors and keeps,
        f"From {SETTLE_S:g} s after it on: {told}, and {kept}.",
        f"errors after it: {errors}" if errors else "keeps nothing after it",
        {"errors_after": errors, "loads_after": loads},
    )
