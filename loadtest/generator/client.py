"""The closed loop's HTTP client: one request, from its intended start to its checked answer.

It is geventhttpclient, as in FastHttpUser, without cookies, redirects and compression. Pods have none of these, and
they cost a third of a request. Every request fires Locust's own event, as a user's would.
"""

import math

import gevent
from geventhttpclient.client import HTTPClient

from loadtest.generator.answer_recorder import UNANSWERED, AnswerRecorder, ClientLeft, HttpAnswer, outcome_of
from loadtest.generator.gevent_connections import FirstValues, connect
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.plan import LoadPlan

ANSWER_S_MAX = 15.0
"""Seconds for a whole answer, where clients have no time-out of their own: a server may send a byte now and then."""


class Client:
    """A client that asks pods, checks their answers and records them; any number of greenlets may share it."""

    def __init__(self, plan: LoadPlan, meter: Meter, recorder: AnswerRecorder) -> None:
        self._plan, self._meter, self._recorder = plan, meter, recorder
        self.policy = plan.retry_policy()
        """The policy of impatient clients; None where they stay, wait, and ask once."""
        self.start_s = 0.0
        """The start of the load, seconds since the epoch."""
        self._answer_s_max = plan.scenario.client.timeout_s or ANSWER_S_MAX
        self._pods: dict[str, HTTPClient] = {}

    def ask(self, strategy: str, key: int, turn: int, intended_s: float | None = None, number: int = 0) -> None:
        """Ask the pod of that `turn`, and the next ones where clients retry, until the request has ended.

        Without `intended_s` it is due now. The delays of its retries come from `number`, the request's in all the load.
        """
        request = _Request(strategy, key, turn, number, intended_s)
        self._meter.leaves(request.sent_s - request.intended_s)
        if self.policy is not None:
            self.policy.begin()
            meant_s = request.intended_s - self.start_s
            request.leaves_s = request.intended_s + self._plan.departures.stays_s(number, meant_s)
        try:
            self._attempt(request)
            while self._waits_for_retry(request):
                self._attempt(request)
        finally:
            # also when the test ends it before its answer: whatever was sent has a line
            self._end(request)

    def _attempt(self, request: "_Request") -> None:
        """Send an attempt and wait for its end; it asks another pod where pods come and go."""
        targets, within_s = self._plan.targets, self._answer_s_max
        due_s = min(request.sent_s + within_s, request.leaves_s)
        late = ClientLeft() if due_s == request.leaves_s else TimeoutError(f"no answer within {within_s:g} s")
        request.floor_s = self._plan.answers.floor_s(request.strategy, request.key, request.sent_s)
        for tries_left in reversed(range(len(targets.urls) if targets.follows_dns else 1)):
            pod = targets.pick(request.turn + request.attempt - 1)
            request.url = pod + request.path
            answer = self._get(pod, request, due_s - now_s(), late)
            if answer.code or not tries_left or answer.error is late:
                break
            targets.leave_alone(pod)
            self._recorder.reroute(request.strategy, request.url, answer, now_s())
        request.answer, request.ended_s = answer, now_s()

    def _waits_for_retry(self, request: "_Request") -> bool:
        """Wait for the time of the next attempt; False where the request ends with the last one."""
        if self.policy is None or isinstance(request.answer.error, ClientLeft):
            return False
        outcome = outcome_of(request.answer, request.ended_s)
        delay_s = self.policy.delay_s(request.number, request.attempt, outcome)
        if delay_s is None or request.ended_s + delay_s >= request.leaves_s:
            return False
        self._recorder.retry(request.strategy, request.url, request.answer, request.ended_s, request.attempt)
        self._meter.returns()
        self._meter.retries.waits()
        request.retry_due_s = due_s = request.ended_s + delay_s
        gevent.sleep(max(0.0, due_s - now_s()))
        request.retry_due_s = None
        request.begins_again(now_s())
        self._meter.leaves_again(request.sent_s - due_s)
        self._plan.records.retry(request.sent_s, request.attempt, request.key)
        return True

    def _end(self, request: "_Request") -> None:
        """Record a request with the answer of its last attempt."""
        if request.retry_due_s is None:
            self._meter.returns()
        else:  # the test has ended before its time
            self._meter.retries.is_left()
            self._plan.records.unsent(request.retry_due_s, request.attempt + 1, request.key)
        self._recorder.keep(
            request.strategy, request.key, request.floor_s, request.moments_s, request.url, request.answer,
            request.attempt,
        )  # fmt: skip

    def close(self) -> None:
        """Close all connections."""
        for client in self._pods.values():
            client.close()

    def _get(self, pod: str, request: "_Request", within_s: float, late: Exception) -> HttpAnswer:
        """The answer of a pod; one that is not there within so many seconds is abandoned, with its connection."""
        if (client := self._pods.get(pod)) is None:
            client = self._pods[pod] = connect(pod, self._answer_s_max)
        began_s = now_s()
        try:
            with gevent.Timeout(max(0.0, within_s), late):
                told = self._plan.client_header(request.number)
                response = client.request("GET", request.path, headers=told and dict([told]))
                answer = HttpAnswer(response.get_code(), response.read(), FirstValues(response.info()), None, 0.0)
        except Exception as error:  # what a library says of an answer that is none, whatever it says it with
            answer = UNANSWERED._replace(error=error)
        return answer._replace(took_ms=(now_s() - began_s) * 1000)


class _Request:
    """A request of a user, who waits for its end."""

    __slots__ = (
        "answer", "attempt", "ended_s", "first_sent_s", "floor_s", "intended_s", "key", "leaves_s", "number", "path",
        "retry_due_s", "sent_s", "strategy", "turn", "url",
    )  # fmt: skip

    def __init__(self, strategy: str, key: int, turn: int, number: int, intended_s: float | None) -> None:
        self.strategy, self.key, self.turn, self.number = strategy, key, turn, number
        self.path = f"/{strategy}/data?id={key}"
        self.first_sent_s = self.sent_s = now_s()
        self.intended_s = self.sent_s if intended_s is None else intended_s
        self.attempt = 1
        self.floor_s, self.leaves_s = 0.0, math.inf
        self.retry_due_s: float | None = None
        """The moment of the next attempt, while that is waited for."""
        self._is_asked()

    @property
    def moments_s(self) -> tuple[float, float, float, float]:
        """The moments that `AnswerRecorder.keep` asks for."""
        return self.intended_s, self.first_sent_s, self.sent_s, now_s() if math.isnan(self.ended_s) else self.ended_s

    def begins_again(self, sent_s: float) -> None:
        """Begin the next attempt."""
        self.attempt += 1
        self.sent_s = sent_s
        self._is_asked()

    def _is_asked(self) -> None:
        self.url, self.answer = self.path, UNANSWERED
        self.ended_s = math.nan
        """The end of the attempt; NaN while it is under way."""
