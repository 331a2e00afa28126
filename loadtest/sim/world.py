"""A whole world in virtual time: network, pods, Redis and origin, and everything that happens to a request in it."""

import asyncio
import heapq
import itertools
import math
from collections.abc import Callable
from random import Random
from typing import Any

from app.arm import Answer
from app.latency import Latency
from app.strategy import Strategy
from loadtest.answer_check import CLOCKS_APART_S, OLDER, AnswerCheck, Seen
from loadtest.faults import CacheSlow, ClockApart, OriginHangs, OriginSlow, PodPaused
from loadtest.scenario import Scenario
from loadtest.sim.clients import NEVER_S, Ask, Clients
from loadtest.sim.loop import VirtualClock, VirtualLoop
from loadtest.sim.pod import Pod
from loadtest.sim.recorder import Recorder
from loadtest.sim.server import MemoryServer
from loadtest.sim.store import SlowStore
from loadtest.sim.tasks import StartedTask, Starter
from loadtest.sim.watch import Watch

NO_ANSWER = 0
"""The code of a request that nobody answered, as in the records."""
_NOBODY = Answer(NO_ANSWER, None, b"")  # type: ignore[arg-type]


class World:
    """Made in a running virtual loop. Pods can be replaced, requests are served by whoever is there."""

    def __init__(self, scenario: Scenario, strategy: type[Strategy], seed: int, recorder: Recorder) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop, self.clock = loop, VirtualClock(loop)
        self.scenario, self.strategy, self.seed = scenario, strategy, seed
        self.watch = new_watch(scenario, seed, self.clock)
        virtual = scenario.virtual
        self.server = MemoryServer(self.clock, virtual.redis_entries_max, virtual.redis_policy)
        self.store = SlowStore(scenario.keys.count, seed)
        self.walls_apart_s = {fault.pod: 0.0 for fault in scenario.faults if isinstance(fault, ClockApart)}
        """How far off the clocks are at the moment of those pods that have one of their own."""
        self._recorder = recorder
        self._lives = itertools.count()
        self.pods = [self.new_pod(number) for number in range(scenario.pods)]

    def new_pod(self, number: int, make: Callable[..., Pod] = Pod) -> Pod:
        """A fresh one, for that place."""
        wall_s = None
        if number in self.walls_apart_s:

            def wall_s() -> float:
                return self.loop.now_s + self.walls_apart_s[number]

        return make(
            number,
            self.strategy,
            self.scenario,
            self.seed,
            self.loop,
            self.server,
            self.watch,
            self.store,
            self._recorder,
            next(self._lives),
            wall_s,
        )

    def tell(self, what: str) -> None:
        """Something happens to the world. Nobody listens here."""

    async def aclose(self) -> None:
        for pod in self.pods:
            await pod.aclose()


