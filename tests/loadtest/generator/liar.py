"""What the tests of the load send it to, and how they start Locust."""

import csv
import json
import os
import socket
import subprocess
import sys
import threading
import time
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import ClassVar
from urllib.parse import parse_qs, urlsplit

from loadtest import ROOT
from loadtest.figures.generator_record import Due, GeneratorRecord

SCENARIO = """
title = "A load of the tests"
duration_s = {duration_s}
pods = 1
[load]
{load}
[keys]
count = 6
[cache]
ttl_s = 1
[origin]
latency = "fixed(1)"
connections = 1
"""
OPEN = 'loop = "open"\nrate_per_s = {rate}'
_TEXT = "text"


class Honest(BaseHTTPRequestHandler):
    """A pod whose every answer is right."""

    protocol_version = "HTTP/1.1"
    name: ClassVar[str] = "honest"
    age_s: ClassVar[float] = 0.0
    """What the header says of the answer's age."""
    asked_s: ClassVar[list[float]] = []
    """When items were asked for; a test clears it."""

    def do_GET(self) -> None:
        url = urlsplit(self.path)
        if url.path == "/strategies":
            self.send(200, {"strategies": {"mine": {"oldest_s": 1.0}}, "now_s": time.time(), "longest_load_s": 0.1})
        elif url.path == "/mine/data":
            self.asked_s.append(time.time())
            number = int(parse_qs(url.query)["id"][0])
            crc32 = zlib.crc32(_TEXT.encode())
            self.send(200, {"id": number, "version": 1, "read_at": time.time(), "text": _TEXT, "crc32": crc32})
        else:
            self.send(404, {"detail": "Not Found"})

    def send(self, code: int, said: object) -> None:
        body = json.dumps(said).encode()
        self.send_response(code)
        self.send_header("Content-Length", str(len(body)))
        self.send_header("Cache-Status", f"stampede-lab; hit; detail=hit; ttl=1; age={self.age_s:.3f}")
        self.send_header("X-Served-By", self.name)
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_: object) -> None:
        pass


class _Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 128


class _Server6(_Server):
    address_family = socket.AF_INET6


@contextmanager
def serving(handler: type[BaseHTTPRequestHandler] = Honest, host: str = "127.0.0.1") -> Iterator[str]:
    """The URL of a server that answers like that."""
    with (_Server6 if ":" in host else _Server)((host, 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        named = f"[{host}]" if ":" in host else host
        try:
            yield f"http://{named}:{server.server_address[1]}"
        finally:
            server.shutdown()
            thread.join()


def scenario(folder: Path, load: str, duration_s: float = 6) -> Path:
    path = folder / "load.toml"
    path.write_text(SCENARIO.format(load=load, duration_s=duration_s))
    return path


def command(path: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "locust", "--locustfile", str(ROOT / "loadtest" / "locustfile.py"),
        "--exit-code-on-error", "0", "--stop-timeout", "3", "--scenario", str(path), *options,
    ]  # fmt: skip


@contextmanager
def locust(path: Path, *options: str, **environment: str) -> Iterator[subprocess.Popen[str]]:
    """Ended by whatever happens; what it says is in its stdout."""
    process = subprocess.Popen(
        command(path, *options), cwd=ROOT, env={**_environment(), **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        yield process
    finally:
        process.kill()
        process.communicate()


def run_locust(path: Path, *options: str, **environment: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command(path, "--headless", *options), cwd=ROOT, env={**_environment(), **environment}, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, timeout=60, check=False,
    )  # fmt: skip


def _environment() -> dict[str, str]:
    return {name: value for name, value in os.environ.items() if not name.startswith(("LOCUST_", "LAB_"))}


def lines_of(folder: Path) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = []
    for path in folder.glob("answers-*.csv"):
        with path.open(newline="") as file:
            lines += csv.DictReader(file)
    return lines


def metrics_of(port: int) -> dict[str, float]:
    """Samples without labels, by name."""
    with urllib.request.urlopen(f"http://127.0.0.1:{port}/metrics", timeout=5) as answer:
        said = answer.read().decode()
    pairs = (line.rsplit(" ", 1) for line in said.splitlines() if not line.startswith("#"))
    return {name: float(value) for name, value in pairs if "{" not in name}


def schedule_faults(generator: GeneratorRecord, due: Due, answered: int) -> list[str]:
    """What is wrong with what was sent, whatever else this machine is busy with meanwhile."""
    on_time = replace(generator, lateness_p99_ms=0.0, cpu_share=0.0)
    return on_time.faults(due, answered)
