import asyncio

import pytest

from app.strategies.layered import Layered
from app.strategy import LoadReason, MechanismKind, Status
from loadtest.contract.origin import ITEMS, ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld, play

PODS, READERS = 3, 100
OFF = {"spread": 0.0, "collapse": "none", "stale_s": 0.0, "beta": 0.0, "stale_if_error_s": 0.0}
STALE_S, STALE_IF_ERROR_S = 2.0, 30.0
WINDOWS = {"layered": {"spread": 0.0, "stale_s": STALE_S, "stale_if_error_s": STALE_IF_ERROR_S}}


@pytest.mark.parametrize(("collapse", "loads"), [("none", READERS), ("pod", PODS), ("fleet", 1)])
def test_misses_share_a_load_as_far_as_they_collapse(collapse: str, loads: int) -> None:
    async def story(world: ContractWorld) -> None:
        await world.herd(READERS)
        assert len(world.origin.loads) == loads

    play(Layered, story, pods=PODS, params={"layered": {"collapse": collapse}})


def test_past_the_stale_window_requests_wait_for_a_load_while_the_origin_is_well() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(TTL_S + STALE_S + 0.1)
        reply = await world.ask(pod=1)
        assert reply.status is Status.MISS
        assert reply.took_s == pytest.approx(ORIGIN_S)

    play(Layered, story, params=WINDOWS)


def test_where_the_origin_fails_an_old_answer_is_given_to_the_end_of_both_windows_and_not_beyond() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        world.origin.fail()
        await asyncio.sleep(TTL_S + STALE_S + STALE_IF_ERROR_S - ORIGIN_S - 0.1)
        reply = await world.ask(pod=1)
        assert (reply.code, reply.status) == (200, Status.STALE)
        await asyncio.sleep(0.15)
        assert (await world.ask(pod=2)).code == 503

    play(Layered, story, params=WINDOWS)


def test_an_outage_that_is_shorter_than_the_windows_costs_no_answer() -> None:
    async def story(world: ContractWorld) -> None:
        await world.traffic(for_s=TTL_S, readers=20)
        world.origin.fail()
        await world.traffic(for_s=STALE_IF_ERROR_S - 2.0, readers=20)
        world.origin.recover()
        await world.traffic(for_s=2 * TTL_S, readers=20)
        assert {reply.code for reply in world.replies} == {200}
        late = [reply.status for reply in world.replies if reply.asked_s > world.clock.now_s() - TTL_S]
        assert late.count(Status.HIT) > 0.9 * len(late), "it has come back"

    play(Layered, story, params=WINDOWS)


def test_an_absence_is_neither_served_stale_nor_where_the_origin_fails() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask(ITEMS)
        assert (await world.ask(ITEMS)).status is Status.HIT
        world.origin.fail()
        await asyncio.sleep(1.01)
        assert (await world.ask(ITEMS)).code == 503

    play(Layered, story, params=WINDOWS, negative_ttl_s=1.0)


def test_each_reason_to_load_has_its_layer() -> None:
    def reasons(**params: float | str) -> set[LoadReason]:
        async def story(world: ContractWorld) -> set[LoadReason]:
            await world.traffic(for_s=6 * TTL_S, items=[0])
            return {load.reason for load in world.origin.loads}

        return play(Layered, story, params={"layered": OFF | params})

    assert reasons() == {LoadReason.MISS}
    assert reasons(collapse="fleet", stale_s=5.0) == {LoadReason.MISS, LoadReason.REFRESH}
    assert reasons(collapse="fleet", beta=1.0) == {LoadReason.MISS, LoadReason.EARLY}


@pytest.mark.parametrize(
    ("params", "kind"),
    [
        (OFF, MechanismKind.NONE),
        (OFF | {"collapse": "pod"}, MechanismKind.COLLAPSE_IN_POD),
        (OFF | {"collapse": "fleet"}, MechanismKind.COLLAPSE),
        (OFF | {"collapse": "fleet", "stale_s": 5.0}, MechanismKind.STALE),
        (OFF | {"collapse": "fleet", "beta": 1.0}, MechanismKind.EARLY),
        ({}, MechanismKind.EARLY),
        ({"collapse": "none"}, MechanismKind.UNKNOWN),  # ahead of an expiry one loads, after it a herd
        (OFF | {"collapse": "pod", "beta": 1.0}, MechanismKind.UNKNOWN),
    ],
)
def test_the_mechanism_is_that_of_the_layers_that_are_on(params: dict[str, float | str], kind: MechanismKind) -> None:
    assert Layered.stated(10.0, params).mechanism().kind is kind


def test_what_may_be_served_where_a_load_fails_is_told_apart() -> None:
    one = Layered.stated(10.0, {"spread": 0.2, "stale_s": 5.0, "stale_if_error_s": 30.0})
    assert [one.oldest_while_well_s(), one.oldest_s()] == pytest.approx([16.0, 46.0])
