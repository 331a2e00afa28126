import asyncio

import pytest

from app.strategy import Shed, Status
from tests.app.pods import KEY, LEASE_S, LOAD_S, POLL_S, WAIT_S_MAX, Pods, play


@pytest.mark.parametrize(
    "failing",
    [{"lock"}, {"get"}, {"renew"}, {"put"}, {"put", "unlock"}, {"lock", "get", "renew", "put", "unlock"}],
    ids=lambda failing: "-".join(sorted(failing)),
)
def test_a_cache_that_leaves_at_any_step_costs_no_answer_and_no_second_load(failing: set[str]) -> None:
    async def story(pods: Pods) -> None:
        pods[0].cache.failing = frozenset(failing)
        pods[0].load_s = LEASE_S  # long enough for renewals
        lookups = await asyncio.gather(*(pods[0].collapse() for _ in range(10)))
        assert len({lookup.entry for lookup in lookups}) == 1
        assert len(pods.loads) == 1
        pods[0].cache.failing = frozenset()
        began_s = pods.clock.now_s()
        await pods[1].get_or_collapse()
        assert pods.clock.now_s() - began_s <= LEASE_S + 1.5 * POLL_S + LOAD_S

    play(story)


def test_a_waiter_whose_cache_leaves_loads_for_its_own_pod() -> None:
    async def story(pods: Pods) -> None:
        pods[0].load_s = 1.0
        leader = asyncio.create_task(pods[0].collapse())
        waiting = [asyncio.create_task(pods[1].collapse()) for _ in range(10)]
        await asyncio.sleep(0.5)
        pods[1].cache.is_cut_off = True
        assert {lookup.entry.body for lookup in await asyncio.gather(*waiting)} == {b"by pod 1"}
        assert pods.clock.now_s() <= 0.5 + 1.5 * POLL_S + LOAD_S
        assert (await leader).entry.body == b"by pod 0"
        assert len(pods.loads) == 2

    play(story)


def test_without_the_cache_a_pod_collapses_what_it_loads() -> None:
    async def story(pods: Pods) -> None:
        pods.server.is_away = True
        pod = pods[0]
        lookups = await asyncio.gather(*(pod.flights.collapse_here(KEY, pod.load) for _ in range(20)))
        assert len({lookup.entry for lookup in lookups}) == 1
        assert len(pods.loads) == 1

    play(story)


@pytest.mark.parametrize("seed", range(5))
def test_who_has_joined_a_refresh_that_loses_the_cache_loads_once_for_its_own_pod(seed: int) -> None:
    """A refresh that cannot have its lock just ends. A reader that waits for it meanwhile must not end with it."""

    async def story(pods: Pods) -> None:
        pod = pods[0]
        seen = (await pod.collapse()).entry
        await pods[1].cache.lock(KEY, "somebody's", LEASE_S)
        pod.refresh(seen)  # it waits for that lock
        joined = [asyncio.create_task(pod.collapse()), asyncio.create_task(pod.flights.collapse_here(KEY, pod.load))]
        await asyncio.sleep(POLL_S / 10)
        began_s = pods.clock.now_s()
        pod.cache.is_cut_off = True
        lookups = await asyncio.gather(*joined)
        assert {lookup.status for lookup in lookups} == {Status.MISS, Status.COLLAPSED}
        assert len({lookup.entry for lookup in lookups}) == 1
        assert len(pods.loads) == 2
        assert pods.clock.now_s() - began_s <= 1.5 * POLL_S + LOAD_S, f"seed {seed}"

    play(story, seed=seed)


def test_all_its_waiting_for_such_a_refresh_and_for_its_own_load_is_within_one_bound() -> None:
    async def story(pods: Pods) -> None:
        pod = pods[0]
        seen = (await pod.collapse()).entry
        pod.refresh(seen)
        pod.cache.failing = frozenset({"get"})
        await pods[1].cache.lock(KEY, "somebody's", 2 * WAIT_S_MAX)
        joined = asyncio.create_task(pod.collapse())
        began_s = pods.clock.now_s()
        pod.load_s = 2 * WAIT_S_MAX
        with pytest.raises(Shed, match="wait_ms_max"):
            await joined
        assert pods.clock.now_s() - began_s == pytest.approx(WAIT_S_MAX)

    play(story)
