import asyncio

import pytest

from app.nets.refusals import BreakerOpen, LoadJustFailed
from app.strategy import Lookup, OriginFailed, Shed, Status
from tests.app.pods import KEY, LEASE_S, LOAD_S, POLL_S, TTL_S, Pods, play

SLOW_S = 2 * LEASE_S
MARK_S = 0.25


def test_the_late_write_of_a_holder_that_lost_its_lease_is_refused() -> None:
    async def story(pods: Pods) -> None:
        pods[0].load_s = SLOW_S
        late = asyncio.create_task(pods[0].collapse())
        await asyncio.sleep(0.1)
        pods[0].cache.is_cut_off = True  # it cannot renew its lease
        await asyncio.sleep(LEASE_S)
        newer = (await pods[1].collapse()).entry
        pods[0].cache.is_cut_off = False
        await late
        assert await pods[2].cache.get(KEY) == newer
        assert [pod.events["writes refused"] for pod in pods] == [1, 0, 0]

    play(story)


def test_it_does_not_release_the_lock_of_the_next_holder_either() -> None:
    async def story(pods: Pods) -> None:
        pods[0].load_s = SLOW_S
        pods[1].load_s = 10 * LOAD_S
        late = asyncio.create_task(pods[0].collapse())
        await asyncio.sleep(0.1)
        pods[0].cache.is_cut_off = True
        await asyncio.sleep(LEASE_S)
        holder = asyncio.create_task(pods[1].collapse())
        await asyncio.sleep(0.1)
        pods[0].cache.is_cut_off = False
        await late
        assert not holder.done()
        assert (await pods[2].collapse()).status == Status.COLLAPSED
        assert len(pods.loads) == 2

    play(story)


def test_a_holder_that_was_paused_past_its_lease_answers_with_what_landed_meanwhile() -> None:
    """Otherwise its own readers see an older version than the others have seen already."""

    async def story(pods: Pods) -> None:
        pods[0].paused_s = SLOW_S
        paused = asyncio.create_task(pods[0].collapse())
        await asyncio.sleep(0.1)
        pods[0].cache.is_cut_off = True
        await asyncio.sleep(LEASE_S)
        newer = (await pods[1].collapse()).entry
        pods[0].cache.is_cut_off = False
        assert (await paused) == Lookup(Status.COLLAPSED, newer)

    play(story)


def test_a_pod_that_is_killed_in_mid_load_costs_the_others_its_lease_and_a_poll() -> None:
    async def story(pods: Pods) -> None:
        dying = asyncio.create_task(pods[0].collapse())
        await asyncio.sleep(LOAD_S / 2)
        waiting = [asyncio.create_task(pod.collapse()) for pod in pods[1:]]
        await asyncio.sleep(0)
        await pods[0].die()
        lookups = await asyncio.gather(*waiting)
        assert sorted(lookup.status for lookup in lookups) == [Status.COLLAPSED, Status.MISS]
        assert LEASE_S < pods.clock.now_s() <= LEASE_S + 1.5 * POLL_S + LOAD_S
        assert len(pods.loads) == 2
        with pytest.raises(asyncio.CancelledError):
            await dying

    play(story)


def test_a_pod_that_is_killed_in_mid_refresh_delays_the_refresh_and_nobody() -> None:
    async def story(pods: Pods) -> None:
        seen = (await pods[0].collapse()).entry
        await asyncio.sleep(TTL_S)
        pods[0].refresh(seen)
        await asyncio.sleep(LOAD_S / 2)
        await pods[0].die()
        began_s = pods.clock.now_s()
        while await pods[1].cache.get(KEY) == seen:
            pods[1].refresh(seen)
            await asyncio.sleep(0.01)
        assert pods.clock.now_s() - began_s <= LEASE_S + 1.5 * POLL_S + LOAD_S
        assert len(pods.loads) == 3

    play(story)


def test_a_pod_that_ends_in_order_gives_its_lock_back() -> None:
    async def story(pods: Pods) -> None:
        ending = asyncio.create_task(pods[0].collapse())
        await asyncio.sleep(LOAD_S / 2)
        await pods[0].tasks.aclose()
        assert (await pods[1].collapse()).status == Status.MISS
        assert pods.clock.now_s() == pytest.approx(1.5 * LOAD_S)
        with pytest.raises(asyncio.CancelledError):
            await ending

    play(story)


@pytest.mark.parametrize("gone", [[0], [3], [0, 1, 2], [0, 1, 2, 3, 4, 5, 6, 7]])
def test_readers_that_go_away_take_nobody_with_them(gone: list[int]) -> None:
    async def story(pods: Pods) -> None:
        readers = [asyncio.create_task(pods[n % 2].collapse()) for n in range(10)]
        await asyncio.sleep(LOAD_S / 2)
        for n in gone:
            readers[n].cancel()
        stayed = [reader for n, reader in enumerate(readers) if n not in gone]
        lookups = await asyncio.gather(*stayed)
        assert len({lookup.entry for lookup in lookups}) == 1
        assert len(pods.loads) == 1

    play(story)


