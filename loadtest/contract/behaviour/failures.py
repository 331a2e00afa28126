"""Loads that fail, hang or die: who gets the error, for how long, and whether old values help."""

import asyncio

from loadtest.contract.behaviour.answers import SLACK_S
from loadtest.contract.behaviour.bench import PODS, ProbeBench, counted, errors_named
from loadtest.contract.behaviour.origin import LoadFate, ProbedLoad
from loadtest.contract.behaviour.probe import Answered

HERD = 12
"""Readers who wait for the load that fails, over all pods."""
ASK_AGAIN_S = 0.5
FAILING_TTLS = 8
RATE_PER_S = 20.0


async def failed_load(bench: ProbeBench) -> Answered:
    """Fail every load of a herd, and ask again once the origin is well."""
    takes_s = bench.scale.load_s
    bench.origin.fate = lambda _: LoadFate(takes_s, fails=True)
    replies = await bench.herd(HERD, "k0")
    loads, began_s = len(bench.origin.loads), bench.now_s()
    bench.origin.be_as_usual()
    remembered_s: float | None = None
    tries = 0
    while bench.now_s() - began_s < bench.scale.patience_s:
        asked_s, tries = bench.now_s(), tries + 1
        if all(one.is_right for one in await asyncio.gather(*(bench.ask("k0", pod) for pod in range(PODS)))):
            remembered_s = asked_s - began_s if tries > 1 else 0.0
            break
        await asyncio.sleep(ASK_AGAIN_S)
    origins, values = sum(one.is_origins for one in replies), sum(one.value is not None for one in replies)
    others = len(replies) - origins - values
    if remembered_s is None:
        then, cell = f"no request got a value in the {bench.scale.patience_s:g} s after it", "for ever"
    elif tries > 1:
        then, cell = f"every pod answered again {remembered_s:.2f} s after it", f"for {remembered_s:.2f} s"
    else:
        then, cell = "the next request at each pod got a value", "not at all"
    return Answered(
        remembered_s is not None and tries == 1,
        f"Of {len(replies)} readers of a load that failed {origins} got the origin's error, {others} another one"
        f"{errors_named([one for one in replies if not one.is_origins])} and "
        f"{values} a value, by {counted(loads, 'load')}; {then}.",
        cell,
        {"readers": len(replies), "origins_error": origins, "other_error": others, "values": values, "loads": loads}
        | {"remembered_s": remembered_s},
    )


async def half_failing(bench: ProbeBench) -> Answered:
    """Fail half of all loads at random, from the second one on, while readers keep asking for one key."""
    scale, rng = bench.scale, bench.rng
    bench.origin.fate = lambda load: LoadFate(scale.load_s, fails=load.number > 0 and rng.random() < 0.5)
    await bench.ask("k0")
    replies = await bench.traffic(FAILING_TTLS * scale.ttl_s, RATE_PER_S)
    failed = sum(not one.is_right for one in replies)
    old = sum(one.value is not None and one.age_s > scale.ttl_s + scale.load_s + SLACK_S for one in replies)
    loads, well = len(bench.origin.loads), sum(load.ok for load in bench.origin.loads)
    share = failed / len(replies)
    return Answered(
        None,
        f"While half of the loads failed ({loads - well} of {loads}), {share:.1%} of {len(replies)} requests got an "
        f"error{errors_named(replies)}, and {old} a value older than the TTL.",
        f"{share:.1%} errors",
        {"requests": len(replies), "failed_share": share, "old": old, "loads": loads, "loads_failed": loads - well},
    )


async def leader_hangs(bench: ProbeBench) -> Answered:
    """Have the first load of a key hang, and ask for it at each pod until somebody is answered."""
    return await _until_answered(bench, "With a first load that hangs")


async def leader_dies(bench: ProbeBench) -> Answered:
    """Cut the first pod off in the middle of its load, as a process that is killed, and ask the others."""
    return await _until_answered(bench, "After the loading pod was killed", is_killed=True)


async def _until_answered(bench: ProbeBench, what: str, is_killed: bool = False) -> Answered:
    scale, origin = bench.scale, bench.origin

    def first_hangs(load: ProbedLoad) -> LoadFate:
        return LoadFate(None) if load.number == 0 else origin.usual

    origin.fate = first_hangs
    first = asyncio.create_task(bench.ask("k0", 0, patience_s=2 * scale.patience_s))
    await origin.asked("k0")
    if is_killed:
        await bench.redis.cut_off(0)
    began_s = bench.now_s()
    pods = range(1, PODS) if is_killed else range(PODS)
    answered_s: dict[int, float | None] = {}

    async def ask_until_answered(pod: int) -> None:
        while (left_s := began_s + scale.patience_s - bench.now_s()) > 0:
            # each as a request of its own, which does not wait for the one before
            waiting.add(asyncio.create_task(noted(pod, left_s)))
            await asyncio.sleep(ASK_AGAIN_S)
            if pod in answered_s:
                return
        answered_s.setdefault(pod, None)

    async def noted(pod: int, left_s: float) -> None:
        reply = await bench.ask("k0", pod, patience_s=left_s)
        if reply.is_right and answered_s.get(pod) is None:
            answered_s[pod] = reply.answered_s - began_s

    waiting: set[asyncio.Task[None]] = set()
    await asyncio.gather(*map(ask_until_answered, pods))
    for task in (first, *waiting):
        task.cancel()
    await asyncio.wait([first, *waiting], timeout=scale.load_s)
    known = [seconds for seconds in answered_s.values() if seconds is not None]
    slowest_s = max(known) if len(known) == len(pods) else None
    first_s = min(known, default=None)
    numbers = {"first_s": first_s, "every_pod_s": slowest_s, "own_pod_s": answered_s.get(0), "loads": len(origin.loads)}
    if first_s is None:
        told, cell = f"nobody was answered within {scale.patience_s:g} s", "nobody"
    elif slowest_s is None:
        silent = " and ".join(f"pod-{pod}" for pod in pods if answered_s.get(pod) is None)
        told = f"somebody was answered after {first_s:.2f} s, and nobody at {silent} within {scale.patience_s:g} s"
        cell = f"{first_s:.1f} s, not every pod"
    else:
        told = f"somebody was answered after {first_s:.2f} s, and at every pod after {slowest_s:.2f} s"
        cell = f"{slowest_s:.1f} s"
    return Answered(slowest_s is not None, f"{what} {told}.", cell, numbers)
