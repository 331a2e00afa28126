"""The promises that a strategy keeps while the origin fails, the cache is away, and readers are cancelled."""

import asyncio
from random import Random

import pytest

from app.strategy import OriginFailed, Shed, Strategy
from loadtest.contract.promises import all_are
from loadtest.contract.world import TTL_S, ContractWorld, play


@pytest.mark.parametrize("failure", [OriginFailed("it is down"), Shed("it is full")], ids=["fails", "sheds"])
@pytest.mark.parametrize("is_warm", [False, True], ids=["cold", "warm"])
def test_a_failed_load_recovers(strategy: type[Strategy], failure: Exception, is_warm: bool) -> None:
    """A load that fails leaves nothing behind: when the origin is back, so are the answers.

    Take a failed load out of whatever requests wait for it in, and let its error through: the request is a 503 then.
    """

    async def story(world: ContractWorld) -> None:
        if is_warm:
            await world.ask()
            await asyncio.sleep(4 * TTL_S)
        world.origin.failure = failure
        await world.herd(100, spread_s=1.0)
        world.origin.recover()
        await asyncio.sleep(1.0)  # for what is under way still
        all_are([await world.ask(pod=pod) for pod in range(3)], 200)

    play(strategy, story)


@pytest.mark.of_a_cache
def test_answers_keep_coming_while_the_cache_is_away(strategy: type[Strategy]) -> None:
    """While the cache is away everything is answered, with one load at a time of an item in a pod.

    Let CacheAway through: the strategy runner then collapses the requests of the pod, and loads once.
    """

    async def story(world: ContractWorld) -> None:
        world.server.is_away = True
        for _ in range(3):
            all_are(await world.herd(100, spread_s=0.5), 200)
        at_once = max(world.origin.at_once_max.values())
        assert at_once == 1, f"loads of one item are not collapsed in a pod: {at_once} at once"
        world.server.is_away = False
        already = len(world.origin.loads)
        all_are([await world.ask() for _ in range(10)], 200)
        assert len(world.origin.loads) - already < 10, "the cache is back and not used"

    play(strategy, story)


@pytest.mark.parametrize("seed", range(3))
def test_a_cache_that_leaves_and_comes_back_empty_costs_no_answer(strategy: type[Strategy], seed: int) -> None:
    """A cache that is away and comes back empty costs no answer.

    Let CacheAway through, and expect any key to be gone at any time.
    """

    async def story(world: ContractWorld) -> None:
        async def comes_and_goes() -> None:
            rng = Random(f"{seed}/cache")
            for _ in range(8):
                await asyncio.sleep(rng.uniform(0, 2))
                world.server.is_away = True
                await asyncio.sleep(rng.uniform(0, 1))
                world.server.flush()
                world.server.is_away = False

        await asyncio.gather(world.traffic(for_s=4 * TTL_S, readers=30, items=range(3)), comes_and_goes())
        all_are(world.replies, 200)

    play(strategy, story, seed=seed, cache_latency_s=0.004)


@pytest.mark.parametrize("seed", range(5))
def test_readers_that_go_away_harm_nobody(strategy: type[Strategy], seed: int) -> None:
    """Requests that are cancelled harm none of the others.

    A request may be cancelled at every await. Therefore what others wait for belongs into a task of its own, or into
    self.lab.flights.collapse, and is woken in a `finally`.
    """

    async def story(world: ContractWorld) -> None:
        rng = Random(f"{seed}/cancellations")
        for round_ in range(4):
            readers = [asyncio.create_task(world.ask(item_id=number % 2, pod=number)) for number in range(60)]
            leaving = [readers[0], *rng.sample(readers[1:], 29)]  # the first comes first, and may lead
            for reader in leaving:
                asyncio.get_running_loop().call_later(rng.uniform(0, 0.3), reader.cancel)
            await asyncio.wait(readers, timeout=10)
            stayed = [reader for reader in readers if reader not in leaving]
            waiting = [reader for reader in stayed if not reader.done()]
            assert not waiting, f"{len(waiting)} of {len(stayed)} who stayed are not done 10 s after the others left"
            all_are([reader.result() for reader in stayed], 200)
            all_are([await world.ask()], 200)
            await asyncio.sleep(TTL_S * (1 + round_))

    play(strategy, story, seed=seed, cache_latency_s=0.004)
