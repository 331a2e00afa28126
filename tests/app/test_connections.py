"""The bounds of a pod's connections, on real sockets."""

import socket
import time
from collections.abc import Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from app.connections import BODY_BYTES_MAX, REFUSING_MAX, URL_BYTES_MAX
from app.serving import SPARE_FILES, connections_within
from tests.pod_process import PodProcess, limit_files, pod_process

MOST = 12
HEAD_BYTES_MAX = 4_096
HEAD_TIMEOUT_S = 0.8
KEEP_ALIVE_S = 4.0
ANSWER_WITHIN_S = 20.0
REQUEST = b"GET /healthz HTTP/1.1\r\nhost: pod\r\n\r\n"


@pytest.fixture(scope="module")
def pod(tmp_path_factory: pytest.TempPathFactory) -> Iterator[PodProcess]:
    with pod_process(
        tmp_path_factory.mktemp("pod"),
        connections_max=MOST,
        head_bytes_max=HEAD_BYTES_MAX,
        head_timeout_ms=HEAD_TIMEOUT_S * 1000,
        keep_alive_ms=KEEP_ALIVE_S * 1000,
        origin_latency="fixed(100)",
    ) as running:
        yield running


def connect(pod: PodProcess) -> socket.socket:
    return socket.create_connection((pod.host, pod.port), timeout=ANSWER_WITHIN_S)


def ask(connection: socket.socket) -> bytes:
    """The answer to a request, on a connection that stays open."""
    connection.sendall(REQUEST)
    said = b""
    while not said.endswith(b"}"):
        said += connection.recv(65_536)
    return said


def rest_of(connection: socket.socket) -> bytes:
    """All that comes until the pod closes the connection, or resets it."""
    said = b""
    try:
        while chunk := connection.recv(65_536):
            said += chunk
    except ConnectionResetError:
        pass
    return said


def wait_until_open(pod: PodProcess, open_: float) -> None:
    give_up_s = time.monotonic() + ANSWER_WITHIN_S
    while time.monotonic() < give_up_s:
        if pod.gauge("lab_connections_open") == open_:
            return
        time.sleep(0.02)
    raise AssertionError(f"{pod.gauge('lab_connections_open')} connections are open, not {open_}")


def test_one_connection_too_many_is_answered_and_closed_and_the_others_live(pod: PodProcess) -> None:
    refused = pod.gauge("lab_connections_refused_total")
    with ExitStack() as held:
        inside = [held.enter_context(connect(pod)) for _ in range(MOST)]
        for connection in inside:
            assert ask(connection).startswith(b"HTTP/1.1 200")
        with connect(pod) as one_more:
            one_more.sendall(REQUEST)
            said = rest_of(one_more)
        assert said.startswith(b"HTTP/1.1 503")
        assert b"12 connections are open already (connections_max)" in said
        with connect(pod) as silent:
            assert rest_of(silent).startswith(b"HTTP/1.1 503"), "one that says nothing is refused too"
        assert ask(inside[0]).startswith(b"HTTP/1.1 200")
    wait_until_open(pod, 1)
    assert pod.gauge("lab_connections_refused_total") == refused + 2
    assert pod.gauge("lab_connections_max") == MOST


def test_who_connects_and_says_nothing_is_cut_off(pod: PodProcess) -> None:
    with ExitStack() as held:
        silent = [held.enter_context(connect(pod)) for _ in range(MOST - 2)]
        assert [rest_of(connection) for connection in silent] == [b""] * len(silent)
    wait_until_open(pod, 1)


@pytest.mark.parametrize("is_second", [False, True], ids=["first request", "second request"])
def test_a_head_that_comes_slowly_is_given_up(pod: PodProcess, is_second: bool) -> None:
    with connect(pod) as slow:
        if is_second:
            assert ask(slow).startswith(b"HTTP/1.1 200")
        began_s = time.monotonic()
        said = b""
        slow.settimeout(HEAD_TIMEOUT_S / 6)
        for byte in REQUEST * 100:
            try:
                slow.sendall(bytes([byte]))
                said = slow.recv(65_536)
                break
            except TimeoutError:
                continue
    assert said.startswith(b"HTTP/1.1 408")
    assert b"no whole head within 0.8 s (head_timeout_ms)" in said
    assert time.monotonic() - began_s >= HEAD_TIMEOUT_S / 2


def test_a_connection_that_is_idle_between_requests_is_closed(pod: PodProcess) -> None:
    with connect(pod) as idle:
        idle.sendall(REQUEST)
        assert rest_of(idle).startswith(b"HTTP/1.1 200")


