"""A pod of virtual time: the request path of the service, as it is, with a cache and a store that it takes for real."""

from collections import deque
from collections.abc import Callable
from contextlib import suppress
from functools import partial
from random import Random
from typing import Any

from app.arm import Answer, Arm
from app.clock import RedisClock
from app.latency import Latency
from app.ledger import AskedRead
from app.origin import Origin
from app.pooler_client import PoolerClient
from app.strategy import CacheAway, Clock, Loaded, Status, Strategy, Why
from app.tasks import Tasks
from loadtest.figures.failures import Kind
from loadtest.figures.records import OUTCOME_NUMBERS
from loadtest.sim.cluster.clients import Ask
from loadtest.sim.cluster.events import (
    FailureCounted,
    OriginAnswered,
    OriginAsked,
    OriginUnanswered,
    RequestAnswered,
    RequestArrived,
    RequestFailed,
)
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.pod_cache import Gate, Manners, MemoryCache
from loadtest.sim.cluster.pooler import VirtualPooler
from loadtest.sim.cluster.redis_server import MemoryServer
from loadtest.sim.cluster.slow_store import PodStore, SlowStore
from loadtest.sim.kernel.loop import VirtualClock, VirtualLoop
from loadtest.workload.scenario import Scenario


class Counts:
    """Implements `app.arm.ArmEvents` and `app.origin.OriginEvents`: the failures that a pod's metrics count. Of all
    else the recorder sees more."""

    def __init__(self, failed: Callable[[Kind], None]) -> None:
        self._failed = failed

    def answered(self, status: Status, duration_s: float, age_s: float | None) -> None: ...

    def origin_asked(self, read: AskedRead, again: bool) -> None: ...

    def origin_shed(self, read: AskedRead) -> None:
        self._failed(Kind.SHED)

    def origin_started(self, read: AskedRead) -> None: ...

    def origin_failed(self, read: AskedRead) -> None:
        self._failed(Kind.LATE)

    def origin_ended(self, read: AskedRead, duration_s: float) -> None: ...

    def lock_asked(self, taken: bool) -> None: ...

    def lock_waited(self, seconds: float) -> None: ...

    def write_refused(self) -> None:
        self._failed(Kind.WRITE)

    def task_died(self, task: str) -> None: ...


class OpenReads:
    """The reads of one pod that are under way, from their asking to what the origin says of them (an
    `app.origin.Book`). Times are the true ones, whatever the pod's own clock says."""

    def __init__(self, emit: Callable[[object], None], pod: int, true: Clock, own: Clock) -> None:
        self._emit, self._pod, self._true, self._own = emit, pod, true, own
        self._name = f"pod-{pod + 1}"
        self._open: dict[tuple[str, float], deque[OpenRead]] = {}
        self._is_closed = False

    def ask(self, item_id: int, key: str, why: Why) -> None:
        """The origin is asked in this moment."""
        if self._is_closed:
            return
        read = OpenRead(self._true.now_s(), item_id, why, self._pod)
        self._open.setdefault((key, self._own.now_s()), deque()).append(read)
        self._emit(OriginAsked(self._name, item_id, key, why, read))

    def write(self, read: AskedRead) -> None:
        if self._is_closed:
            return
        same = self._open[read.key, read.asked_s]
        ended = same.popleft()  # of reads of one key that were asked for at once, each stands for any
        if not same:
            del self._open[read.key, read.asked_s]
        if read.started_s is not None:
            ended.started_s = ended.asked_s + max(0.0, read.started_s - read.asked_s)
        ended.outcome = OUTCOME_NUMBERS[read.outcome]
        ended.ended_s = self._true.now_s()

    def close(self) -> None:
        """The pod ends, and cuts short what is under way: nobody knows what would have become of it."""
        self._is_closed = True
        for read in (read for same in self._open.values() for read in same):
            read.ended_s = self._true.now_s()
        self._open.clear()


class SyncedClock(RedisClock):
    """Of a pod that has to ask Redis for the time. Before it knows it uses nothing of what lies there."""

    def __init__(self, cache: MemoryCache, loop: VirtualLoop, wall_s: Callable[[], float]) -> None:
        super().__init__(cache.time_s, loop.time, wall_s)
        self._cache = cache

    async def sync(self) -> None:
        await super().sync()
        self._cache.introduce(True)


