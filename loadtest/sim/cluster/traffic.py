"""The traffic: clients' requests on their way to the pods, and the answers on their way back."""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any, NamedTuple

from app.latency import Latency
from app.strategy import Status
from app.strategy_runner import Answer
from loadtest.sim.cluster.clients import NEVER_S, Ask, Clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import AnswerSent, AnswerWrong
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.pure_hits import PureHits, are_calm
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.tolerances import has_wrong_clocks, new_check
from loadtest.sim.kernel.eager_task import StartedTask, Starter
from loadtest.workload.answer_check import NO_AGE, OLDER, Seen
from loadtest.workload.faults import ClientsLeave

ABSENT = 404
"""The code of an answer that says that there is no such item."""
NO_ANSWER = 0
"""The code of a request that got no answer, as in the records."""
_NOBODY = Answer(NO_ANSWER, None, b"")  # type: ignore[arg-type]


class _Known(NamedTuple):
    """The read time of the newest item of a key that clients have seen."""

    floor_s: float  # by what it says, of all of them
    seen_s: float  # really, of those that the cache has had
    name: str  # of the key in the cache


class Traffic:
    """The way of the clients' requests to the pods, and of the answers back.

    While nothing else is due, it serves one request after the other in a single callback. So a hit costs no timer, no
    task and no turn of the loop. Hits that depend on nothing but their entry do not come here at all, see `PureHits`.
    """

    def __init__(self, cluster: Cluster, clients: Clients, recorder: Recorder) -> None:
        scenario = cluster.scenario
        self._hits = clients if isinstance(clients, PureHits) else None
        if self._hits is not None:
            self._hits.hurried = self._look_again
        self._cluster, self._clients, self._recorder = cluster, clients, recorder
        self._loop = cluster.loop
        self._starter = Starter(cluster.loop)
        self._check, self._newest = new_check(scenario, cluster.strategy, cluster.seed), dict[int, bytes]()
        self._floors_s, self._prefix = self._check.floors_s(cluster.strategy.name), f"lab:{cluster.strategy.name}:"
        self._oldest_s = scenario.stated(cluster.strategy).oldest_s()
        self._emit, self._is_observed = cluster.observers.emit, cluster.observers.hear(AnswerSent)
        self._has_wrong_clocks = has_wrong_clocks(scenario)
        self._network, self._rng = Latency.parse(scenario.virtual.network), Random(f"{cluster.seed}/network back")
        self._back_s = self._network.mean_ms / 1000 if self._network.is_fixed else 0.0
        self._is_open = is_open = scenario.load.loop == "open"
        self._in_flight_max = scenario.load.in_flight_max if is_open else 1 << 60
        # users who wait for an answer ask again after it, even at the same moment
        self._call_at = cluster.loop.call_first_at if is_open else cluster.loop.call_at
        self._queued: list[tuple[float, int, SimulatedPod, Ask]] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        self._timer: asyncio.TimerHandle | None = None
        self.not_sent = 0
        self.leaving: ClientsLeave | None = None
        """The fault by which clients leave at the moment."""
        self.over: asyncio.Future[None] = cluster.loop.create_future()
        self._loop.call_soon(self._serve_all)

    def _serve_all(self) -> None:
        """Serve requests until something else is due before the next one; then return at its time."""
        self._timer = None
        clients, loop, queued = self._clients, self._loop, self._queued
        while not self.over.done():
            due_s = clients.due_s()
            is_queued = bool(queued) and queued[0][0] <= due_s
            if is_queued:
                due_s = queued[0][0]
            if due_s == NEVER_S:
                if not self._in_flight:
                    self.over.set_result(None)
                return
            if due_s > loop.now_s and not loop.jump(due_s):
                self._timer = self._call_at(due_s, self._serve_all)
                return
            if is_queued:
                _, _, pod, ask = heapq.heappop(queued)
                self._leave()
                self._hand_over(pod, ask)
            elif (taken := clients.take()) is not None:
                self._arrive(taken)

    def _arrive(self, ask: Ask) -> None:
        if self._in_flight >= self._in_flight_max:
            self.not_sent += 1
            return
        pods = self._cluster.pods
        pod = pods[ask.turn % len(pods)]
        if pod.cpu is not None and pod.is_listening:
            heapq.heappush(self._queued, (pod.cpu.take(pod.cpu.service_s), next(self._numbers), pod, ask))
            self._enter()
        else:
            self._hand_over(pod, ask)

    def _hand_over(self, pod: SimulatedPod, ask: Ask) -> None:
        if not pod.is_listening:
            self._answer(pod, ask, _NOBODY)
        elif not pod.gate.is_open:
            pod.held.append(ask)
            self._enter()
        else:
            asked, start = pod.answer(ask.key), self._starter.start
            started = start(asked) if pod.cpu is None else pod.cpu.run(start, asked)
            if isinstance(started, StartedTask):
                known = self._known(pod, ask.key)
                self._enter()
                pod.in_flight[started] = ask
                started.when_done = lambda task: self._end(pod, task, known)
                if self.leaving is not None:
                    self._let_leave(pod, started, self.leaving)
            else:
                self._answer(pod, ask, started)

    def _end(self, pod: SimulatedPod, task: Any, known: _Known) -> None:
        """Take the answer of a request that had to wait."""
        ask = pod.in_flight.pop(task, None)
        if ask is None:
            return  # its pod was killed meanwhile
        self._leave()
        self._answer(pod, ask, _NOBODY if task.cancelled() else task.result(), known)
        # no request of an open loop is due earlier for it; without a timer or a request under way this is the end
        if not self._is_open or (self._timer is None and not self._in_flight):
            self._look_again()

    def _let_leave(self, pod: SimulatedPod, task: Any, fault: ClientsLeave) -> None:
        """Let the client of a request leave in time, where the fault says so; its pod goes on with it."""
        ask = pod.in_flight[task]
        if fault.leaves(self._cluster.seed, ask.turn):
            leaves_s = ask.intended_s + fault.after_ms / 1000
            self._loop.call_at(max(self._loop.now_s, leaves_s), self._give_up, pod, task)

    def _give_up(self, pod: SimulatedPod, task: Any) -> None:
        if (ask := pod.in_flight.pop(task, None)) is not None:
            self._leave()
            self._answer(pod, ask, _NOBODY)
            self._look_again()

    def _known(self, pod: SimulatedPod, key: int) -> _Known:
        name = f"{self._prefix}{key}"
        return _Known(self._floors_s.get(key, 0.0), self._cluster.invariants.seen_s(name), name)

    def _answer(self, pod: SimulatedPod, ask: Ask, answer: Answer, known: _Known | None = None) -> None:
        """Bring an answer back; `known` states what was known when it was asked for, unless that is now."""
        now_s, paused_until_s = self._loop.now_s, pod.paused_until_s
        ended_s = paused_until_s if paused_until_s > now_s else now_s
        ended_s += self._back_s or self._network.draw_ms(self._rng) / 1000
        if self._is_observed:
            self._emit(AnswerSent(pod.name, ask, answer))
        code, status, body, age_s = answer[:4]
        key = ask.key
        is_good = code == 200
        # what is known to be the newest is looked at again only when it is too old
        if is_good and not (self._newest.get(key) is body and age_s is not None and 0 <= age_s <= self._oldest_s):
            is_good = self._look_at(pod, ask, answer, ended_s, known or self._known(pod, key))
        elif code == ABSENT and (fault := self._check.absent_fault(key, answer.body)):
            self._emit(AnswerWrong(pod.name, key, fault, is_broken=True))
        self._recorder.answer(ask.intended_s, ended_s, key, pod.number, code, status, age_s)
        self._clients.answered(ask, ended_s)
        if self._hits is None or not is_good or status is Status.STALE:
            return
        if status is Status.HIT or self._newest.get(key) is body:  # further hits will be found as good
            self._hits.judge(key, body)

    def _look_at(self, pod: SimulatedPod, ask: Ask, answer: Answer, ended_s: float, known: _Known) -> bool:
        """Check the content of a 200, and tell whether no fault was found."""
        check, key, body, now_s = self._check, ask.key, answer.body, self._loop.now_s
        newest_s = self._floors_s.get(key, 0.0)
        seen = Seen(answer.status, self._age_s(answer), ask.arrives_s, ended_s)
        if fault := check.fault(pod.strategy, key, body, seen, known.floor_s):
            # an age is unknown where a clock was set between the read and the answer; of what is older the invariants
            # know more, because what was loaded without the cache only its reader has seen
            is_broken = fault != OLDER and not (fault == NO_AGE and seen.age_s is None)
            self._emit(AnswerWrong(pod.name, key, fault, is_broken))
        elif self._floors_s.get(key, 0.0) > newest_s or key not in self._newest:  # the first, read at 0 s
            self._newest[key] = body
        dated_s = now_s - (answer.age_s or 0.0)
        self._cluster.invariants.answers(pod.name, known.name, body, dated_s, known.seen_s)
        if self._hits is not None:
            self._hits.doubt(key)  # what is newer than this is older than before
        return not fault

    def _age_s(self, answer: Answer) -> float | None:
        """The age that an answer is held to: its stated one, unless clocks are wrong."""
        if not self._has_wrong_clocks:
            return answer.age_s
        now_s, invariants = self._loop.now_s, self._cluster.invariants
        # what is known is when its load was asked for: it may have been let in that much later
        return max(0.0, now_s - invariants.really_read_s(answer.body, now_s) - invariants.longest_load_s)

    def _enter(self) -> None:
        self._in_flight += 1
        if self._in_flight == self._in_flight_max and self._hits is not None:
            self._hits.is_calm = False
            self._hits.doubt_all()

    def _leave(self) -> None:
        self._in_flight -= 1
        if self._in_flight == self._in_flight_max - 1 and self._hits is not None:
            self._hits.is_calm = self._is_calm()

    def _is_calm(self) -> bool:
        return self._in_flight < self._in_flight_max and are_calm(self._cluster)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let a fault begin or end, before the requests of this moment arrive."""
        if (hits := self._hits) is None:
            yield
            return
        with hits.changing():
            yield
            hits.is_calm = self._is_calm()
        self._look_again()

    def release(self, pod: SimulatedPod) -> None:
        """Serve the requests that arrived while a pod was paused."""
        held, pod.held = pod.held, []
        for ask in held:
            self._leave()
            self._hand_over(pod, ask)
        self._look_again()

    def lose(self, pod: SimulatedPod) -> None:
        """End the requests of a killed pod without an answer."""
        lost = [*pod.in_flight.values(), *pod.held]
        pod.in_flight.clear()
        pod.held.clear()
        for ask in lost:
            self._leave()
            self._answer(pod, ask, _NOBODY)
        self._look_again()

    def _look_again(self) -> None:
        """Set the timer anew: the moment at which the next request is due may have changed."""
        due_s = self._clients.due_s()
        if self._timer is not None:
            if due_s >= self._timer.when():
                return
            self._timer.cancel()
        now_s = self._loop.now_s
        self._timer = self._call_at(now_s if due_s == NEVER_S else max(now_s, due_s), self._serve_all)