HEADS = {
    "one long header": b"GET /healthz HTTP/1.1\r\nhost: pod\r\nx: " + b"x" * 20_000_000 + b"\r\n\r\n",
    "many headers": b"GET /healthz HTTP/1.1\r\nhost: pod\r\n"
    + b"x: yyyyyyyyyyyyyyyyyyyyyyyyyyy\r\n" * 400_000
    + b"\r\n",
    "little over the bound": b"GET /healthz HTTP/1.1\r\nhost: pod\r\nx: " + b"x" * HEAD_BYTES_MAX + b"\r\n\r\n",
    "empty lines": b"\r\n" * 10_000_000 + REQUEST,
}


@pytest.mark.parametrize("head", HEADS.values(), ids=HEADS)
def test_a_head_that_is_too_large_is_refused_before_it_is_taken_in(pod: PodProcess, head: bytes) -> None:
    with connect(pod) as connection:
        _send_what_is_taken(connection, head)
        said = rest_of(connection)
    assert not said or said.startswith(b"HTTP/1.1 431"), said[:100]
    if len(head) < 100_000:  # else what was sent on resets the connection, and the answer may be lost
        assert b"a head has 4096 bytes at most (head_bytes_max)" in said
    assert httpx.get(f"{pod.url}/healthz").status_code == 200


def test_a_long_url_is_refused(pod: PodProcess) -> None:
    with connect(pod) as connection:
        connection.sendall(b"GET /static?id=" + b"9" * URL_BYTES_MAX + b" HTTP/1.1\r\nhost: pod\r\n\r\n")
        assert rest_of(connection).startswith(b"HTTP/1.1 414")


BODIES = {
    "with its length": b"content-length: 20000000\r\n\r\n" + b"x" * 20_000_000,
    "in chunks": b"transfer-encoding: chunked\r\n\r\n" + b"5\r\nhello\r\n" * 2_000_000,
    "a trailer": b"transfer-encoding: chunked\r\n\r\n0\r\nx: " + b"x" * 20_000_000,
}


@pytest.mark.parametrize("body", BODIES.values(), ids=BODIES)
def test_a_body_is_not_taken_in(pod: PodProcess, body: bytes) -> None:
    taken = 0
    with connect(pod) as connection:
        head = b"GET /static/data?id=1 HTTP/1.1\r\nhost: pod\r\n"
        taken = _send_what_is_taken(connection, head + body)
        said = rest_of(connection)
    assert not said or said[:12] in {b"HTTP/1.1 200", b"HTTP/1.1 413"}, said[:100]
    assert taken < 20_000_000 - BODY_BYTES_MAX
    assert httpx.get(f"{pod.url}/healthz").status_code == 200


def _send_what_is_taken(connection: socket.socket, data: bytes) -> int:
    sent = 0
    try:
        while sent < len(data):
            sent += connection.send(data[sent : sent + 262_144])
    except (ConnectionResetError, BrokenPipeError):
        pass
    return sent


def test_a_plain_small_request_is_served_and_so_is_one_behind_it(pod: PodProcess) -> None:
    with connect(pod) as connection:
        connection.sendall(REQUEST * 3)
        assert rest_of(connection).count(b"HTTP/1.1 200 OK") == 3
    assert httpx.post(f"{pod.url}/static", content=b"x").status_code == 405


def test_what_is_no_http_is_answered_400(pod: PodProcess) -> None:
    with connect(pod) as connection:
        connection.sendall(b"hello?\r\n\r\n")
        assert rest_of(connection).startswith(b"HTTP/1.1 400")


def test_connections_leave_room_for_the_pools_below_the_limit_of_open_files() -> None:
    assert connections_within(files=1_024, held=200, most=10_000) == 1_024 - 200 - REFUSING_MAX - SPARE_FILES
    assert connections_within(files=65_536, held=200, most=10_000) == 10_000
    with pytest.raises(ValueError, match=r"256 open files .* the pools alone may need 200: allow more \(ulimit -n\)"):
        connections_within(files=256, held=200, most=10_000)


def test_a_pod_with_more_connections_than_files_refuses_some_and_lives(tmp_path: Path) -> None:
    """More than the limit of open files come and say nothing; the soft limit is raised to the hard one."""
    files = 400
    with pod_process(tmp_path, limit=limit_files(200, files), origin_connections=2) as pod, ExitStack() as held:
        most = int(pod.gauge("lab_connections_max"))
        assert 200 < most < files - REFUSING_MAX
        with httpx.Client(base_url=pod.url, timeout=20) as inside:
            assert inside.get("/static/data?id=1").status_code == 200
            for _ in range(files + 100):
                held.enter_context(connect(pod))
            assert inside.get("/static/data?id=2").status_code == 200
            with connect(pod) as one_more:
                one_more.sendall(REQUEST)
                said = rest_of(one_more)
            assert not said or said.startswith(b"HTTP/1.1 503")
        assert "Too many open files" not in pod.log.read_text()
