"""Plain Locust with the lab's locustfile, against a server that answers wrongly on purpose."""

import csv
import itertools
import json
import subprocess
import sys
import threading
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from loadtest import ROOT

SCENARIO = """
title = "Wrong on purpose"
duration_s = 3
pods = 1
[load]
loop = "closed"
users = 6
rate_per_s = 60
[keys]
count = 6
[cache]
ttl_s = 1
[origin]
latency = "fixed(1)"
connections = 1
"""


class Liar(BaseHTTPRequestHandler):
    """Right for id 0, and wrong in another way for each of the others."""

    protocol_version = "HTTP/1.1"
    turn = itertools.count()

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/strategies":
            self.send(200, json.dumps({"strategies": {"mine": {}}}).encode())
            return
        number = int(parse_qs(url.query)["id"][0])
        item = {"id": number, "version": 5, "text": "text", "crc32": zlib.crc32(b"text")}
        body = json.dumps(
            {
                1: item | {"id": 0},
                2: item | {"text": "torn"},
                3: item | {"version": 10 - next(self.turn)},
                4: {"detail": "no item"},
            }.get(number, item)
        ).encode()
        self.send(500 if number == 5 else 200, body)

    def send(self, code: int, body: bytes) -> None:
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Status", "stampede-lab; hit; detail=hit; ttl=1; age=0.250")
        self.send_header("X-Served-By", "liar")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


@pytest.fixture
def liar() -> Iterator[str]:
    with ThreadingHTTPServer(("127.0.0.1", 0), Liar) as server:
        server.daemon_threads = True
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()


def test_every_kind_of_wrong_answer_is_seen_and_nothing_right_is_blamed(liar: str, tmp_path: Path) -> None:
    (tmp_path / "liar.toml").write_text(SCENARIO)
    ended = subprocess.run(
        [
            sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "--host", liar,
            "--users", "6", "--spawn-rate", "6", "--run-time", "3s", "--stop-timeout", "5", "--exit-code-on-error", "0",
            "--scenario", str(tmp_path / "liar.toml"), "--answers", str(tmp_path),
        ],
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    (path,) = tmp_path.glob("answers-*.csv")
    with path.open(newline="") as file:
        lines = list(csv.DictReader(file))
    faults: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        faults[line["key"]][line["fault"]] += 1
        assert (line["status"], line["age_s"], line["pod"]) == ("hit", "0.250", "liar")
    assert set(faults["0"]) == {""}
    assert set(faults["1"]) == {"wrong id"}
    assert set(faults["2"]) == {"corrupt"}
    assert set(faults["3"]) == {"", "older version"}
    assert faults["3"][""] <= 2  # the first, and perhaps one that was under way beside it
    assert set(faults["4"]) == {"not an item"}
    assert {line["code"] for line in lines if line["key"] == "5"} == {"500"}
    # a timetable of 60 a second is kept, evenly: no tenth of a second has three times its share
    intended_s = sorted(float(line["intended_s"]) for line in lines)
    assert len(lines) == pytest.approx(180, rel=0.05)
    tenths = Counter(int((moment - intended_s[0]) * 10) for moment in intended_s)
    assert max(tenths.values()) <= 18