class Pod:
    """One pod from its start to its end. Another one that takes its place has a state of its own."""

    def __init__(
        self,
        number: int,
        strategy: type[Strategy],
        scenario: Scenario,
        seed: int,
        loop: VirtualLoop,
        server: MemoryServer,
        store: SlowStore,
        life: int,
        wall_s: Callable[[], float] | None = None,
        pooler: VirtualPooler | None = None,
    ) -> None:
        """`life` is unlike that of any other pod, and of the one before it in its place. `wall_s` is its own idea of
        the time, for a pod that has to ask Redis: where clocks are never wrong, all go by the true one. `pooler` is
        there where pods share connections."""
        self.number = number
        self.is_up = True
        self.gate = Gate()
        self.paused_until_s = 0.0
        self.cpu_free_s = 0.0
        self.strategy = strategy.name
        self.in_flight: dict[Any, Ask] = {}
        self.held: list[Ask] = []
        """Requests that have come while it was paused."""
        settings = scenario.pod_settings(seed, f"pod-{number + 1}")
        true = VirtualClock(loop)
        self.name, self._loop, self._observers = settings.pod, loop, server.observers
        self._tasks = Tasks()
        redis, rng = Latency.parse(scenario.virtual.redis), Random(f"{seed}/{settings.pod}/redis")
        latency_s = (lambda: redis.draw_ms(rng) / 1000) if redis.mean_ms else 0.0
        manners = Manners(settings.redis_timeout_ms / 1000, settings.redis_pause_ms / 1000, settings.redis_retries)
        self.cache = MemoryCache(
            server, true, latency_s, manners, self.gate, self.name, partial(self._failed, Kind.COMMAND)
        )
        clock: Clock = true
        if wall_s is not None:
            self.cache.introduce(False)
            self.cache.pod_clock = clock = synced = SyncedClock(self.cache, loop, wall_s)
            self._tasks.spawn(self._keep_in_sync(synced), f"{settings.pod} clock")
        counts = Counts(self._failed)
        self._reads = OpenReads(self._observers.emit, number, true, clock)
        size = settings.origin_connections_shared
        shared = None if pooler is None or size is None else PoolerClient(strategy.name, size, pooler.connect)
        self._origin = Origin(settings, strategy.name, clock, self._reads, PodStore(store, self.gate), counts, shared)
        self.arm = Arm(strategy, settings, self.cache, clock, self._read, counts, str(life))
        is_observed = self._observers.hear(RequestArrived, RequestAnswered, RequestFailed)
        self.answer = self._observed_answer if is_observed else self.arm.answer

    async def _observed_answer(self, item_id: int) -> Answer:
        self._observers.emit(RequestArrived(self.name, item_id))
        try:
            answer = await self.arm.answer(item_id)
        except BaseException as error:
            self._observers.emit(RequestFailed(self.name, item_id, error))
            raise
        self._observers.emit(RequestAnswered(self.name, item_id, answer))
        return answer

    async def start(self) -> None:
        """As the service does before it listens: ask Redis for the time. One that is away is no error."""
        if isinstance(self.cache.pod_clock, RedisClock):
            with suppress(CacheAway):
                await self.cache.pod_clock.sync()

    async def _keep_in_sync(self, clock: RedisClock) -> None:
        await self.start()
        await clock.keep_in_sync()

    async def _read(self, item_id: int, key: str, why: Why) -> Loaded:
        emit, asked_s = self._observers.emit, self._loop.now_s
        self._reads.ask(item_id, key, why)
        try:
            loaded = await self._origin.read(item_id, key, why)
        except BaseException as error:
            emit(OriginUnanswered(self.name, item_id, error))
            raise
        emit(OriginAnswered(self.name, item_id, asked_s, loaded))
        return loaded

    def pause(self, until_s: float) -> None:
        """Nothing comes in or goes out."""
        self.paused_until_s = until_s
        self.gate.close()
        self.cache.miss_announcements()

    def go_on(self) -> None:
        self.gate.open()
        self.cache.hear_all()

    def _failed(self, kind: Kind, what: str = "") -> None:
        if self.is_up:  # what its end cuts short has not failed
            self._observers.emit(FailureCounted(kind, what))

    async def aclose(self) -> None:
        """As on SIGTERM: what is on its way is cancelled."""
        self.is_up = False
        self._reads.close()
        await self._tasks.aclose()
        await self.arm.aclose()
        await self._origin.aclose()
        await self.cache.aclose()

    def left(self) -> list[str]:
        """What is still in flight."""
        counts = {"requests": len(self.in_flight), "keys in flight": self.arm.in_flight}
        return [f"{self.name}: {count} {what}" for what, count in counts.items() if count]
