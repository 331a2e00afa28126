"""A whole world in virtual time: network, pods, Redis and origin, and everything that happens to a request in it."""

import asyncio
import heapq
import itertools
from collections.abc import Callable
from functools import partial
from random import Random
from typing import Any, NamedTuple

from app.arm import Answer
from app.latency import Latency
from app.strategy import Strategy
from loadtest.figures.floor import promised_oldest_s
from loadtest.sim.cluster.clients import NEVER_S, Ask, Clients
from loadtest.sim.cluster.invariants import Invariant, Watch
from loadtest.sim.cluster.pod import Pod
from loadtest.sim.cluster.pooler import VirtualPooler
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.redis_server import MemoryServer
from loadtest.sim.cluster.slow_store import SlowStore
from loadtest.sim.cluster.tolerances import allowed_in, epoch_s, has_wrong_clocks, new_check
from loadtest.sim.kernel.eager_task import StartedTask, Starter
from loadtest.sim.kernel.loop import VirtualClock, VirtualLoop
from loadtest.workload.answer_check import NO_AGE, OLDER, Seen
from loadtest.workload.scenario import Scenario

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
        virtual = scenario.virtual
        self.server = MemoryServer(self.clock, virtual.redis_entries_max, virtual.redis_policy, seed)
        self._epoch_s = epoch_s(scenario)
        self.set_cache_clock(0.0)
        self.watch = Watch(
            self.clock,
            allowed_in(scenario, strategy, seed),
            lambda: self.server.time_s(),  # noqa: PLW0108 - `set_clock` replaces it
            has_wrong_clocks(scenario),
        )
        self.store = SlowStore(
            scenario.keys.count, seed, scenario.connections_shared, partial(self.watch.report, Invariant.SHARED_POOL)
        )
        self.pooler: VirtualPooler | None = None
        """What hands out the connections that pods share, where they share some."""
        if scenario.connections_shared is not None:
            self.pooler = VirtualPooler(loop, Latency.parse(virtual.network), seed)
        self.walls_apart_s = dict.fromkeys(range(scenario.pods) if has_wrong_clocks(scenario) else (), 0.0)
        """How far off the pods' own clocks are at the moment; where none ever is, they go by the true one."""
        self._recorder = recorder
        self._lives = itertools.count()
        self.pods = [self.new_pod(number) for number in range(scenario.pods)]

    def new_pod(self, number: int, make: Callable[..., Pod] = Pod) -> Pod:
        """A fresh one, for that place."""
        wall_s = None
        if number in self.walls_apart_s:

            def wall_s() -> float:
                return self.loop.now_s + self._epoch_s + self.walls_apart_s[number]

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
            self.pooler,
        )

    def set_cache_clock(self, by_s: float) -> None:
        """So far ahead of the right time."""
        self.server.set_clock(self._epoch_s + by_s)

    def tell(self, what: str) -> None:
        """Something happens to the world. Nobody listens here."""

    async def aclose(self) -> None:
        for pod in self.pods:
            await pod.aclose()


class _Known(NamedTuple):
    """When the newest of a key's items was read that somebody had seen."""

    floor_s: float  # by what it says, of all of them
    read_s: float  # really, of those that the cache has had


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
        self._oldest_s = promised_oldest_s(world.strategy, scenario)
        self._newest_read_s: dict[int, float] = {}
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
                known = self._known(pod, ask.key)
                self._in_flight += 1
                pod.in_flight[started] = ask
                started.when_done = lambda task: self._end(pod, task, known)
            else:
                self._answer(pod, ask, started)

    def _end(self, pod: Pod, task: Any, known: _Known) -> None:
        """A request that had to wait has its answer."""
        ask = pod.in_flight.pop(task, None)
        if ask is None:
            return  # its pod was killed meanwhile
        self._in_flight -= 1
        self._answer(pod, ask, _NOBODY if task.cancelled() else task.result(), known)
        self._look_again()

    def _known(self, pod: Pod, key: int) -> _Known:
        return _Known(self._check.floor_s(pod.strategy, key), self._newest_read_s.get(key, -NEVER_S))

    def _answer(self, pod: Pod, ask: Ask, answer: Answer, known: _Known | None = None) -> None:
        """`known` is what was known when it was asked for, where that is not now."""
        ended_s = max(self._loop.now_s, pod.paused_until_s) + (self._back_s or self._network.draw_ms(self._rng) / 1000)
        code, status, body, age_s, _ = answer
        key = ask.key
        # what is known to be the newest is looked at again only when it is too old
        if code == 200 and not (self._newest.get(key) is body and age_s is not None and 0 <= age_s <= self._oldest_s):
            self._look_at(pod, ask, answer, ended_s, known or self._known(pod, key))
        self._recorder.answer(ask.intended_s, ended_s, key, pod.number, code, status, age_s)
        self._clients.answered(ask, ended_s)

    def _look_at(self, pod: Pod, ask: Ask, answer: Answer, ended_s: float, known: _Known) -> None:
        """Whether a 200 is right."""
        check, watch, name, key, body = self._check, self._world.watch, f"pod-{pod.number + 1}", ask.key, answer.body
        newest_s = check.floor_s(pod.strategy, key)
        seen = Seen(answer.status, self._age_s(answer), ask.arrives_s, ended_s)
        if fault := check.fault(pod.strategy, key, body, seen, known.floor_s):
            self._recorder.fault(fault)
            if fault == NO_AGE and seen.age_s is None:
                pass  # a clock was set between its read and its answer, and its pod says that it does not know
            elif fault != OLDER:  # which the watch knows better: what was loaded without the cache nobody else has seen
                watch.report(Invariant.RIGHT_ANSWER, f"{name} answered {key} with: {fault}")
        elif check.floor_s(pod.strategy, key) > newest_s:
            self._newest[key] = body
        stored_as = f"lab:{pod.strategy}:{key}"
        read_s = watch.really_read_s(body, self._loop.now_s - (answer.age_s or 0.0))
        watch.answers(name, stored_as, read_s, known.read_s)
        if watch.has_had(stored_as, read_s):
            self._newest_read_s[key] = max(read_s, self._newest_read_s.get(key, read_s))

    def _age_s(self, answer: Answer) -> float | None:
        """What an answer is held to: what it says."""
        return answer.age_s

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


class TruthfulTraffic(Traffic):
    """Where clocks are wrong: every answer is held to what its age really is."""

    def _answer(self, pod: Pod, ask: Ask, answer: Answer, known: _Known | None = None) -> None:
        if answer.code == 200:
            name, now_s = f"pod-{pod.number + 1}", self._loop.now_s
            self._world.watch.answers_with(name, ask.key, answer.body, ask.intended_s, now_s)
        super()._answer(pod, ask, answer, known)

    def _age_s(self, answer: Answer) -> float | None:
        """As old as it really is: a pod whose clock was set meanwhile may not even know."""
        now_s, watch = self._loop.now_s, self._world.watch
        # what is known is when its load was asked for: it may have been let in that much later
        return max(0.0, now_s - watch.really_read_s(answer.body, now_s) - watch.longest_load_s)


def new_traffic(world: World, clients: Clients, recorder: Recorder) -> Traffic:
    """As the scenario's clocks need it."""
    return (TruthfulTraffic if has_wrong_clocks(world.scenario) else Traffic)(world, clients, recorder)
