"""The generator's HTTP client: one request, from its intended start to its checked answer, in every loop.

It is geventhttpclient, as in FastHttpUser, without cookies, redirects and compression. Pods have none of these, and
they cost a third of a request. Every request fires Locust's own event, as a user's would.
"""

import math
import socket
import time
from collections.abc import Callable
from typing import Any, NamedTuple

import gevent
from geventhttpclient.client import HTTPClient
from geventhttpclient.connectionpool import ConnectionPool

from app.strategy import Status
from loadtest.generator.exporter import LoadMetrics
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.plan import LoadPlan
from loadtest.workload.answer_check import Seen

REROUTED = "(rerouted)"
CONNECT_S_MAX = 2.0
ANSWER_S_MAX = 15.0
"""Seconds for a whole answer: a server that sends a byte now and then would hold a request for ever."""
CONNECTIONS_MAX = 10_000
"""Connections to one pod: more than a process may open, so that `in_flight_max` is the bound that counts."""


class WrongAnswer(Exception):
    """The failure of an answer that arrived and is wrong; importing Locust's own exceptions imports all of Locust."""


class HttpAnswer(NamedTuple):
    """The answer to a request; without one `code` is 0 and `error` is the reason."""

    code: int
    body: bytes
    headers: Any
    error: BaseException | None
    took_ms: float


_UNANSWERED = HttpAnswer(0, b"", {}, ConnectionAbortedError("the test ended before the answer"), 0.0)
_STATUSES = frozenset(Status)


class Client:
    """A client that asks pods, checks their answers and records them; any number of greenlets may share it."""

    def __init__(self, plan: LoadPlan, meter: Meter, tell: Callable[..., None], metrics: LoadMetrics | None) -> None:
        """Set up the client: `tell` fires Locust's event of a request that has ended."""
        self._plan, self._meter, self._tell, self._metrics = plan, meter, tell, metrics
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
        url, answer = path, _UNANSWERED
        try:
            for tries_left in reversed(range(len(targets.urls) if targets.follows_dns else 1)):
                pod = targets.pick(turn)
                url = pod + path
                answer = self._get(pod, path)
                if answer.code or not tries_left:
                    break
                targets.leave_alone(pod)
                self._tell_locust(REROUTED, url, answer, None)
                if self._metrics is not None:
                    self._metrics.rerouted()
        finally:
            # also when the test ends it before its answer: whatever was sent has a line
            self._meter.returns()
            self._keep(strategy, key, floor_s, (intended_s, sent_s, now_s()), url, answer)

    def close(self) -> None:
        """Close all connections."""
        for client in self._pods.values():
            client.close()

    def _get(self, pod: str, path: str) -> HttpAnswer:
        if (client := self._pods.get(pod)) is None:
            client = self._pods[pod] = _connect(pod)
        began_s = time.perf_counter()
        try:
            with gevent.Timeout(ANSWER_S_MAX, TimeoutError(f"no answer within {ANSWER_S_MAX:g} s")):
                response = client.request("GET", path)
                answer = HttpAnswer(response.get_code(), response.read(), response.info(), None, 0.0)
        except Exception as error:  # what a library says of an answer that is none, whatever it says it with
            answer = _UNANSWERED._replace(error=error)
        return answer._replace(took_ms=(time.perf_counter() - began_s) * 1000)

    def _keep(
        self,
        strategy: str,
        key: int,
        floor_s: float,
        moments_s: tuple[float, float, float],
        url: str,
        answer: HttpAnswer,
    ) -> None:
        """Check the answer, report it to Locust, and record it."""
        code, body, check, fault = answer.code, answer.body, self._plan.answers, ""
        status, age_s = _told(str(answer.headers.get("cache-status", "")))
        intended_s, sent_s, ended_s = moments_s
        if code == 200:
            fault = check.fault(strategy, key, body, Seen(status, age_s, sent_s, ended_s), floor_s)
        elif code == 404:
            fault = check.absent_fault(body)
        failed: BaseException | None = answer.error
        if failed is None and (fault or code not in (200, 404)):
            failed = WrongAnswer(fault or f"{code} {body[:200].decode(errors='replace')}")
        self._tell_locust(f"/{strategy}/data", url, answer, failed)
        times = (f"{moment:.6f}" for moment in moments_s)
        age = "" if age_s is None else f"{age_s:.3f}"
        self._plan.record(*times, key, code, status, age, answer.headers.get("x-served-by", ""), fault)
        if self._metrics is not None:
            self._metrics.answered(strategy, code, ended_s - intended_s, sent_s - intended_s, fault)

    def _tell_locust(self, name: str, url: str, answer: HttpAnswer, failed: BaseException | None) -> None:
        """Fire Locust's event: its response time counts from sending, the lab's latency from the intended start."""
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


def _told(cache_status: str) -> tuple[str, float | None]:
    """The status and the age in a Cache-Status header; "" and None where an answer cannot have them."""
    status, age = (_parameter(cache_status, name) for name in ("detail", "age"))
    try:
        age_s = float(age)
    except ValueError:
        age_s = math.nan
    return status if status in _STATUSES else "", age_s if math.isfinite(age_s) else None


def _parameter(cache_status: str, name: str) -> str:
    """The value of one parameter of a Cache-Status header; empty without one."""
    _, found, rest = cache_status.partition(f"; {name}=")
    return rest.split(";", 1)[0] if found else ""
