"""A pod as a process of its own, ended by its id whatever happens."""

import os
import resource
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import NamedTuple

import httpx

START_WITHIN_S = 40.0
NOBODY_LISTENS = "redis://127.0.0.1:1/0"


class PodProcess(NamedTuple):
    """It serves on `host` and `port`; what it says is in `log`."""

    process: subprocess.Popen[bytes]
    host: str
    port: int
    log: Path

    @property
    def url(self) -> str:
        return f"http://[{self.host}]:{self.port}" if ":" in self.host else f"http://{self.host}:{self.port}"

    def gauge(self, name: str) -> float:
        """The value of a metric without labels."""
        lines = httpx.get(f"{self.url}/metrics", timeout=10).text.splitlines()
        return float(next(line for line in lines if line.startswith(f"{name} ")).split()[1])


def limit_files(soft: int, hard: int) -> Callable[[], None]:
    return lambda: resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


@contextmanager
def pod_process(
    folder: Path,
    *options: str,
    program: Sequence[str] = ("-m", "app"),
    limit: Callable[[], None] | None = None,
    **settings: object,
) -> Iterator[PodProcess]:
    """A pod without a Redis, on a free port, once it serves.

    `settings` are LAB_* without their prefix, `program` is what Python runs instead of the pod's own command.
    """
    stated = {f"LAB_{name.upper()}": str(value) for name, value in settings.items()}
    environment = {
        **os.environ,
        "LAB_ORIGIN_PATH": str(folder / "origin.sqlite"),
        "LAB_ORIGIN_LATENCY": "fixed(20)",
        "LAB_REDIS_URL": NOBODY_LISTENS,
        **stated,
    }
    log = folder / "pod.log"
    with log.open("wb") as out:
        process = subprocess.Popen(
            [sys.executable, *program, "--port", "0", *options],
            env=environment, stdout=out, stderr=out, preexec_fn=limit,  # noqa: PLW1509 - a test has no threads of its own here
        )  # fmt: skip
    try:
        host, port = _where(process, log)
        pod = PodProcess(process, host, port, log)
        _until_ready(pod)
        yield pod
    finally:
        process.kill()
        process.wait()


def _where(process: subprocess.Popen[bytes], log: Path) -> tuple[str, int]:
    give_up_s = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up_s and process.poll() is None:
        for line in log.read_text().splitlines():
            if line.startswith("serving on http://"):
                host, _, port = line.removeprefix("serving on http://").rpartition(":")
                return host.strip("[]"), int(port)
        time.sleep(0.02)
    raise AssertionError(f"the pod does not serve: {log.read_text()}")


def _until_ready(pod: PodProcess) -> None:
    give_up_s = time.monotonic() + START_WITHIN_S
    while time.monotonic() < give_up_s and pod.process.poll() is None:
        try:
            if httpx.get(f"{pod.url}/readyz", timeout=5).status_code == 200:
                return
        except httpx.TransportError:
            time.sleep(0.02)
    raise AssertionError(f"the pod is not ready: {pod.log.read_text()}")