class Traffic:
    """Brings the clients' requests to the pods and their answers back.

    As long as nobody else has anything to do, it serves one request after the other in a single callback: a hit costs
    no timer, no task and no turn of the loop.
    """

    def __init__(self, world: World, clients: Clients, recorder: Recorder) -> None:
        scenario = world.scenario
        self._world, self._clients, self._recorder = world, clients, recorder
        self._loop = world.loop
        self._starter = Starter(world.loop)
        self._check, self._newest = new_check(scenario, world.strategy, world.seed), dict[int, bytes]()
        self._oldest_s = _oldest_s(scenario, world.strategy)
        self._network, self._rng = Latency.parse(scenario.virtual.network), Random(f"{world.seed}/network back")
        self._back_s = self._network.mean_ms / 1000 if self._network.is_fixed else 0.0
        self._service_s = scenario.virtual.service_us / 1e6
        self._in_flight_max = scenario.load.in_flight_max if scenario.load.loop == "open" else 1 << 60
        self._queued: list[tuple[float, int, Pod, Ask]] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._timer: asyncio.TimerHandle | None = None
        self.not_sent = 0
        self.over: asyncio.Future[None] = world.loop.create_future()
        self._loop.call_soon(self._serve_all)

    def _serve_all(self) -> None:
        """Serve until somebody else has to do something first; then come back."""
        self._timer = None
        clients, loop, queued = self._clients, self._loop, self._queued
        while not self.over.done():
            due_s = clients.due_s
            is_queued = bool(queued) and queued[0][0] <= due_s
            if is_queued:
                due_s = queued[0][0]
            if due_s == NEVER_S:
                if not self._in_flight:
                    self.over.set_result(None)
                return
            if due_s > loop.now_s and not loop.jump(due_s):
                self._timer = loop.call_at(due_s, self._serve_all)
                return
            if is_queued:
                _, _, pod, ask = heapq.heappop(queued)
                self._in_flight -= 1
                self._hand_over(pod, ask)
            else:
                self._arrive(clients.take())

    def _arrive(self, ask: Ask) -> None:
        if self._in_flight >= self._in_flight_max:
            self.not_sent += 1
            self._clients.answered(ask, self._loop.now_s)
            return
        pods = self._world.pods
        pod = pods[ask.turn % len(pods)]
        if self._service_s and pod.is_up:
            pod.cpu_free_s = max(pod.cpu_free_s, self._loop.now_s) + self._service_s
            heapq.heappush(self._queued, (pod.cpu_free_s, next(self._numbers), pod, ask))
            self._in_flight += 1
        else:
            self._hand_over(pod, ask)

    def _hand_over(self, pod: Pod, ask: Ask) -> None:
        if not pod.is_up:
            self._answer(pod, ask, _NOBODY)
        elif not pod.gate.is_open:
            pod.held.append(ask)
            self._in_flight += 1
        else:
            started = self._starter.start(pod.arm.answer(ask.key))
            if isinstance(started, StartedTask):
                floor_s = self._check.floor_s(pod.strategy, ask.key)
                self._in_flight += 1
                pod.in_flight[started] = ask
                started.when_done = lambda task: self._end(pod, task, floor_s)
            else:
                self._answer(pod, ask, started)

    def _end(self, pod: Pod, task: Any, floor_s: float) -> None:
        """A request that had to wait has its answer."""
        ask = pod.in_flight.pop(task, None)
        if ask is None:
            return  # its pod was killed meanwhile
        self._in_flight -= 1
        self._answer(pod, ask, _NOBODY if task.cancelled() else task.result(), floor_s)
        self._look_again()

    def _answer(self, pod: Pod, ask: Ask, answer: Answer, floor_s: float | None = None) -> None:
        """`floor_s` is when the newest item that was known when it was asked for was read, where that is not now."""
        ended_s = max(self._loop.now_s, pod.paused_until_s) + (self._back_s or self._network.draw_ms(self._rng) / 1000)
        code, status, body, age_s, _ = answer
        key = ask.key
        # what is known to be the newest is looked at again only when it is too old
        if code == 200 and not (self._newest.get(key) is body and age_s is not None and 0 <= age_s <= self._oldest_s):
            self._look_at(pod, ask, answer, ended_s, floor_s)
        self._recorder.answer(ask.intended_s, ended_s, key, pod.number, code, status, age_s)
        self._clients.answered(ask, ended_s)

    def _look_at(self, pod: Pod, ask: Ask, answer: Answer, ended_s: float, floor_s: float | None) -> None:
        """Whether a 200 is right."""
        check, key = self._check, ask.key
        newest_s = check.floor_s(pod.strategy, key)
        seen = Seen(answer.status, answer.age_s, ask.arrives_s, ended_s)
        fault = check.fault(pod.strategy, key, answer.body, seen, newest_s if floor_s is None else floor_s)
        if fault:
            self._recorder.fault(fault)
            if fault != OLDER:  # which strategies that write without a token do not promise
                self._world.watch.report("right answer", f"pod-{pod.number + 1} answered {key} with: {fault}")
        elif check.floor_s(pod.strategy, key) > newest_s:
            self._newest[key] = answer.body

    def release(self, pod: Pod) -> None:
        """A paused pod goes on: what came meanwhile is served."""
        held, pod.held = pod.held, []
        for ask in held:
            self._in_flight -= 1
            self._hand_over(pod, ask)
        self._look_again()

    def lose(self, pod: Pod) -> None:
        """A pod is killed: what it had in flight gets no answer."""
        lost = [*pod.in_flight.values(), *pod.held]
        pod.in_flight.clear()
        pod.held.clear()
        for ask in lost:
            self._in_flight -= 1
            self._answer(pod, ask, _NOBODY)
        self._look_again()

    def _look_again(self) -> None:
        """What is due next, or that nothing is, may have changed."""
        due_s = self._clients.due_s
        if self._timer is not None:
            if due_s >= self._timer.when():
                return
            self._timer.cancel()
        now_s = self._loop.now_s
        self._timer = self._loop.call_at(now_s if due_s == NEVER_S else max(now_s, due_s), self._serve_all)


