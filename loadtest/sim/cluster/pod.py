"""A pod of virtual time: the service's own request path, with a simulated cache and store."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable, Coroutine, Mapping
from functools import partial
from typing import Any, ParamSpec, TypeVar

from app.ledger import AskedRead
from app.nets.nets import Net
from app.peers.peers import PeerBounds, PeerOutcome, PeerQuestion, PodPeers
from app.peers.reply import reply_to_peer, with_signs
from app.pod import Pod
from app.settings import Settings
from app.strategy import Shed, Status, Strategy
from app.strategy_runner import Answer
from app.tasks import Tasks
from loadtest.figures.failures import Kind
from loadtest.figures.records import OUTCOME_NUMBERS
from loadtest.sim.cluster.clients import Ask
from loadtest.sim.cluster.depth import Depth, PodPlace
from loadtest.sim.cluster.events import (
    FailureCounted,
    LoopLate,
    NetActed,
    Observers,
    OriginAnswered,
    OriginAsked,
    OriginUnanswered,
    PeerAsked,
    RequestAnswered,
    RequestArrived,
    RequestFailed,
)
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.peers import VirtualPeers
from loadtest.sim.cluster.pod_code import PodCode
from loadtest.sim.cluster.pod_cpu import PodCpu, needs_cpu
from loadtest.sim.cluster.pooler import VirtualPooler
from loadtest.sim.cluster.slow_store import PodStore, SlowStore
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.workload.scenario import Scenario

T = TypeVar("T")
P = ParamSpec("P")


class PodReports:
    """The reports of one pod as events of its cluster, with the true times, whatever the pod's clock says.

    Implements `app.pod.PodEvents` for its one strategy, with `RunnerEvents` and `OriginEvents`, and `app.origin.Book`.
    """

    def __init__(
        self, emit: Callable[[object], None], number: int, loop: VirtualLoop, failed: Callable[[Kind], None]
    ) -> None:
        """Set up the reports: `failed` is called with each failure that the pod's metrics would count."""
        self._emit, self._number, self._name, self._loop = emit, number, f"pod-{number + 1}", loop
        self._failed = failed
        self._open: dict[AskedRead, OpenRead] = {}
        self.by_prefix = Counter[str]()
        """The requests by prefix of the key, of a strategy that has them counted."""
        self._is_closed = False

    def runner(self, strategy: str) -> "PodReports":
        return self

    def origin(self, strategy: str) -> "PodReports":
        return self

    def answered(self, status: Status, duration_s: float, age_s: float | None) -> None: ...

    def lock_asked(self, taken: bool) -> None: ...

    def lock_waited(self, seconds: float) -> None: ...

    def peer_asked(self, outcome: PeerOutcome) -> None:
        self._emit(PeerAsked(self._name, outcome))

    def asked_by_peer(self) -> None: ...

    def task_died(self, task: str) -> None: ...

    def origin_started(self, read: AskedRead) -> None: ...

    def origin_ended(self, read: AskedRead, duration_s: float) -> None: ...

    def write_refused(self) -> None:
        self._failed(Kind.WRITE)

    def load_unstored(self) -> None:
        self._failed(Kind.UNSTORED)

    def value_corrupt(self) -> None:
        self._failed(Kind.ENTRY)

    def net_acted(self, net: Net) -> None:
        self._emit(NetActed(self._name, net))

    def prefix_asked(self, prefix: str) -> None:
        self.by_prefix[prefix] += 1

    def origin_asked(self, read: AskedRead, again: bool) -> None:
        if not self._is_closed:
            self._open[read] = opened = OpenRead(self._loop.now_s, read.item_id, read.reason, self._number)
            self._emit(OriginAsked(self._name, read.item_id, read.key, read.reason, opened))

    def origin_shed(self, read: AskedRead, error: Shed) -> None:
        self._failed(Kind.SHED)
        self._emit(OriginUnanswered(self._name, read.item_id, error))

    def origin_failed(self, read: AskedRead, error: BaseException) -> None:
        self._failed(Kind.LATE)
        self._emit(OriginUnanswered(self._name, read.item_id, error))

    def write(self, read: AskedRead) -> None:
        if (ended := self._open.pop(read, None)) is None:
            return  # its pod has ended
        if read.started_s is not None:
            queued_s = read.started_s - read.asked_s  # by the pod's own clock
            ended.started_s = ended.asked_s + (queued_s if queued_s > 0 else 0.0)
        ended.outcome, ended.ended_s = OUTCOME_NUMBERS[read.outcome], self._loop.now_s
        if read.loaded is not None and not read.is_late:
            self._emit(OriginAnswered(self._name, read.item_id, ended.asked_s, read.loaded))

    def close(self) -> None:
        """End the pod's open reads, whose outcome stays unknown."""
        self._is_closed = True
        for read in self._open.values():
            read.ended_s = self._loop.now_s
        self._open.clear()


