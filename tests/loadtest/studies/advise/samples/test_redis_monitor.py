"""MONITOR as a sample: what a real Redis prints is read, and no value is kept."""

import json
import socket
from pathlib import Path

import pytest
from redis import Redis

from loadtest.studies.advise.samples.key_trace import read_key_trace
from loadtest.studies.advise.samples.lines import BadSample
from loadtest.studies.advise.samples.redis_monitor import read_monitor
from tests.redis_server import RedisServer
from tests.traffic_samples import zipf_requests


def test_a_real_redis_tells_keys_ttls_and_popularity(tmp_path: Path) -> None:
    _, ranks = zipf_requests(4_000, 20, 1.0, 100)
    path = tmp_path / "monitor.txt"
    with RedisServer(tmp_path) as server, socket.create_connection(("127.0.0.1", server.port)) as monitor:
        monitor.sendall(b"MONITOR\r\n")
        with Redis.from_url(server.url) as redis:
            pipe = redis.pipeline(transaction=False)
            for rank in ranks:
                pipe.get(f'user "{rank}" \\ \x00')
            pipe.mget("user 1", "user 2")
            pipe.set("user 1", 'hunter2" "ex" "9', ex=60)
            pipe.execute_command("SETEX", "user 2", 60, "hunter2")
            pipe.execute_command("PSETEX", "user 3", 61_500, "hunter2")
            pipe.set("lock", "token", nx=True, px=400)
            pipe.execute_command("echo", "the end")
            pipe.execute()
        heard = b""
        while b"the end" not in heard:
            heard += monitor.recv(1 << 20)
    path.write_bytes(heard)
    sample = read_monitor(path)
    assert (sample.requests, sample.keys, sample.malformed) == (4_002, 22, 0)
    assert sample.ttl_s == (60.0, 60.0, 61.5)
    assert sample.pods == 1
    assert "hunter2" not in json.dumps(sample.as_dict())


def test_addresses_without_their_ports_are_the_pods(tmp_path: Path) -> None:
    path = tmp_path / "monitor.txt"
    clients = ["10.1.0.1:4000", "10.1.0.1:4001", "10.1.0.2:4000", "[::1]:5000", "lua", "unix:/run/redis.sock"]
    lines = [f'{1700000000 + n}.5 [0 {client}] "GET" "k{n}"' for n, client in enumerate(clients)]
    path.write_text("\n".join(["OK", *lines, '1700000009.5 [0 10.9.9.9:1] "AUTH" "(redacted)"']), encoding="utf-8")
    sample = read_monitor(path)
    assert (sample.pods, sample.left_out) == (3, 1)


def test_what_is_no_monitor_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "monitor.txt"
    path.write_text("a\nb\n", encoding="utf-8")
    with pytest.raises(BadSample, match=r"2 of 2 lines are no line of MONITOR; the first of them is line 1$"):
        read_monitor(path)


@pytest.mark.parametrize(
    ("header", "line"),
    [
        ("time_s;key\n", "{0};k{1}\n"),
        ("time_s;key\n", "{0},0;k{1}\n"),
        ("time_s\tkey\n", "{0}.0\tk{1}\n"),
        ("time_ms,key\n", "{0}000,k{1}\n"),
        ("when,product\n", "{0}.0,k{1}\n"),
        ("timestamp,key\n", "2026-11-28T11:00:{0:02d}Z,k{1}\n"),
    ],
)
def test_a_trace_of_another_separator_unit_or_clock_is_read_alike_in_any_order(
    tmp_path: Path, header: str, line: str
) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(header + "".join(line.format(n, n % 4) for n in reversed(range(41))), encoding="utf-8")
    sample = read_key_trace(path)
    assert (sample.requests, sample.keys, sample.malformed) == (41, 4, 0)
    assert sample.rate_per_s == pytest.approx(1, rel=0.01)


@pytest.mark.parametrize("header", ["", "time_s,key\n", "client,key,time_s\n"])
def test_a_trace_is_read_with_any_header_or_none(tmp_path: Path, header: str) -> None:
    path = tmp_path / "trace.csv"
    rows = [f"c,k{n % 4},{n / 10}" if header.startswith("client") else f"{n / 10},k{n % 4}" for n in range(101)]
    path.write_text(header + "\n".join(rows), encoding="utf-8")
    sample = read_key_trace(path)
    assert (sample.requests, sample.keys, sample.lines, sample.malformed) == (101, 4, 101, 0)
    assert sample.rate_per_s == pytest.approx(10, rel=0.01)
    assert "zipf" not in sample.fields()
    assert "shares" not in sample.fields()
