"""One request, from its intended start to its checked answer: the same in every loop.

FastHttpUser's own client (geventhttpclient), without the layers around it: cookies, redirects and compression, none of
which a pod has, cost a third of a request. Locust is told of every request by the event that its users fire too.
"""

import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool
from locust.contrib.fasthttp import FAILURE_EXCEPTIONS
from locust.exception import CatchResponseError

from loadtest.drive.exporter import LoadMetrics
from loadtest.drive.generator import Meter, now_s
from loadtest.drive.plan import Plan

REROUTED = "(rerouted)"
CONNECT_S_MAX = 2.0
ANSWER_S_MAX = 15.0
CONNECTIONS_MAX = 10_000
"""To one pod; more than the system lets a process open, so that the load's own bound is the one that counts."""


class Answer(NamedTuple):
    """`code` is 0 where no answer came: then `error` is the reason."""

    code: int
    body: bytes
    headers: Any
    error: BaseException | None
    took_ms: float


class Client:
    """Asks pods, checks what they say, and writes it down. Used by any number of greenlets at once."""

    def __init__(self, plan: Plan, meter: Meter, tell: Callable[..., None], metrics: LoadMetrics | None) -> None:
        """`tell` fires Locust's event of a request that has ended."""
        self._plan, self._meter, self._tell, self._metrics = plan, meter, tell, metrics
        self._pods: dict[str, HTTPClient] = {}

    def ask(self, strategy: str, key: int, turn: int, intended_s: float | None = None) -> None:
        """One request, to its answer; it is the pods' turn number `turn`. None: it was meant for now.

        Where pods come and go, another one is asked when one cannot be reached.
        """
        targets = self._plan.targets
        floor = self._plan.answers.version_floor(strategy, key)
        sent_s = now_s()
        if intended_s is None:
            intended_s = sent_s
        self._meter.leaves(sent_s - intended_s)
        try:
            for tries_left in reversed(range(len(targets.urls) if targets.follows_dns else 1)):
                pod = targets.pick(turn)
                path = f"/{strategy}/data?id={key}"
                answer = self._get(pod, path)
                if answer.code or not tries_left:
                    break
                targets.leave_alone(pod)
                self._tell_locust(REROUTED, pod + path, answer, None)
                if self._metrics is not None:
                    self._metrics.rerouted()
            self._keep(strategy, key, floor, (intended_s, sent_s, now_s()), pod + path, answer)
        finally:
            self._meter.returns()

    def _get(self, pod: str, path: str) -> Answer:
        if (client := self._pods.get(pod)) is None:
            client = self._pods[pod] = _connect(pod)
        began_s = time.perf_counter()
        answer = Answer(0, b"", {}, None, 0.0)
        try:
            response = client.request("GET", path)
            answer = answer._replace(body=response.read(), code=response.get_code(), headers=response.info())
        except FAILURE_EXCEPTIONS as error:
            answer = answer._replace(error=error)
        return answer._replace(took_ms=(time.perf_counter() - began_s) * 1000)

    def _keep(
        self, strategy: str, key: int, floor: int, moments_s: tuple[float, float, float], url: str, answer: Answer
    ) -> None:
        """Check the answer, tell Locust, and write it down."""
        code, body = answer.code, answer.body
        fault = self._plan.answers.fault(strategy, key, body, floor) if code == 200 else ""
        failed: BaseException | None = answer.error
        if fault or code not in (0, 200, 404):
            failed = CatchResponseError(fault or f"{code} {body[:200].decode(errors='replace')}")
        self._tell_locust(f"/{strategy}/data", url, answer, failed)
        cache_status = str(answer.headers.get("cache-status", ""))
        status, age_s = (_parameter(cache_status, name) for name in ("detail", "age"))
        intended_s, sent_s, ended_s = moments_s
        times = (f"{moment:.6f}" for moment in moments_s)
        self._plan.record(*times, key, code, status, age_s, answer.headers.get("x-served-by", ""), fault)
        if self._metrics is not None:
            self._metrics.answered(strategy, code, ended_s - intended_s, sent_s - intended_s, fault)

    def _tell_locust(self, name: str, url: str, answer: Answer, failed: BaseException | None) -> None:
        """Its response time counts from sending, as ever in Locust; the lab's own latency from the intended start."""
        self._tell(
            request_type="GET",
            name=name,
            url=url,
            response_time=answer.took_ms,
            response_length=len(answer.body),
            response=answer,
            context={},
            exception=failed,
            start_time=time.time() - answer.took_ms / 1000,
        )


class _Connections(ConnectionPool):
    """geventhttpclient's pool, for hundreds of connections."""

    def __init__(self, host: str, port: int) -> None:
        super().__init__(
            host, port, host, port, CONNECTIONS_MAX, network_timeout=ANSWER_S_MAX, connection_timeout=CONNECT_S_MAX
        )
        # A request is tried again as often as this, each time that the pod closes the connection instead of answering:
        # once will do for a connection that was closed as it was taken.
        self.size = 0

    def _is_socket_alive(self, sock: Any) -> bool:
        """Idle, and not closed by the pod. The original's select() takes every file beyond the 1024th for dead."""
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


def _parameter(cache_status: str, name: str) -> str:
    """The value of one parameter of a Cache-Status header, or nothing."""
    _, found, rest = cache_status.partition(f"; {name}=")
    return rest.split(";", 1)[0] if found else ""
