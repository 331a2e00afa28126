"""A pod is opened and closed as one. In virtual time."""

import asyncio

import pytest

from app.discovery import discover
from app.item import Found
from app.ledger import Ledger
from app.metrics import Metrics
from app.pod import Pod
from app.settings import Settings
from app.strategy import Status
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

STRATEGIES = discover().strategies


class Store:
    """Implements `app.origin.Store`: one that never answers, and does not close well."""

    def __init__(self, closed: list[str]) -> None:
        self._closed = closed

    def select(self, item_id: int, latency_ms: float) -> asyncio.Future[Found]:
        return asyncio.get_running_loop().create_future()

    async def aclose(self) -> None:
        self._closed.append("store")
        raise OSError("the store does not close")


class Cache(SimulatedCache):
    """A cache whose start fails on request."""

    fails = False

    def __init__(self, closed: list[str]) -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        super().__init__(SimulatedRedis(clock), clock)
        self._closed = closed

    async def start(self) -> None:
        if self.fails:
            raise OSError("the cache does not open")

    async def aclose(self) -> None:
        self._closed.append("cache")
        await super().aclose()


def _pod(closed: list[str]) -> Pod[Cache, Ledger]:
    return Pod(Settings(), STRATEGIES, Cache(closed), Ledger(10), lambda: Store(closed), Metrics())


def test_every_part_is_closed_the_cache_last_whatever_another_one_raises() -> None:
    closed: list[str] = []

    async def story() -> None:
        with pytest.raises(OSError, match="the store does not close"):
            async with _pod(closed):
                pass

    loop.run(story())
    assert closed == ["store"] * len(STRATEGIES) + ["cache"]


def test_a_pod_that_cannot_be_opened_leaves_nothing_open() -> None:
    closed: list[str] = []

    async def story() -> None:
        pod = _pod(closed)
        pod.cache.fails = True
        with pytest.raises(OSError, match="does not close"):
            async with pod:
                raise AssertionError("it was opened")

    loop.run(story())
    assert closed == ["store"] * len(STRATEGIES) + ["cache"]


def test_what_is_in_flight_ends_with_the_pod() -> None:
    async def story() -> None:
        pod = _pod([])
        asked = [asyncio.ensure_future(runner.answer(7)) for runner in pod.runners.values()]
        await asyncio.sleep(0.1)
        assert pod.reads_under_way == len(STRATEGIES)
        with pytest.raises(OSError, match="does not close"):
            await pod.aclose()
        await asyncio.wait(asked, timeout=10)
        assert pod.reads_under_way == 0
        assert all(one.cancelled() or one.result().status is Status.ERROR for one in asked)

    loop.run(story())