@pytest.mark.parametrize("failure", [OriginFailed("down"), Shed("full"), RuntimeError("a bug")], ids=repr)
def test_a_failed_load_reaches_its_readers_once_and_leaves_nothing_behind(failure: Exception) -> None:
    async def story(pods: Pods) -> None:
        pods[0].failure = failure
        readers = [asyncio.create_task(pods[0].collapse()) for _ in range(10)]
        await asyncio.wait(readers)
        assert [reader.exception() for reader in readers] == [failure] * 10
        assert len(pods.loads) == 1
        pods[0].failure = None
        assert (await pods[0].collapse()).status == Status.MISS, "the lock was not given back"
        assert pods.clock.now_s() == 2 * LOAD_S

    play(story)


def test_when_the_leaders_load_fails_the_next_pod_leads_at_once() -> None:
    async def story(pods: Pods) -> None:
        pods[0].failure = OriginFailed("only seen from here")
        leader, follower = (asyncio.create_task(pod.collapse()) for pod in pods[:2])
        assert (await follower).entry.body == b"by pod 1"
        assert isinstance(leader.exception(), OriginFailed)
        assert pods.clock.now_s() == 2 * LOAD_S

    play(story, poll_s=100)


def waiting(pods: Pods, readers: int = 10) -> list[asyncio.Task[Lookup]]:
    return [asyncio.create_task(pod.collapse()) for pod in pods for _ in range(readers)]


def test_a_failed_load_is_one_for_all_pods_and_not_one_after_the_other() -> None:
    async def story(pods: Pods) -> None:
        for pod in pods:
            pod.failure = OriginFailed("down")
        failures = await asyncio.gather(*waiting(pods), return_exceptions=True)
        assert all(isinstance(failure, OriginFailed) for failure in failures)
        assert len(pods.loads) == 1
        assert pods.clock.now_s() == LOAD_S, "nobody waits for another load that fails"

    play(story, failure_mark_s=MARK_S)


def test_while_a_failure_is_marked_no_pod_loads_and_then_one_does() -> None:
    async def story(pods: Pods) -> None:
        pods[0].failure = OriginFailed("down")
        with pytest.raises(OriginFailed) as failed:
            await pods[0].collapse()
        assert failed.value.retry_after_s == MARK_S
        for pod in pods:
            with pytest.raises(LoadJustFailed):
                await pod.collapse()
        assert len(pods.loads) == 1
        await asyncio.sleep(MARK_S)
        await asyncio.gather(*waiting(pods), return_exceptions=True)
        assert len(pods.loads) == 2

    play(story, failure_mark_s=MARK_S)


def test_a_pod_that_knows_of_a_mark_asks_the_cache_nothing_until_it_ends() -> None:
    async def story(pods: Pods) -> None:
        pods[0].failure = OriginFailed("down")
        for _ in range(10):
            with pytest.raises(OriginFailed):
                await pods[0].collapse()
        assert (pods[0].events["lock taken"], pods[0].events["lock refused"]) == (1, 0)
        for _ in range(10):
            with pytest.raises(LoadJustFailed):
                await pods[1].collapse()
        assert pods[1].events["lock refused"] == 1

    play(story, failure_mark_s=MARK_S)


def test_a_pod_without_a_cache_marks_a_failure_for_itself() -> None:
    async def story(pods: Pods) -> None:
        for pod in pods[:2]:
            pod.failure, pod.cache.failing = OriginFailed("down"), frozenset({"get", "put", "lock", "unlock", "mark"})
            for _ in range(10):
                with pytest.raises(OriginFailed):
                    await pod.collapse()
        assert len(pods.loads) == 2

    play(story, failure_mark_s=MARK_S)


def test_what_a_pod_sheds_or_its_breaker_refuses_is_no_failure_of_the_others() -> None:
    async def story(pods: Pods) -> None:
        for pod, refusal in zip(pods, (Shed("full"), BreakerOpen(1.0)), strict=False):
            pod.failure = refusal
            with pytest.raises(type(refusal)):
                await pod.collapse()
        assert (await pods[2].collapse()).status is Status.MISS

    play(story, failure_mark_s=MARK_S)


def test_a_leader_whose_lease_is_over_marks_nothing() -> None:
    async def story(pods: Pods) -> None:
        pods[0].load_s, pods[0].failure = 3 * LEASE_S, OriginFailed("late")
        late = asyncio.create_task(pods[0].collapse())
        await asyncio.sleep(LOAD_S)
        pods.server.flush()
        pods[1].load_s = 3 * LEASE_S
        next_one = asyncio.create_task(pods[1].collapse())
        await asyncio.wait([late])
        assert isinstance(late.exception(), OriginFailed)
        assert (await next_one).status is Status.MISS
        assert (await pods[0].get_or_collapse()).status is Status.HIT

    play(story, failure_mark_s=MARK_S)


def test_a_refresh_never_raises() -> None:
    async def story(pods: Pods) -> None:
        unseen: list[object] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        seen = (await pods[0].collapse()).entry
        for failure in (OriginFailed("down"), RuntimeError("a bug")):
            pods[0].failure = failure
            pods[0].refresh(seen)
            await asyncio.sleep(1)
        assert len(pods.loads) == 3
        assert not unseen

    play(story)
