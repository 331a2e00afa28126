"""The traffic: clients' requests on their way to the pods, and the answers on their way back."""

import asyncio
import heapq
import itertools
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random
from typing import Any

from app.latency import Latency
from app.strategy import Status
from app.strategy_runner import Answer
from loadtest.sim.cluster.clients import NEVER_S, Ask, Clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.content_check import ContentCheck, Known
from loadtest.sim.cluster.events import AnswerSent, LoadEnded
from loadtest.sim.cluster.patience import Patience
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.pure_hits import PureHits, are_calm
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.kernel.eager_task import StartedTask, Starter
from loadtest.workload.client import NO_ANSWER, Outcome

ABSENT = 404
"""The code of an answer that says that there is no such item."""
_NOBODY = Answer(NO_ANSWER, None, b"")  # type: ignore[arg-type]


class Traffic:
    """The way of the clients' requests to the pods, and of the answers back.

    While nothing else is due, it serves one request after the other in a single callback. So a hit costs no timer, no
    task and no turn of the loop. Hits that depend on nothing but their entry do not come here at all, see `PureHits`.
    """

    def __init__(self, cluster: Cluster, clients: Clients, recorder: Recorder) -> None:
        """Set up the traffic of a load that begins now."""
        scenario = cluster.scenario
        self._hits = clients if isinstance(clients, PureHits) else None
        if self._hits is not None:
            self._hits.hurried = self._look_again
        self._cluster, self._clients, self._recorder = cluster, clients, recorder
        self._loop = cluster.loop
        self._starter = Starter(cluster.loop)
        self._content = ContentCheck(cluster)
        self._patience = Patience.of(cluster, clients, cluster.loop.now_s)
        self._emit, self._is_observed = cluster.observers.emit, cluster.observers.hear(AnswerSent)
        self._network, self._rng = Latency.parse(scenario.virtual.network), Random(f"{cluster.seed}/network back")
        self._back_s = self._network.mean_ms / 1000 if self._network.is_fixed else 0.0
        self._is_open = is_open = scenario.load.loop == "open"
        self._in_flight_max = scenario.load.in_flight_max if is_open else 1 << 60
        # users who wait for an answer ask again after it, even at the same moment
        self._call_at = cluster.loop.call_first_at if is_open else cluster.loop.call_at
        self._queued: list[tuple[float, int, SimulatedPod, Ask]] = []
        self._numbers = itertools.count()
        self._in_flight = 0
        """The attempts that wait at a pod for a client; between two attempts a request takes no room."""
        self._timer: asyncio.TimerHandle | None = None
        self.not_sent = 0
        self.over: asyncio.Future[None] = cluster.loop.create_future()
        self._loop.call_soon(self._serve_all)

    @property
    def too_late(self) -> int:
        """The answers that came after their clients had given up."""
        return 0 if self._patience is None else self._patience.too_late

    @property
    def retries_not_sent(self) -> int:
        """The retries that a bound stopped: too many waited for their time, or too many attempts were in flight."""
        return 0 if self._patience is None else self._patience.not_sent

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
                if not self._in_flight and (self._patience is None or self._patience.is_over):
                    self._emit(LoadEnded())
                    self.over.set_result(None)
                return
            if due_s > loop.now_s and not loop.jump(due_s):
                self._timer = self._call_at(due_s, self._serve_all)
                return
            if is_queued:
                _, _, pod, ask = heapq.heappop(queued)
                self._leave(ask)
                self._hand_over(pod, ask)
            elif (taken := clients.take()) is not None:
                if self._in_flight < self._in_flight_max:
                    self._arrive(taken)
                else:
                    self.not_sent += 1

    def _arrive(self, ask: Ask) -> None:
        pods = self._cluster.pods
        pod = pods[ask.turn % len(pods)]
        if pod.cpu is not None and pod.is_listening:
            heapq.heappush(self._queued, (pod.cpu.take(pod.cpu.service_s), next(self._numbers), pod, ask))
            self._enter(ask)
        else:
            self._hand_over(pod, ask)

    def _hand_over(self, pod: SimulatedPod, ask: Ask) -> None:
        if not pod.is_listening:
            self._answer(pod, ask, _NOBODY)
        elif not pod.gate.is_open:
            pod.held.append(ask)
            self._enter(ask)
        else:
            start = self._starter.start
            if pod.runner.rate_limit is None:
                asked = pod.answer(ask.key)
            else:
                asked = pod.answer_within_limits(self._cluster.scenario.client_of(ask.number), ask.key)
            started = start(asked, None if pod.code is None else pod.code.new_context())
            if isinstance(started, StartedTask):
                known = self._content.known(ask.key)
                self._enter(ask)
                pod.in_flight[started] = ask
                started.when_done = lambda task: self._end(pod, task, known)
            else:
                self._answer(pod, ask, started)

    def _end(self, pod: SimulatedPod, task: Any, known: Known) -> None:
        """Take the answer of a request that had to wait."""
        ask = pod.in_flight.pop(task, None)
        if ask is None:
            return  # its pod was killed meanwhile
        self._leave(ask)
        self._answer(pod, ask, _NOBODY if task.cancelled() else task.result(), known)
        self._go_on()

    def _answer(self, pod: SimulatedPod, ask: Ask, answer: Answer, known: Known | None = None) -> None:
        """Bring an answer back; `known` states what was known when it was asked for, unless that is now."""
        now_s, paused_until_s = self._loop.now_s, pod.paused_until_s
        ended_s = paused_until_s if paused_until_s > now_s else now_s
        ended_s += self._back_s or self._network.draw_ms(self._rng) / 1000
        if self._is_observed:
            self._emit(AnswerSent(pod.name, ask, answer))
        code, status, body = answer[:3]
        key = ask.key
        if (patience := self._patience) is not None:
            until_s = patience.hears_until_s(ask)
            if ended_s > until_s:
                patience.too_late += code != NO_ANSWER
                if until_s > -NEVER_S:
                    self._close(patience, ask, _NOBODY, until_s)
                return
        is_good = code == 200
        if is_good and self._content.needs_look(key, answer):
            is_good = self._content.look_at(pod, ask, answer, ended_s, known or self._content.known(key))
            if self._hits is not None:
                self._hits.doubt(key)  # what is newer than this is older than before
        elif code == ABSENT:
            self._content.look_at_absent(pod, key, body)
        if patience is None:
            self._record(ask, answer, ended_s)
        else:
            self._close(patience, ask, answer, ended_s)
        if self._hits is None or not is_good or status is Status.STALE:
            return
        if status is Status.HIT or self._content.is_newest(key, body):  # further hits will be found as good
            self._hits.judge(key, body)

    def _close(self, patience: Patience, ask: Ask, answer: Answer, ended_s: float) -> None:
        """Record a request that has ended with this attempt, unless its client tries again."""
        outcome = Outcome(answer.code, answer.stated_retry_s)
        again = patience.next_after(ask, outcome, ended_s, self.not_sent)
        if again is None:
            self._record(ask, answer, ended_s)
            return
        patience.waiting += 1
        at_s = max(self._loop.now_s, again.arrives_s)
        self._loop.call_at(at_s, self._try_again, patience, again, ask, answer, ended_s)

    def _record(self, ask: Ask, answer: Answer, ended_s: float) -> None:
        code, status, _, age_s = answer[:4]
        pod = ask.turn % len(self._cluster.pods)
        self._recorder.answer(ask.intended_s, ended_s, ask.key, pod, code, status, age_s, ask.attempt)
        self._clients.answered(ask, ended_s)

    def _try_again(self, patience: Patience, again: Ask, ask: Ask, answer: Answer, ended_s: float) -> None:
        """Send another attempt, unless too many are in flight; then the request has ended with the one before."""
        patience.waiting -= 1
        if self._in_flight < self._in_flight_max:
            self._recorder.retry(again.sent_s, again.attempt, again.key)
            self._arrive(again)
        else:
            patience.not_sent += 1
            self._record(ask, answer, ended_s)
        self._go_on()

    def _abandon(self, patience: Patience, ask: Ask, deadline_s: float) -> None:
        """Let the client of an attempt give up, while a pod goes on with it."""
        self._count_out()
        self._close(patience, ask, _NOBODY, deadline_s)
        self._go_on()

    def _enter(self, ask: Ask) -> None:
        """Note that an attempt waits; one that its client has abandoned is counted no more."""
        if self._patience is not None:
            if ask in self._patience.abandoned:
                return
            self._patience.watch(ask, self._abandon)
        self._count_in()

    def _leave(self, ask: Ask) -> None:
        if self._patience is None or ask not in self._patience.abandoned:
            self._count_out()

    def _count_in(self) -> None:
        self._in_flight += 1
        if self._in_flight == self._in_flight_max and self._hits is not None:
            self._hits.is_calm = False
            self._hits.doubt_all()

    def _count_out(self) -> None:
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
            self._leave(ask)
            self._hand_over(pod, ask)
        self._look_again()

    def lose(self, pod: SimulatedPod) -> None:
        """End the requests of a killed pod without an answer."""
        lost = [*pod.in_flight.values(), *pod.held]
        pod.in_flight.clear()
        pod.held.clear()
        for ask in lost:
            self._leave(ask)
            self._answer(pod, ask, _NOBODY)
        self._look_again()

    def _go_on(self) -> None:
        """Look at what is due after something outside of an arrival.

        No request of an open loop is due earlier for it, unless it queues for a CPU. Without a timer or a request under
        way this is the end.
        """
        if not self._is_open or self._queued or (self._timer is None and not self._in_flight):
            self._look_again()

    def _look_again(self) -> None:
        """Set the timer anew: the moment at which the next request is due may have changed."""
        due_s = min(self._clients.due_s(), self._queued[0][0] if self._queued else NEVER_S)
        if self._timer is not None:
            if due_s >= self._timer.when():
                return
            self._timer.cancel()
        now_s = self._loop.now_s
        self._timer = self._call_at(now_s if due_s == NEVER_S else max(now_s, due_s), self._serve_all)