def new_check(scenario: Scenario, strategy: type[Strategy], seed: int) -> AnswerCheck:
    """What answers are held to, with the tolerances that this scenario's latencies, clocks and faults need. Clients go
    by the cache's clock."""
    settings = scenario.pod_settings(seed, "pod-1")
    stretched = any(isinstance(fault, OriginSlow | OriginHangs) for fault in scenario.faults)
    longest_ms = math.inf if stretched else Latency.parse(scenario.origin.latency).longest_ms
    slower_ms = sum(fault.ms for fault in scenario.faults if isinstance(fault, CacheSlow))
    paused_s = sum(fault.for_s for fault in scenario.faults if isinstance(fault, PodPaused))
    load_s = (min(longest_ms, settings.origin_timeout_ms) + settings.redis_timeout_ms + slower_ms) / 1000 + paused_s
    check = AnswerCheck(load_s, CLOCKS_APART_S + _clocks_apart_s(scenario))
    check.promise({strategy.name: _oldest_s(scenario, strategy)})
    check.clock(0.0)
    return check


def _oldest_s(scenario: Scenario, strategy: type[Strategy]) -> float:
    return strategy.oldest_s(scenario.cache.ttl_s, strategy.tuned(scenario.tune.get(strategy.name, {})))


def _clocks_apart_s(scenario: Scenario) -> float:
    off_s = [0.0, *(fault.by_s for fault in scenario.faults if isinstance(fault, ClockApart))]
    return max(off_s) - min(off_s)


def new_watch(scenario: Scenario, seed: int, clock: VirtualClock) -> Watch:
    """With the tolerances that this scenario's latencies, clocks and faults need."""
    settings = scenario.pod_settings(seed, "pod-1")
    network, redis = Latency.parse(scenario.virtual.network), Latency.parse(scenario.virtual.redis)
    slower_ms = max((fault.ms for fault in scenario.faults if isinstance(fault, CacheSlow)), default=0.0)
    apart_s = _clocks_apart_s(scenario)
    paused_s = sum(fault.for_s for fault in scenario.faults if isinstance(fault, PodPaused))
    patience_ms = max(settings.wait_ms_max, settings.origin_timeout_ms) + 4 * settings.redis_timeout_ms
    deadline_s = (patience_ms + 2 * network.longest_ms) / 1000 + paused_s
    is_behind = scenario.load.loop == "closed" and scenario.load.rate_per_s is not None
    if scenario.virtual.service_us or is_behind:
        # a pod whose CPU is full has a queue without end; a user who is behind its timetable asks later than intended
        deadline_s = NEVER_S
    return Watch(clock, (redis.longest_ms + slower_ms) / 1000, apart_s, deadline_s)
