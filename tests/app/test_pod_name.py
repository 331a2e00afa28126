"""A pod's own name: what Docker's DNS says of its address, and the host's name wherever that is not to be had."""

import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from app import pod_name as names
from app.pod_name import REPLICAS_MAX, RESOLVER, TRIES, pod_name, replicas, short

HOST = socket.gethostname()
Answer = Callable[[bytes], bytes | None]


@contextmanager
def resolver(answer: Answer) -> Iterator[tuple[tuple[str, int], list[bytes]]]:
    """A resolver on loopback, its address, and what it was asked."""
    asked: list[bytes] = []
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as listening:
        listening.bind(("127.0.0.1", 0))
        listening.settimeout(0.05)
        over = threading.Event()

        def serve() -> None:
            while not over.is_set():
                try:
                    question, client = listening.recvfrom(4096)
                except TimeoutError:
                    continue
                asked.append(question)
                if (said := answer(question)) is not None:
                    listening.sendto(said, client)

        thread = threading.Thread(target=serve)
        thread.start()
        try:
            yield listening.getsockname(), asked
        finally:
            over.set()
            thread.join()


def name(text: str) -> bytes:
    return b"".join(bytes([len(part)]) + part.encode() for part in text.split(".")) + b"\0"


def says(pointer: bytes, kind: int = 12, answers: int = 1) -> Answer:
    """One record, whose owner is a pointer to the question's name, as Docker writes it."""

    def answer(question: bytes) -> bytes:
        head = question[:2] + struct.pack(">5H", 0x8180, 1, answers, 0, 0)
        return head + question[12:] + struct.pack(">HHHIH", 0xC00C, kind, 1, 600, len(pointer)) + pointer

    return answer


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A container's resolv.conf and own address."""
    monkeypatch.setattr(socket, "gethostbyname", lambda host: "172.21.0.4")
    conf = tmp_path / "resolv.conf"
    conf.write_text(f"search .\nnameserver {RESOLVER}\noptions ndots:0\n")
    return conf


def test_it_is_what_docker_calls_the_container_without_project_and_network(docker: Path) -> None:
    with resolver(says(name("stampede-1a2b3c-app-2.stampede-1a2b3c_default"))) as (address, asked):
        assert pod_name(docker, address) == "app-2"
    assert name("4.0.21.172.in-addr.arpa") in asked[0]


@pytest.mark.parametrize(
    ("full", "shown"),
    [
        ("lab-app-1.lab_default", "app-1"),
        ("lab-load-worker-12.lab_default", "load-worker-12"),
        ("a_b-app-3.a_b_default", "app-3"),
        ("by-hand.elsewhere", "by-hand"),
        ("app-1", "app-1"),
        ("", ""),
    ],
)
def test_a_name_is_shortened_by_its_own_projects_name_only(full: str, shown: str) -> None:
    assert short(full) == shown


BROKEN: dict[str, Answer] = {
    "there is no name": says(b"", answers=0),
    "an address for a name": says(b"\x01\x02\x03\x04", kind=1),
    "a name that points at itself": says(b"\xc0\x3a"),
    "a name that ends in nothing": says(b"\x3fabc"),
    "no ASCII": says(b"\x02\xff\xfe\x00"),
    "an empty name": says(b"\x00"),
    "half an answer": lambda question: question[:7],
    "nothing in it": lambda question: b"",
    "somebody else's answer": lambda question: bytes([question[0] ^ 1]) + question[1:],
    "silence": lambda question: None,
}


@pytest.mark.parametrize("answer", BROKEN.values(), ids=BROKEN)
def test_whatever_is_answered_else_it_is_the_hosts_name(docker: Path, answer: Answer) -> None:
    with resolver(answer) as (address, asked):
        assert pod_name(docker, address) == HOST
    assert 1 <= len(asked) <= TRIES


def test_nobody_but_dockers_own_resolver_is_asked(docker: Path) -> None:
    docker.write_text("nameserver 192.0.2.1\n")
    with resolver(says(name("somebody.example"))) as (address, asked):
        assert pod_name(docker, address) == HOST
    assert asked == []


def test_without_a_network_it_is_the_hosts_name(docker: Path) -> None:
    assert pod_name(docker / "missing") == HOST


def test_replicas_are_told_by_name_or_else_by_address(monkeypatch: pytest.MonkeyPatch) -> None:
    known = {"172.21.0.4": "app-1"}
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda service: (service, [], ["172.21.0.4", "172.21.0.5"]))
    monkeypatch.setattr(names, "_known_as", lambda address: known.get(address, ""))
    assert replicas("app") == {"172.21.0.4": "app-1", "172.21.0.5": "172.21.0.5"}


def test_so_many_replicas_are_told_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    many = [f"172.21.{n // 250}.{n % 250}" for n in range(REPLICAS_MAX + 1)]
    monkeypatch.setattr(socket, "gethostbyname_ex", lambda service: (service, [], many))
    monkeypatch.setattr(names, "_known_as", lambda address: "")
    assert len(replicas("app")) == REPLICAS_MAX
