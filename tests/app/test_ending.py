"""How a pod ends: not ready at once, what is in flight finished, within its grace, whatever it does."""

import signal
import socket
import threading
import time
from pathlib import Path

import httpx
import pytest

from app.serving import OVERTIME_S
from tests.pod_process import pod_process

SLOW_MS = 1_500
LATE_S = 1.5
"""What a busy machine adds."""


def test_a_pod_that_is_asked_to_end_says_so_and_finishes_what_is_in_flight(tmp_path: Path) -> None:
    with pod_process(tmp_path, origin_latency=f"fixed({SLOW_MS})", grace_s=20) as pod:
        answers: list[httpx.Response] = []
        asks = threading.Thread(target=lambda: answers.append(httpx.get(f"{pod.url}/static/data?id=1", timeout=30)))
        asks.start()
        time.sleep(0.3)
        pod.process.send_signal(signal.SIGTERM)
        time.sleep(0.2)
        ready, alive = httpx.get(f"{pod.url}/readyz"), httpx.get(f"{pod.url}/healthz")
        assert (ready.status_code, ready.json()["status"]) == (503, "draining")
        assert (alive.status_code, alive.headers["connection"]) == (200, "close"), "each answer is the last"
        asks.join(30)
        assert [answer.status_code for answer in answers] == [200]
        assert pod.process.wait(20) == -signal.SIGTERM
        assert "Traceback" not in pod.log.read_text()


def test_an_idle_connection_holds_nobody_up(tmp_path: Path) -> None:
    with pod_process(tmp_path, "--grace", "20") as pod, httpx.Client(base_url=pod.url) as client:
        assert client.get("/healthz").status_code == 200
        with socket.create_connection((pod.host, pod.port)):
            began_s = time.monotonic()
            pod.process.send_signal(signal.SIGTERM)
            pod.process.wait(20)
            assert time.monotonic() - began_s < 10


def test_what_takes_longer_than_the_grace_is_cut_off(tmp_path: Path) -> None:
    """A read of a minute, and a client that never reads its answers."""
    with (
        pod_process(tmp_path, origin_latency="fixed(60000)", origin_timeout_ms=90_000, grace_s=1) as pod,
        socket.create_connection((pod.host, pod.port)) as asks,
    ):
        asks.sendall(b"GET /static/data?id=1 HTTP/1.1\r\nhost: pod\r\n\r\n")
        time.sleep(0.3)
        began_s = time.monotonic()
        pod.process.send_signal(signal.SIGTERM)
        pod.process.wait(30)
        assert time.monotonic() - began_s < 1 + OVERTIME_S + LATE_S
        assert "1 requests were still in flight after the grace" in pod.log.read_text()
        assert "Traceback" not in pod.log.read_text()


BLOCKS = """
import faulthandler, signal, sys, time
import app.endpoint
from app.__main__ import main
app.endpoint.parse_id = lambda *_: time.sleep(600)
sys.argv = ["app", *sys.argv[1:]]
main()
"""


def test_a_pod_whose_loop_is_blocked_ends_all_the_same(tmp_path: Path) -> None:
    with (
        pod_process(tmp_path, program=["-c", BLOCKS], grace_s=0.5) as pod,
        socket.create_connection((pod.host, pod.port)) as asks,
    ):
        asks.sendall(b"GET /static/data?id=1 HTTP/1.1\r\nhost: pod\r\n\r\n")
        time.sleep(0.3)
        began_s = time.monotonic()
        pod.process.send_signal(signal.SIGTERM)
        assert pod.process.wait(30) == 1
        assert time.monotonic() - began_s < 0.5 + OVERTIME_S + LATE_S
        assert "ending by force" in pod.log.read_text()


@pytest.mark.parametrize("host", ["::1", "[::1]", "localhost", "127.0.0.1"])
def test_a_pod_listens_on_either_family(tmp_path: Path, host: str) -> None:
    if ":" in host:
        with socket.socket(socket.AF_INET6) as probe:
            try:
                probe.bind(("::1", 0))
            except OSError as error:
                pytest.skip(f"there is no IPv6 here: {error}")
    with pod_process(tmp_path, "--host", host) as pod:
        assert pod.host == ("::1" if ":" in host else "127.0.0.1")
        assert httpx.get(f"{pod.url}/healthz").status_code == 200
