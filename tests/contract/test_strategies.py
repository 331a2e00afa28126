"""The contract of a strategy: what must hold whatever it does. Every file in app/strategies/ is put through it."""

import ast
import asyncio
import inspect
import sys
from random import Random

import pytest

from app.discovery import discover
from app.strategy import OriginFailed, Shed, Status, Strategy
from tests.contract.origin import ITEMS
from tests.contract.world import ROUNDING_S, TTL_S, Reply, World, play

# What a strategy would bypass `Lab` with: its time, its randomness and its background work come from there.
BESIDE_THE_LAB = {"time", "datetime", "random", "secrets", "uuid", "threading", "multiprocessing", "socket"}


def test_every_file_is_a_usable_strategy(request: pytest.FixtureRequest) -> None:
    chosen = request.config.getoption("--strategy")
    broken = {name: why for name, why in discover().broken.items() if not chosen or name in chosen}
    assert not broken, f"cannot be used: {broken}"


def test_it_imports_the_vocabulary_and_the_standard_library_only(strategy: type[Strategy]) -> None:
    imported = set()
    for node in ast.walk(ast.parse(inspect.getsource(sys.modules[strategy.__module__]))):
        if isinstance(node, ast.Import):
            imported |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom):
            imported.add("." * node.level + (node.module or ""))
    own = {name for name in imported if name == "app.strategy" or name.startswith("app.strategies.")}
    foreign = {name for name in imported - own if name.partition(".")[0] not in sys.stdlib_module_names}
    assert not foreign, "a strategy imports app.strategy, the standard library, and a strategy that it extends"
    assert not imported & BESIDE_THE_LAB, "time, randomness and background work come in through self.lab"


@pytest.mark.parametrize("cache_latency_s", [0.0, 0.004], ids=["cache at once", "cache takes 4 ms"])
def test_a_hundred_readers_get_their_items_over_six_expiries(strategy: type[Strategy], cache_latency_s: float) -> None:
    async def story(world: World) -> None:
        await world.traffic(for_s=6 * TTL_S)
        assert len(world.replies) > 100 * 40
        assert {reply.code for reply in world.replies} == {200}
        assert 6 <= len(world.origin.loads) <= len(world.replies)

    play(strategy, story, cache_latency_s=cache_latency_s)


def test_a_herd_at_every_expiry_is_answered(strategy: type[Strategy]) -> None:
    async def story(world: World) -> None:
        for _ in range(6):
            replies = await world.herd(100)
            assert {reply.code for reply in replies} == {200}
            await asyncio.sleep(TTL_S + 0.1)
        assert len(world.origin.loads) <= len(world.replies)

    play(strategy, story)


@pytest.mark.of_a_cache
def test_nothing_that_the_cache_answers_is_older_than_the_strategy_promises(strategy: type[Strategy]) -> None:
    async def story(world: World) -> None:
        await world.traffic(for_s=6 * TTL_S)
        from_cache = [reply for reply in world.replies if reply.status in {Status.HIT, Status.STALE}]
        oldest_s = max(reply.answered_s - reply.body["read_at"] for reply in from_cache)
        assert TTL_S / 2 < oldest_s <= strategy.oldest_s(TTL_S, strategy.tuned({})) + ROUNDING_S

    play(strategy, story)


def test_the_same_seed_gives_the_same_run(strategy: type[Strategy]) -> None:
    async def story(world: World) -> list[Reply]:
        await world.traffic(for_s=3 * TTL_S, readers=20)
        return world.replies

    assert play(strategy, story, seed=7) == play(strategy, story, seed=7)


@pytest.mark.parametrize("failure", [OriginFailed("it is down"), Shed("it is full")], ids=["fails", "sheds"])
@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
def test_a_failed_load_recovers(strategy: type[Strategy], failure: Exception, is_warm: bool) -> None:
    async def story(world: World) -> None:
        if is_warm:
            await world.ask()
            await asyncio.sleep(4 * TTL_S)
        world.origin.failure = failure
        await world.herd(100, spread_s=1.0)
        world.origin.recover()
        await asyncio.sleep(1.0)  # for what is under way still
        for pod in range(3):
            assert (await world.ask(pod=pod)).code == 200

    play(strategy, story)


@pytest.mark.of_a_cache
def test_answers_keep_coming_while_the_cache_is_away(strategy: type[Strategy]) -> None:
    async def story(world: World) -> None:
        world.server.is_away = True
        for _ in range(3):
            replies = await world.herd(100, spread_s=0.5)
            assert {reply.code for reply in replies} == {200}
        assert max(world.origin.at_once_max.values()) == 1, "loads of one item are not collapsed in a pod"
        world.server.is_away = False
        already = len(world.origin.loads)
        for _ in range(10):
            assert (await world.ask()).code == 200
        assert len(world.origin.loads) - already < 10, "the cache is back and nobody uses it"

    play(strategy, story)


@pytest.mark.parametrize("seed", range(3))
def test_a_cache_that_leaves_and_comes_back_empty_costs_no_answer(strategy: type[Strategy], seed: int) -> None:
    async def story(world: World) -> None:
        async def comes_and_goes() -> None:
            rng = Random(f"{seed}/cache")
            for _ in range(8):
                await asyncio.sleep(rng.uniform(0, 2))
                world.server.is_away = True
                await asyncio.sleep(rng.uniform(0, 1))
                world.server.flush()
                world.server.is_away = False

        await asyncio.gather(world.traffic(for_s=4 * TTL_S, readers=30, items=range(3)), comes_and_goes())
        assert {reply.code for reply in world.replies} == {200}

    play(strategy, story, seed=seed, cache_latency_s=0.004)


@pytest.mark.of_a_cache
def test_an_item_that_does_not_exist_is_a_404_and_few_loads(strategy: type[Strategy]) -> None:
    async def story(world: World) -> None:
        for _ in range(30):
            assert (await world.ask(ITEMS)).code == 404
            await asyncio.sleep(0.02)
        assert len(world.origin.loads) <= 10

    play(strategy, story)


@pytest.mark.parametrize("seed", range(5))
def test_readers_that_go_away_harm_nobody(strategy: type[Strategy], seed: int) -> None:
    async def story(world: World) -> None:
        rng = Random(f"{seed}/cancellations")
        for round_ in range(4):
            readers = [asyncio.create_task(world.ask(item_id=number % 2, pod=number)) for number in range(60)]
            leaving = [readers[0], *rng.sample(readers[1:], 29)]  # the first comes first, and may lead
            for reader in leaving:
                asyncio.get_running_loop().call_later(rng.uniform(0, 0.3), reader.cancel)
            await asyncio.wait(readers, timeout=10)
            stayed = [reader for reader in readers if reader not in leaving]
            assert [reader.result().code for reader in stayed] == [200] * 30
            assert (await world.ask()).code == 200
            await asyncio.sleep(TTL_S * (1 + round_))

    play(strategy, story, seed=seed, cache_latency_s=0.004)
