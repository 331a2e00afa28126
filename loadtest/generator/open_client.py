"""The open loop's HTTP client: each request from its intended start to its checked answer, on an asyncio loop."""

import asyncio
from collections.abc import Callable
from copy import copy

from loadtest.generator.answer_parser import Headers
from loadtest.generator.answer_recorder import UNANSWERED, AnswerRecorder, HttpAnswer
from loadtest.generator.dispatcher import TIMER_S
from loadtest.generator.impatient_clients import ImpatientClients
from loadtest.generator.meter import TICK_S, Meter, now_s
from loadtest.generator.plan import LoadPlan
from loadtest.generator.pod_connection import PodConnection
from loadtest.generator.pod_connections import PodConnections
from loadtest.generator.schedule import Arrival

ANSWER_S_MAX = 15.0
"""Seconds for a whole answer, where clients have no time-out of their own: a server may send a byte now and then."""


class OpenClient:
    """A client that asks pods, checks their answers and records them, and waits for none before it asks again."""

    def __init__(self, plan: LoadPlan, meter: Meter, recorder: AnswerRecorder, processes: int = 1) -> None:
        """Set up the client; its process is one of so many `processes` that share the load."""
        self.plan, self.meter, self.recorder = plan, meter, recorder
        policy, departures = plan.retry_policy(processes), plan.departures
        self.impatient = None if policy is None else ImpatientClients(policy, departures, meter, plan.records)
        """The retries and departures of clients; None where they ask once and stay."""
        self._answer_s_max = plan.scenario.client.timeout_s or ANSWER_S_MAX
        self._due: asyncio.TimerHandle | None = None
        """The timer of an attempt whose time is up before the next look."""
        self.under_way: dict[OpenRequest, None] = {}
        """The requests with an attempt that has not ended, the one that was sent first in front."""
        self.pods: dict[str, PodConnections] = {}
        self.when_idle: Callable[[], None] = lambda: None
        """The function called when the last request has ended."""

    def ask(self, arrival: Arrival, intended_s: float) -> None:
        """Send the request of an arrival, which is due at `intended_s`, seconds since the epoch."""
        OpenRequest(self, arrival, intended_s).send()

    def connections(self, url: str) -> PodConnections:
        """The connections to the pod with that URL."""
        if (pod := self.pods.get(url)) is None:
            pod = self.pods[url] = PodConnections(url)
        return pod

    def look(self) -> None:
        """End the attempts that have waited for too long, and forget the pods that are gone."""
        now, urls = now_s(), self.plan.targets.urls
        for url, pod in list(self.pods.items()):
            pod.give_up(now)
            if pod.is_unused and url not in urls:
                del self.pods[url]
        self._abandon()

    def _abandon(self) -> None:
        """End the attempts whose time is up; those whose time is up before the next look have a timer."""
        if self._due is not None:
            self._due.cancel()
            self._due = None
        while self.under_way:
            oldest = next(iter(self.under_way))
            left_s = oldest.sent_s + self._answer_s_max - now_s()
            if left_s > 0:
                if left_s < TICK_S:
                    self._due = asyncio.get_running_loop().call_later(max(left_s, TIMER_S), self._abandon)
                return
            oldest.cut(TimeoutError(f"no answer within {self._answer_s_max:g} s"))

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way, and no retry waits for its time."""
        return not self.under_way and (self.impatient is None or not self.impatient.are_waiting)

    def rests(self) -> None:
        """Note that a request has ended, and perhaps the last one."""
        if self.is_idle:
            self.when_idle()

    def cut_off(self) -> None:
        """End all requests that are still under way or wait for a retry, and close the connections."""
        if self.impatient is not None:
            self.impatient.end()
        for request in list(self.under_way):
            request.cut(UNANSWERED.error)
        for pod in self.pods.values():
            pod.close()


class OpenRequest:
    """A request of the open loop, and its attempt under way.

    An attempt asks another pod where pods come and go, and one cannot be reached. An `ImpatientRequest`.
    """

    __slots__ = (
        "_client", "_first_sent_s", "_floor_s", "_intended_s", "_reroutes_left", "_strategy", "_url", "attempt",
        "began_s", "client_line", "connection", "is_over", "is_retried", "key", "leaves_s", "number", "path", "sent_s",
    )  # fmt: skip
    leaves_s: float  # which only impatient clients have

    def __init__(self, client: OpenClient, arrival: Arrival, intended_s: float) -> None:
        plan = client.plan
        self._client, self._intended_s, self.attempt = client, intended_s, 1
        self.number, time_s, self.key = arrival
        self._strategy = plan.strategy_for(self.number)
        self.path = f"/{self._strategy}/data?id={self.key}".encode()
        told = plan.client_header(self.number)
        self.client_line = b"" if told is None else f"{told[0]}: {told[1]}\r\n".encode()
        self._first_sent_s = self.sent_s = now_s()
        client.meter.leaves(self.sent_s - intended_s)
        if client.impatient is not None:
            client.impatient.begin(self, intended_s, time_s)

    def send(self) -> None:
        """Send the attempt that was begun at `sent_s`."""
        plan = self._client.plan
        self._floor_s = plan.answers.floor_s(self._strategy, self.key, self.sent_s)
        self._reroutes_left = len(plan.targets.urls) - 1 if plan.targets.follows_dns else 0
        self._client.under_way[self] = None
        self._send(self.sent_s)
        if self._client.impatient is not None:
            self._client.impatient.watch(self)

    def again(self) -> None:
        """Send the next attempt."""
        next_one = copy(self)  # this one may be in a queue for a connection still
        next_one.attempt += 1
        next_one.sent_s = now_s()
        next_one.send()

    def _send(self, now: float) -> None:
        """Send it to the pod whose turn it is; each attempt's is the next one's."""
        self.began_s = now
        self.connection: PodConnection | None = None
        self.is_retried = self.is_over = False
        self._url = self._client.plan.targets.pick(self.number + self.attempt - 1)
        self._client.connections(self._url).send(self)

    def answered(self, code: int, headers: Headers, body: bytes) -> None:
        ended_s = now_s()
        self._end(HttpAnswer(code, body, headers, None, (ended_s - self.began_s) * 1000), ended_s)

    def failed(self, error: BaseException | None) -> None:
        ended_s = now_s()
        answer = UNANSWERED._replace(error=error, took_ms=(ended_s - self.began_s) * 1000)
        if not self._reroutes_left:
            self._end(answer, ended_s)
            return
        client = self._client
        self._reroutes_left -= 1
        client.plan.targets.leave_alone(self._url)
        client.recorder.reroute(self._strategy, self._url + self.path.decode(), answer, ended_s)
        self._send(ended_s)

    def cut(self, error: BaseException | None) -> None:
        """End the attempt before its answer, and close its connection, so that nothing reads what may yet come."""
        if self.connection is not None:
            self.connection.abort()
        self._reroutes_left = 0
        self.failed(error)

    def _end(self, answer: HttpAnswer, ended_s: float) -> None:
        client = self._client
        self.is_over = True
        del client.under_way[self]
        client.meter.returns()
        if client.impatient is not None and client.impatient.take(self, answer, ended_s):
            url = self._url + self.path.decode()
            client.recorder.retry(self._strategy, url, answer, ended_s, self.attempt)
        else:
            self.ends(answer, ended_s)

    def ends(self, answer: HttpAnswer, ended_s: float) -> None:
        """End the request with the answer of its last attempt; nothing of it is under way."""
        client, url = self._client, self._url + self.path.decode()
        moments_s = (self._intended_s, self._first_sent_s, self.sent_s, ended_s)
        client.recorder.keep(self._strategy, self.key, self._floor_s, moments_s, url, answer, self.attempt)
        if not client.under_way:
            client.rests()
