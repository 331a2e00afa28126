"""Loads that fail, hang or die: who gets the error, for how long, and whether old values help."""

import asyncio
from collections.abc import Mapping, Sequence

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
    """Fail the loads of a herd until the first has failed, and ask at each pod from then on until it answers.

    Nothing waits for the herd, whose readers may be held up by what the failed load left.
    """
    scale, origin = bench.scale, bench.origin
    origin.fate = lambda load: LoadFate(scale.load_s, fails=load.began_s < origin.loads[0].began_s + scale.load_s)
    herd = asyncio.create_task(bench.herd(HERD, "k0"))
    await origin.asked("k0")
    well_s = origin.loads[0].began_s + scale.load_s
    await asyncio.sleep(well_s + SLACK_S - bench.now_s())
    failed = sum(load.began_s < well_s for load in origin.loads)
    answered_s = await _first_answers(bench, range(PODS), well_s)
    replies = await herd
    origins, values = sum(one.is_origins for one in replies), sum(one.value is not None for one in replies)
    others, unanswered = len(replies) - origins - values, sum(one.took_s >= scale.patience_s for one in replies)
    remembered_s = _slowest_s(answered_s)
    soon_s = 2 * scale.load_s + SLACK_S + ASK_AGAIN_S  # a load, one that had begun before it, and a waiter's next look
    is_soon = remembered_s is not None and remembered_s <= soon_s
    if remembered_s is None:
        then, cell = f"not every pod had a value {scale.patience_s:g} s after it", "for ever"
    else:
        then = f"every pod had a value {remembered_s:.2f} s after it"
        cell = "not at all" if is_soon else f"for {remembered_s:.1f} s"
    if unanswered and is_soon:
        cell = f"{unanswered} without an answer"
    return Answered(
        is_soon and not unanswered,
        f"Of {len(replies)} readers of a load that failed {origins} got the origin's error, {others} another one"
        f"{errors_named([one for one in replies if not one.is_origins])} and {values} a value, "
        f"with {counted(failed, 'load')} while it failed; {then}.",
        cell,
        {"readers": len(replies), "origins_error": origins, "other_error": others}
        | {"values": values, "loads": failed, "unanswered": unanswered, "remembered_s": remembered_s},
    )


async def half_failing(bench: ProbeBench) -> Answered:
    """Fail half of all loads at random, from the second one on, while readers keep asking for one key."""
    scale, rng = bench.scale, bench.rng
    bench.origin.fate = lambda load: LoadFate(scale.load_s, fails=load.number > 0 and rng.random() < 0.5)
    await bench.ask("k0")
    replies = await bench.traffic(FAILING_TTLS * scale.ttl_s, RATE_PER_S, patience_s=scale.ttl_s)
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
    answered_s = await _first_answers(bench, pods, began_s)
    first.cancel()
    await asyncio.wait([first], timeout=scale.load_s)
    slowest_s = _slowest_s(answered_s)
    first_s = min((seconds for seconds in answered_s.values() if seconds is not None), default=None)
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


async def _first_answers(bench: ProbeBench, pods: Sequence[int], since_s: float) -> dict[int, float | None]:
    """The seconds from that moment to the first value of `k0` at each pod; None where none comes in the patience."""
    answered_s: dict[int, float | None] = {}
    asked: list[asyncio.Task[None]] = []

    async def ask_until_answered(pod: int) -> None:
        while (left_s := since_s + bench.scale.patience_s - bench.now_s()) > 0:
            # each as a request of its own, which does not wait for the one before
            asked.append(request := asyncio.create_task(noted(pod, left_s)))
            await asyncio.sleep(ASK_AGAIN_S)
            if not request.done():  # seldom while others wait, because waiters that poll take the probe's time
                await asyncio.sleep(ASK_AGAIN_S)
            if pod in answered_s:
                return
        answered_s.setdefault(pod, None)

    async def noted(pod: int, left_s: float) -> None:
        reply = await bench.ask("k0", pod, patience_s=left_s)
        if reply.is_right and answered_s.get(pod) is None:
            answered_s[pod] = reply.answered_s - since_s

    await asyncio.gather(*map(ask_until_answered, pods))
    for task in asked:
        task.cancel()
    await asyncio.wait(asked, timeout=bench.scale.load_s)
    return answered_s


def _slowest_s(answered_s: Mapping[int, float | None]) -> float | None:
    """The seconds until every pod had answered; None where one of them never did."""
    known = [seconds for seconds in answered_s.values() if seconds is not None]
    return max(known) if len(known) == len(answered_s) else None
