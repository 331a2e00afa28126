import asyncio

import pytest

from tests.app.pods import KEY, LEASE_S, LOAD_S, POLL_S, Pods, play


@pytest.mark.parametrize(
    "failing",
    [{"lock"}, {"get"}, {"renew"}, {"put"}, {"put", "unlock"}, {"lock", "get", "renew", "put", "unlock"}],
    ids=str,
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