class SimulatedPod:
    """A pod from its start to its end; a replacement has a state of its own."""

    def __init__(
        self,
        number: int,
        strategy: type[Strategy],
        scenario: Scenario,
        settings: Settings,
        loop: VirtualLoop,
        depth: Depth,
        observers: Observers,
        store: SlowStore,
        instance_id: int,
        wall_s: Callable[[], float] | None = None,
        pooler: VirtualPooler | None = None,
        peers: VirtualPeers | None = None,
        pods: frozenset[str] = frozenset(),
    ) -> None:
        """Start a pod in its place, with an `instance_id` that no other pod of the run has.

        The `settings` are those of every pod but for the name: to check them takes longer than all else here.

        `wall_s` is its own clock, for a pod that has to ask Redis for the time. Where clocks are never wrong, all go by
        the true one. `pooler` is stated where pods share connections, and `peers` where there are others, with the
        names of all `pods`.
        """
        self.number = number
        self.is_up = True
        self.is_listening = True
        """Whether the pod takes requests; one that was killed does not, nor one that has drained."""
        self.is_ending = False
        """Whether the pod was asked to end."""
        self.grace_s = settings.grace_s
        self.gate = PauseGate()
        self.paused_until_s = 0.0
        self.strategy = strategy.name
        self.in_flight: dict[Any, Ask] = {}
        self.held: list[Ask] = []
        """The requests that have arrived while it was paused."""
        self.for_peers = Tasks()
        """The answers to other pods that are under way."""
        self.peers_answered = 0
        settings = settings.model_copy(update={"pod": f"pod-{number + 1}", "redis_url": depth.redis_url})
        self.name, self._observers = settings.pod, observers
        self.cpu: PodCpu | None = None
        """The CPU of the pod; None where nothing takes CPU."""
        if needs_cpu(scenario):
            virtual, emit, name = scenario.virtual, observers.emit, settings.pod
            self.cpu = PodCpu(
                loop, virtual.service_us / 1e6, virtual.load_us / 1e6, lambda late_s: emit(LoopLate(name, late_s))
            )
        self._tasks = Tasks()
        self.code: PodCode | None = self.cpu
        """The context of the pod's code; None where nothing tells it apart."""
        failed = partial(self._failed, Kind.COMMAND)
        self.way = depth.new_way(PodPlace(self.name, settings, self.gate, self.cpu, failed, self._spawn, wall_s))
        self.cache = self.way.cache
        self.code = self.cpu or self.way.code
        self._reports = PodReports(self._observers.emit, number, loop, self._failed)
        bounds = PeerBounds.of(settings)
        self._pod = Pod(
            settings,
            {strategy.name: strategy},
            self.cache,
            self._reports,
            partial(PodStore, store, self.gate, self.cpu),
            self._reports,
            None if pooler is None else partial(pooler.connect, cpu=self.cpu),
            str(instance_id),
            store,
            None if peers is None else PodPeers(self.name, bounds, loop.time, peers.way_from(self), pods),
        )
        self.runner, self.origin = self._pod.runners[strategy.name], self._pod.origins[strategy.name]
        self._sign_within_s = settings.peer_timeout_ms / 1000
        is_observed = self._observers.hear(RequestArrived, RequestAnswered, RequestFailed)
        self.answer = self._observed_answer if is_observed else self.runner.answer

    @property
    def requests_by_prefix(self) -> Mapping[str, float]:
        """The counters that its `/metrics` would show by prefix of the key."""
        return self._reports.by_prefix

    async def answer_within_limits(self, client: str, item_id: int) -> Answer:
        """The answer to a client, or 429 beyond a rate limit."""
        return self.runner.turned_away(client) or await self.answer(item_id)

    async def _observed_answer(self, item_id: int) -> Answer:
        self._observers.emit(RequestArrived(self.name, item_id))
        try:
            answer = await self.runner.answer(item_id)
        except BaseException as error:
            self._observers.emit(RequestFailed(self.name, item_id, error))
            raise
        self._observers.emit(RequestAnswered(self.name, item_id, answer))
        return answer

    @property
    def is_at_work(self) -> bool:
        """Whether a request of a client or a question of another pod is in flight."""
        return bool(self.in_flight) or len(self.for_peers) > 0

    def answer_peer(self, question: PeerQuestion, sign: Callable[[], Awaitable[None]]) -> asyncio.Task[bytes]:
        """See `loadtest.sim.cluster.peers.PeerPod`."""
        return self.run(self.for_peers.spawn, self._answer_peer(question, sign), "peer", str(question.item_id))

    async def _answer_peer(self, question: PeerQuestion, sign: Callable[[], Awaitable[None]]) -> bytes:
        await self.gate.passed()
        if self.cpu is not None:
            taken = asyncio.Event()
            self.cpu.call_noticed(taken.set, self.cpu.service_s)
            await taken.wait()
        lookup = self.runner.load_for_peer(question.item_id, question.cache_s)
        reply = await with_signs(reply_to_peer(lookup), self._sign_within_s, sign)
        await self.gate.passed()
        self.peers_answered += 1
        return reply

    def write(self, item_id: int, done: Callable[[], None]) -> None:
        """Write an item; `done` is called once its entries are as the scenario's invalidation says."""
        self.run(self._tasks.spawn, self._write(item_id, done), "write", str(item_id))

    async def _write(self, item_id: int, done: Callable[[], None]) -> None:
        assert self._pod.writer is not None, "the scenario states writes"
        if await self._pod.writer.write(item_id):
            done()

    def run(self, function: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        """Call a function as the pod's own code."""
        return function(*arguments, **named) if self.code is None else self.code.run(function, *arguments, **named)

    def _spawn(self, work: Coroutine[Any, Any, None], kind: str) -> None:
        self.run(self._tasks.spawn, work, kind)

    async def start(self) -> None:
        if self.way.code is None:
            await self._pod.start()
        else:
            await self.run(asyncio.ensure_future, self._pod.start())

    def begin(self) -> None:
        """Start in the place of another pod: requests are refused until the cache has been opened."""
        if self.way.code is not None:
            self.is_listening = False
            self._spawn(self._begin(), "start")

    async def _begin(self) -> None:
        await self._pod.start()
        self.is_listening = self.is_up

    def pause(self, until_s: float) -> None:
        """Pause the pod: nothing comes in or goes out."""
        self.paused_until_s = until_s
        if self.cpu is not None:
            self.cpu.stop_until(until_s)
        self.gate.close()
        self.way.stand_still()

    def go_on(self) -> None:
        self.gate.open()
        self.way.move_on()

    def _failed(self, kind: Kind, what: str = "") -> None:
        if self.is_up:  # what its end cuts short has not failed
            self._observers.emit(FailureCounted(kind, what))

    async def aclose(self) -> None:
        """End the pod as SIGTERM does: requests and reads under way are cancelled."""
        self.is_up = False
        self._reports.close()
        await self.for_peers.aclose()
        await self._tasks.aclose()
        await self._pod.aclose()

    def left(self) -> list[str]:
        """The requests and keys that are still in flight, as texts."""
        counts = {
            "requests": len(self.in_flight),
            "keys in flight": self.runner.in_flight,
            "answers to other pods": len(self.for_peers),
            "questions to other pods": len(self._pod.peers),
        }
        return [f"{self.name}: {count} {what}" for what, count in counts.items() if count]
