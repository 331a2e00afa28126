"""The checker of what holds in an outage and after it: time-outs, retries, and that a run comes back."""

import math
from collections.abc import Callable, Iterable

import numpy as np

from app.nets.breaker import BreakerState
from app.strategy import Clock, Strategy
from loadtest.figures.failures import Kind
from loadtest.figures.records import Answers
from loadtest.sim.cluster import events
from loadtest.sim.cluster.depth import FaultyRedis
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.recovery import longest_open_s, well_from_s
from loadtest.sim.cluster.tolerances import ROUNDING_S, SETTLE_S, Allowed, has_wrong_clocks
from loadtest.sim.cluster.violation import Invariant
from loadtest.workload.client import BUDGET_BURST, NO_ANSWER, RETRY_AFTER_MAX_S
from loadtest.workload.scenario import Scenario

Report = Callable[[Invariant, str, float | None], None]
GOOD = (200, 404)
"""The codes of good answers."""
USELESS = (Kind.COMMAND, Kind.UNSTORED)
"""The failures of a pod for which Redis is of no use."""
TAIL_MIN = 20
"""The fewest requests of which a share says anything."""


class OutageInvariants:
    """An observer with books of its own: of retries, of time-outs, and of the answers after the last fault."""

    def __init__(
        self, report: Report, clock: Clock, scenario: Scenario, strategy: type[Strategy], allowed: Allowed
    ) -> None:
        """Set up the checker; `report` receives what does not hold, and since when in seconds, None for now."""
        self._report, self._now_s, self._scenario, self._allowed = report, clock.now_s, scenario, allowed
        self._client = scenario.client
        self._granted = 0
        self._well_from_s = well_from_s(scenario, strategy, allowed)
        self._start_s = math.inf
        self._tail = self._tail_bad = 0
        """The answers to requests of the time in which all is to be well, and those of them that were not good."""
        self.handlers: events.Handlers = {
            Answers: self._check_answers,
            events.LoadBegan: self._load_began,
            events.RetryGranted: self._retry_granted,
            events.FailureCounted: self._failure_counted,
        }
        if scenario.nets.hard_timeout_ms is not None:  # else the deadline of requests says as much
            self.handlers |= {events.AnswerSent: self._answer_sent}

    def _load_began(self, _: events.LoadBegan) -> None:
        self._start_s = self._now_s()

    def _failure_counted(self, event: events.FailureCounted) -> None:
        """Check that Redis is of use again: a pod that does without it answers, too, at the origin's cost."""
        if event.kind in USELESS and self._now_s() >= self._start_s + self._well_from_s:
            said = f"{event.what.upper()} failed" if event.kind is Kind.COMMAND else "a load went on without the cache"
            self._say(Invariant.COMES_BACK, f"{said}, and all is to be well from {self._well_from_s:.3f} s on")

    def _retry_granted(self, event: events.RetryGranted) -> None:
        client = self._client
        self._granted += 1
        if event.attempt > client.retries + 1:
            self._say(Invariant.RETRIES_BOUNDED, f"attempt {event.attempt} follows on {client.retries} retries")
        most = math.inf if client.budget is None else client.budget * event.requests + BUDGET_BURST
        if self._granted > most + ROUNDING_S:
            said = f"{self._granted} retries of {event.requests} requests, with a budget of {client.budget:g}"
            self._say(Invariant.RETRIES_BOUNDED, said)

    def _answer_sent(self, event: events.AnswerSent) -> None:
        pod, ask, answer = event
        took_s = self._now_s() - ask.arrives_s
        if answer.code != NO_ANSWER and took_s > self._allowed.pod_s:
            said = f"{pod} answered {ask.key} after {took_s:.3f} s, not {self._allowed.pod_s:g}"
            self._say(Invariant.ANSWERED_WITHIN, said)

    def _check_answers(self, chunk: Answers) -> None:
        self._check_patience(chunk)
        is_late = chunk.intended_s >= self._start_s + self._well_from_s
        if not is_late.any():
            return
        bad = np.flatnonzero(is_late & ~np.isin(chunk.code, GOOD))
        self._tail += int(is_late.sum())
        self._tail_bad += len(bad)
        if len(bad) and self._scenario.nets.breaker is None:
            asked_s, code = chunk.intended_s[bad[0]], chunk.code[bad[0]]
            said = f"the request of {asked_s:.6f} s got {code}, which is to be well from {self._well_from_s:.3f} s on"
            self._report(Invariant.COMES_BACK, said, float(chunk.ended_s[bad[0]]))

    def _check_patience(self, chunk: Answers) -> None:
        client, load = self._client, self._scenario.load
        if client.timeout_s is None or (load.loop == "closed" and load.rate_per_s is not None):
            return  # a user who is behind its timetable asks later than intended
        delays_s = (chunk.attempts - 1) * (client.cap_s + RETRY_AFTER_MAX_S)
        late = np.flatnonzero(chunk.latency_s > chunk.attempts * client.timeout_s + delays_s + ROUNDING_S)
        if len(late):
            first = late[0]
            said = f"the client of {chunk.intended_s[first]:.6f} s waited {chunk.latency_s[first]:.3f} s"
            said += f" in {chunk.attempts[first]} attempts of {client.timeout_s:g} s"
            self._report(Invariant.GIVES_UP, said, float(chunk.ended_s[first]))

    def settled(self, pods: Iterable[SimulatedPod], redis: FaultyRedis) -> None:
        """Check what is left `SETTLE_S` after the last answer."""
        if self._scenario.nets.breaker is not None and self._tail >= TAIL_MIN and 2 * self._tail_bad > self._tail:
            said = f"{self._tail_bad} of {self._tail} requests from {self._well_from_s:.3f} s on were not answered well"
            self._say(Invariant.COMES_BACK, said)
        for left in self._left(pods, redis):
            self._say(Invariant.COMES_BACK, left)

    def _left(self, pods: Iterable[SimulatedPod], redis: FaultyRedis) -> Iterable[str]:
        nets = self._scenario.nets
        for pod in pods:
            guard = pod.runner.guard
            breaker = None if guard is None else guard.breaker
            if breaker is not None and breaker.state is BreakerState.OPEN and longest_open_s(nets) < SETTLE_S:
                yield f"{pod.name}: the breaker is open, {SETTLE_S:g} s after the last request"
            if guard is not None and guard.under_way:
                yield f"{pod.name}: the limit counts {guard.under_way} loads, and none is under way"
            if nets.failure_mark_ms / 1000 < SETTLE_S and pod.runner.marks_left:
                yield f"{pod.name}: {pod.runner.marks_left} marks of failed loads remain"
        # a lock that was taken while a clock was ahead lasts as much longer, until somebody asks for it
        if not has_wrong_clocks(self._scenario) and redis.locks_left:
            yield f"Redis: {redis.locks_left} locks and marks remain"

    def _say(self, invariant: Invariant, what: str) -> None:
        self._report(invariant, what, None)
