"""The open loop's HTTP client: each request from its intended start to its checked answer, on an asyncio loop."""

from collections.abc import Callable

from loadtest.generator.answer_parser import Headers
from loadtest.generator.answer_recorder import UNANSWERED, AnswerRecorder, HttpAnswer
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.plan import LoadPlan
from loadtest.generator.pod_connection import PodConnection
from loadtest.generator.pod_connections import PodConnections
from loadtest.generator.schedule import Arrival

ANSWER_S_MAX = 15.0
"""Seconds for a whole answer: a server that sends a byte now and then would hold a request for ever."""


class OpenClient:
    """A client that asks pods, checks their answers and records them, and waits for none before it asks again."""

    def __init__(self, plan: LoadPlan, meter: Meter, recorder: AnswerRecorder) -> None:
        self.plan, self.meter, self.recorder = plan, meter, recorder
        self.under_way: dict[OpenRequest, None] = {}
        """The requests that have not ended, the one that was sent first in front."""
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
        """End the requests that have waited for too long, and forget the pods that are gone."""
        now, urls = now_s(), self.plan.targets.urls
        for url, pod in list(self.pods.items()):
            pod.give_up(now)
            if pod.is_unused and url not in urls:
                del self.pods[url]
        while self.under_way:
            oldest = next(iter(self.under_way))
            if oldest.began_s > now - ANSWER_S_MAX:
                return
            oldest.cut(TimeoutError(f"no answer within {ANSWER_S_MAX:g} s"))

    def cut_off(self) -> None:
        """End all requests that are still under way, and close the connections."""
        for request in list(self.under_way):
            request.cut(UNANSWERED.error)
        for pod in self.pods.values():
            pod.close()


class OpenRequest:
    """A request under way: it asks another pod where pods come and go, and one cannot be reached."""

    __slots__ = (
        "_client", "_floor_s", "_intended_s", "_key", "_sent_s", "_strategy", "_tries_left", "_turn", "_url",
        "began_s", "connection", "is_over", "is_retried", "path",
    )  # fmt: skip

    def __init__(self, client: OpenClient, arrival: Arrival, intended_s: float) -> None:
        plan = client.plan
        self._client, self._intended_s = client, intended_s
        self._turn, _, self._key = arrival
        self._strategy = plan.strategy_for(self._turn)
        self._floor_s = plan.answers.floor_s(self._strategy, self._key)
        self._tries_left = len(plan.targets.urls) - 1 if plan.targets.follows_dns else 0
        self._sent_s = now_s()
        self.path = f"/{self._strategy}/data?id={self._key}".encode()
        client.meter.leaves(self._sent_s - intended_s)

    def send(self) -> None:
        """Send it to the pod whose turn it is."""
        client = self._client
        self.began_s = now_s()
        self.connection: PodConnection | None = None
        self.is_retried = self.is_over = False
        self._url = client.plan.targets.pick(self._turn)
        client.under_way[self] = None
        client.connections(self._url).send(self)

    def answered(self, code: int, headers: Headers, body: bytes) -> None:
        ended_s = now_s()
        self._end(HttpAnswer(code, body, headers, None, (ended_s - self.began_s) * 1000), ended_s)

    def failed(self, error: BaseException | None) -> None:
        ended_s = now_s()
        answer = UNANSWERED._replace(error=error, took_ms=(ended_s - self.began_s) * 1000)
        if not self._tries_left:
            self._end(answer, ended_s)
            return
        client = self._client
        self._tries_left -= 1
        del client.under_way[self]
        client.plan.targets.leave_alone(self._url)
        client.recorder.reroute(self._strategy, self._url + self.path.decode(), answer, ended_s)
        self.send()

    def cut(self, error: BaseException | None) -> None:
        """End it before its answer."""
        if self.connection is not None:
            self.connection.abort()
        self._tries_left = 0
        self.failed(error)

    def _end(self, answer: HttpAnswer, ended_s: float) -> None:
        client = self._client
        self.is_over = True
        del client.under_way[self]
        client.meter.returns()
        moments_s = (self._intended_s, self._sent_s, ended_s)
        url = self._url + self.path.decode()
        client.recorder.keep(self._strategy, self._key, self._floor_s, moments_s, url, answer)
        if not client.under_way:
            client.when_idle()
