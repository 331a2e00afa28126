"""What a reader is told is as old as the read that brought it: from its beginning, however long it took."""

import asyncio
import json
from collections.abc import Awaitable, Callable

import pytest

from app.discovery import discover
from app.ledger import Ledger
from app.metrics import Metrics
from app.origin import Origin
from app.pod import Pod
from app.settings import Settings
from app.strategy import Clock, LoadReason, Status, Strategy
from app.strategy_runner import StrategyRunner
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.slow_store import PodStore, SlowStore
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

LOAD_S, TTL_S = 0.2, 5.0
STRATEGIES = discover().strategies
WITH_BOUNDS = {**STRATEGIES, **discover(references=True).references}
Story = Callable[[Origin, StrategyRunner, PauseGate], Awaitable[None]]
every_strategy = pytest.mark.parametrize("strategy", STRATEGIES.values(), ids=STRATEGIES)


class SetClock:
    """Implements `app.strategy.Clock`: one that may be set."""

    ahead_s = 0.0

    def now_s(self) -> float:
        return now_s() + self.ahead_s

    def monotonic_s(self) -> float:
        return now_s()


def play(
    story: Callable[[Origin, StrategyRunner, PauseGate], Awaitable[None]],
    strategy: type[Strategy] = STRATEGIES["static"],
    pod_clock: Clock | None = None,
) -> None:
    """With a pod of one connection to an origin that takes `LOAD_S`."""

    async def main() -> None:
        settings = Settings(
            origin_latency=f"fixed({1000 * LOAD_S:g})",
            origin_connections=1,
            ttl_s=TTL_S,
            redis_url="redis://127.0.0.1:1/0",
        )
        clock: Clock = pod_clock or VirtualClock(asyncio.get_running_loop())
        gate = PauseGate()
        cache, store = SimulatedCache(SimulatedRedis(clock), clock), PodStore(SlowStore(100, 1), gate)
        async with Pod(settings, {"any": strategy}, cache, Ledger(100), lambda: store, Metrics()) as pod:
            await story(pod.origins["any"], pod.runners["any"], gate)

    loop.run(main())


def now_s() -> float:
    return asyncio.get_running_loop().time()


def test_a_read_is_dated_by_the_moment_it_got_its_connection() -> None:
    async def story(origin: Origin, runner: StrategyRunner, gate: PauseGate) -> None:
        began_s = now_s()
        rows = await asyncio.gather(*(origin.read(number, f"k{number}", LoadReason.MISS) for number in range(3)))
        assert [row.read_at_s - began_s for row in rows] == pytest.approx([0, LOAD_S, 2 * LOAD_S])
        assert [row.cost_s for row in rows] == pytest.approx([LOAD_S, 2 * LOAD_S, 3 * LOAD_S]), "with queueing"
        for row in rows:
            assert json.loads(row.body)["read_at"] == pytest.approx(row.read_at_s, abs=1e-6)

    play(story)


@every_strategy
def test_no_age_is_too_young_by_the_latency(strategy: type[Strategy]) -> None:
    async def story(origin: Origin, runner: StrategyRunner, gate: PauseGate) -> None:
        assert (await runner.answer(7)).age_s == pytest.approx(LOAD_S)
        soon_s = min(1.0, strategy.stated(TTL_S, {}).mechanism().least_ttl_s(TTL_S) - LOAD_S - 0.01)
        await asyncio.sleep(soon_s)
        assert (await runner.answer(7)).age_s == pytest.approx(LOAD_S + soon_s)

    play(story, strategy)


@pytest.mark.parametrize("paused_s", [1.0, 4.0])
def test_a_pod_that_is_paused_in_the_middle_of_a_read_does_not_date_old_data_new(paused_s: float) -> None:
    async def story(origin: Origin, runner: StrategyRunner, gate: PauseGate) -> None:
        began_s = now_s()
        reading = asyncio.ensure_future(runner.answer(7))
        await asyncio.sleep(LOAD_S / 2)
        gate.close()
        await asyncio.sleep(paused_s)
        gate.open()
        assert (await reading).age_s == pytest.approx(now_s() - began_s) == LOAD_S / 2 + paused_s
        await asyncio.sleep(began_s + TTL_S - now_s() - 0.01)
        assert (await runner.answer(7)).status is Status.HIT
        await asyncio.sleep(0.02)
        assert (await runner.answer(7)).status is Status.MISS  # its TTL counts from the read too

    play(story)


@pytest.mark.parametrize("by_s", [-3_600.0, 3_600.0])
@pytest.mark.parametrize("strategy", WITH_BOUNDS.values(), ids=WITH_BOUNDS)
def test_a_clock_that_is_set_during_a_load_makes_its_answers_neither_older_nor_younger(
    strategy: type[Strategy], by_s: float
) -> None:
    clock = SetClock()

    async def story(origin: Origin, runner: StrategyRunner, gate: PauseGate) -> None:
        answering = [asyncio.ensure_future(runner.answer(7))]
        await asyncio.sleep(LOAD_S / 2)
        clock.ahead_s = by_s
        answering.append(asyncio.ensure_future(runner.answer(7)))
        (first, second) = await asyncio.gather(*answering)
        assert first.age_s == pytest.approx(LOAD_S)
        assert second.age_s == pytest.approx(LOAD_S)

    play(story, strategy, clock)
