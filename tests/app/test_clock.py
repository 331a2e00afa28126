import asyncio
from collections.abc import Iterator

import pytest

from app.clock import SYNC_AGAIN_S, RedisClock
from app.strategy import CacheAway
from loadtest.sim.kernel import loop


class Wire:
    """A Redis whose time is 1000 s ahead of this pod's, behind a wire of changing length."""

    def __init__(self, delays_s: list[tuple[float, float]]) -> None:
        self.now_s = 50.0
        self._delays_s: Iterator[tuple[float, float]] = iter(delays_s)

    async def ask_s(self) -> float:
        there_s, back_s = next(self._delays_s)
        self.now_s += there_s
        answer_s = self.now_s + 1_000.0
        self.now_s += back_s
        return answer_s


def test_pods_take_the_time_from_the_quickest_round_trip() -> None:
    wire = Wire([(0.3, 0.001), (0.002, 0.002), (0.001, 0.4)])
    clock = RedisClock(wire.ask_s, lambda: wire.now_s)
    asyncio.run(clock.sync())
    assert clock.now_s() == pytest.approx(wire.now_s + 1_000.0, abs=1e-9)


def test_time_goes_on_by_the_monotonic_clock_between_syncs(monkeypatch: pytest.MonkeyPatch) -> None:
    wire = Wire([(0.001, 0.001)] * 3)
    clock = RedisClock(wire.ask_s, lambda: wire.now_s)
    asyncio.run(clock.sync())
    before_s = clock.now_s()
    monkeypatch.setattr("time.time", lambda: 0.0)  # somebody sets the wall clock
    wire.now_s += 7.0
    assert clock.now_s() - before_s == pytest.approx(7.0)


def test_a_pod_that_started_without_redis_has_its_time_soon_after_it_is_there() -> None:
    there_from_s = 10.0

    async def main() -> float:
        running = asyncio.get_running_loop()

        async def ask_s() -> float:
            if running.time() < there_from_s:
                raise CacheAway("not yet")
            return running.time() + 1_000.0

        clock = RedisClock(ask_s, running.time, lambda: 5.0)
        syncing = running.create_task(clock.keep_in_sync())
        await asyncio.sleep(there_from_s + 2 * SYNC_AGAIN_S)
        syncing.cancel()
        return clock.now_s() - running.time()

    assert loop.run(main()) == pytest.approx(1_000.0)
