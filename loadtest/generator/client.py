"""The closed loop's HTTP client: one request, from its intended start to its checked answer.

It is geventhttpclient, as in FastHttpUser, without cookies, redirects and compression. Pods have none of these, and
they cost a third of a request. Every request fires Locust's own event, as a user's would.
"""

import socket
from typing import Any

import gevent
from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool

from loadtest.generator.answer_recorder import UNANSWERED, AnswerRecorder, HttpAnswer
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.plan import LoadPlan

CONNECT_S_MAX = 2.0
ANSWER_S_MAX = 15.0
"""Seconds for a whole answer: a server that sends a byte now and then would hold a request for ever."""
CONNECTIONS_MAX = 10_000
"""Connections to one pod: more than a process may open, so that the number of users is the bound that counts."""


class Client:
    """A client that asks pods, checks their answers and records them; any number of greenlets may share it."""

    def __init__(self, plan: LoadPlan, meter: Meter, recorder: AnswerRecorder) -> None:
        self._plan, self._meter, self._recorder = plan, meter, recorder
        self._pods: dict[str, HTTPClient] = {}

    def ask(self, strategy: str, key: int, turn: int, intended_s: float | None = None) -> None:
        """Ask the pod of that `turn`, and another where pods come and go; without `intended_s` it is due now."""
        targets = self._plan.targets
        floor_s = self._plan.answers.floor_s(strategy, key)
        path = f"/{strategy}/data?id={key}"
        sent_s = now_s()
        if intended_s is None:
            intended_s = sent_s
        self._meter.leaves(sent_s - intended_s)
        url, answer = path, UNANSWERED
        try:
            for tries_left in reversed(range(len(targets.urls) if targets.follows_dns else 1)):
                pod = targets.pick(turn)
                url = pod + path
                answer = self._get(pod, path)
                if answer.code or not tries_left:
                    break
                targets.leave_alone(pod)
                self._recorder.reroute(strategy, url, answer, now_s())
        finally:
            # also when the test ends it before its answer: whatever was sent has a line
            self._meter.returns()
            self._recorder.keep(strategy, key, floor_s, (intended_s, sent_s, now_s()), url, answer)

    def close(self) -> None:
        """Close all connections."""
        for client in self._pods.values():
            client.close()

    def _get(self, pod: str, path: str) -> HttpAnswer:
        if (client := self._pods.get(pod)) is None:
            client = self._pods[pod] = _connect(pod)
        began_s = now_s()
        try:
            with gevent.Timeout(ANSWER_S_MAX, TimeoutError(f"no answer within {ANSWER_S_MAX:g} s")):
                response = client.request("GET", path)
                answer = HttpAnswer(response.get_code(), response.read(), response.info(), None, 0.0)
        except Exception as error:  # what a library says of an answer that is none, whatever it says it with
            answer = UNANSWERED._replace(error=error)
        return answer._replace(took_ms=(now_s() - began_s) * 1000)


class _Connections(ConnectionPool):
    """A pool of geventhttpclient that works with hundreds of connections."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host, port, host, port, CONNECTIONS_MAX, network_timeout=ANSWER_S_MAX, connection_timeout=CONNECT_S_MAX
        )
        # A request is tried again as often as this, each time that the pod closes the connection instead of answering:
        # once will do for a connection that was closed as it was taken.
        self.size = 0

    def _is_socket_alive(self, sock: Any) -> bool:
        """Whether a connection is idle and open; the original's select() takes files beyond the 1024th for dead."""
        try:
            sock._sock.recv(1, socket.MSG_PEEK)
        except BlockingIOError:
            return True
        except OSError:
            pass
        return False


def _connect(pod: str) -> HTTPClient:
    client = HTTPClient.from_url(pod)
    client._connection_pool = _Connections(client.host, client.port or 80)
    return client
