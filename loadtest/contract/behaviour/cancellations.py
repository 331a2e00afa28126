"""Requests that are cancelled while others wait: the one that loads, and one that waits for it."""

import asyncio

from loadtest.contract.behaviour.bench import PODS, ProbeBench, counted, errors_named
from loadtest.contract.behaviour.origin import LoadFate
from loadtest.contract.behaviour.probe import Answered

FOLLOWERS_PER_POD = 3
LOADS_LONG = 5
"""How many times the usual a load takes here, so that all have joined it when one is cancelled."""
LATE_LOADS = 3
"""The loads that the others may wait for: half of the one that is cancelled, the next, and a waiter's next look."""


async def leader_cancelled(bench: ProbeBench) -> Answered:
    """Cancel the request that loads, and look what those who wait with it get."""
    return await _cancelled(bench, is_leader=True)


async def follower_cancelled(bench: ProbeBench) -> Answered:
    """Cancel a request that waits for the load of another, and look what the others get."""
    return await _cancelled(bench, is_leader=False)


async def _cancelled(bench: ProbeBench, is_leader: bool) -> Answered:
    takes_s = LOADS_LONG * bench.scale.load_s
    bench.origin.fate = lambda _: LoadFate(takes_s)
    await asyncio.gather(*(bench.ask("before", pod) for pod in range(PODS)))  # which have connected
    leader = asyncio.create_task(bench.ask("k0", 0))
    await bench.origin.asked("k0")
    victim = leader if is_leader else asyncio.create_task(bench.ask("k0", 0))
    others = [asyncio.create_task(bench.ask("k0", pod)) for pod in range(PODS) for _ in range(FOLLOWERS_PER_POD)]
    others += [] if is_leader else [leader]
    other_key = asyncio.create_task(bench.ask("k1", 0))
    await asyncio.sleep(takes_s / 2)  # in which they have joined it
    victim.cancel()
    await asyncio.wait([victim], timeout=bench.scale.patience_s)
    replies = await asyncio.gather(*others, other_key)
    afterwards = [await bench.ask("k0", pod) for pod in range(PODS)]
    harmed = [one for one in (*replies, *afterwards) if not one.is_right]
    longest_s = max(one.took_s for one in replies)
    right, loads = sum(one.is_right for one in replies), len(bench.origin.loads_of("k0"))
    is_late = longest_s > LATE_LOADS * takes_s
    if harmed:
        cell = f"{len(harmed)} of {len(replies) + len(afterwards)} harmed"
    else:
        cell = f"{longest_s:.1f} s of waiting" if is_late else "harms nobody"
    who = "the request that loads" if is_leader else "a request that waits"
    return Answered(
        not harmed and not is_late and victim.done(),
        f"When {who} was cancelled, {right} of {len(replies)} others got their value, the last after "
        f"{longest_s:.2f} s, and {sum(one.is_right for one in afterwards)} of {len(afterwards)} asked afterwards"
        f"{errors_named(harmed)}; "
        f"{counted(loads, 'load')}.",
        cell,
        {"others": len(replies), "right": right, "harmed": len(harmed), "longest_s": longest_s, "loads": loads},
    )
