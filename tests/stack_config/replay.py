"""The rules, evaluated by the real vmalert over made-up scrapes in the real VictoriaMetrics: installed or in Docker."""

import json
import shutil
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import httpx

from tests.docker_engine import image_missing
from tests.stack_config.files import ROOT, read_env
from tests.stack_config.made_up import MadeUp

FOLDER = ROOT / "victoriametrics"
READY_WITHIN_S = 60.0
STORE = ("-retentionPeriod=100y", "-loggerLevel=ERROR", "-search.latencyOffset=0s", "-search.disableCache")


@dataclass(frozen=True, slots=True)
class Firing:
    """An alert that fired, second by second: with what labels, and in which seconds since the epoch."""

    labels: dict[str, str]
    moments_s: tuple[float, ...]


def replay_missing() -> str:
    """What there is not, of what a replay takes; or nothing."""
    if all(shutil.which(tool) for tool in ("victoria-metrics", "vmalert")):
        return ""
    env = read_env()
    return image_missing(env["VICTORIAMETRICS_IMAGE"]) or image_missing(env["VMALERT_IMAGE"])


def replayed(runs: Sequence[MadeUp]) -> list[Firing]:
    """All alerts that fire in these runs, which follow one another."""
    with _store() as (url, vmalert), httpx.Client(base_url=url, timeout=60.0, trust_env=False) as http:
        for run in runs:
            body = "\n".join(run.lines())
            http.post("/api/v1/import/prometheus", content=body).raise_for_status()
        http.get("/internal/force_flush").raise_for_status()
        _replay(vmalert, runs[0].start_s, runs[-1].end_s)
        http.get("/internal/force_flush").raise_for_status()
        told = http.get("/api/v1/export", params={"match[]": 'ALERTS{alertstate="firing"}'}).raise_for_status().text
    series = [json.loads(line) for line in told.splitlines()]
    return [Firing(one["metric"], tuple(sorted(moment / 1000 for moment in one["timestamps"]))) for one in series]


def _replay(vmalert: Sequence[str], start_s: int, end_s: int) -> None:
    moments = (time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(moment_s)) for moment_s in (start_s, end_s))
    options = [
        *(f"-replay.time{name}={moment}" for name, moment in zip(("From", "To"), moments, strict=True)),
        "-replay.disableProgressBar", "-replay.maxDatapointsPerQuery=10000", "-replay.rulesDelay=200ms",
        "-remoteWrite.flushInterval=50ms", "-loggerLevel=ERROR",
    ]  # fmt: skip
    ended = subprocess.run([*vmalert, *options], capture_output=True, text=True, timeout=300, check=False)
    assert ended.returncode == 0, ended.stderr


@contextmanager
def _store() -> Iterator[tuple[str, list[str]]]:
    """Its URL, and how to run vmalert beside it, without what to replay."""
    native = shutil.which("victoria-metrics"), shutil.which("vmalert")
    with tempfile.TemporaryDirectory() as folder:
        if native[0] and native[1]:
            with socket.socket() as probe:
                probe.bind(("127.0.0.1", 0))
                place = f"127.0.0.1:{probe.getsockname()[1]}"
            command = [native[0], f"-storageDataPath={folder}", f"-httpListenAddr={place}", *STORE]
            process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
            try:
                yield _ready(f"http://{place}"), _vmalert(native[1], f"http://{place}", FOLDER)
            finally:
                process.terminate()
                try:
                    process.wait(10)
                except subprocess.TimeoutExpired:
                    process.kill()
                    process.wait()
            return
    env = read_env()
    run = ["docker", "run", "--rm", "--detach", "--publish", "127.0.0.1::8428", "--tmpfs", "/storage"]
    name = _docker(*run[1:], env["VICTORIAMETRICS_IMAGE"], "-storageDataPath=/storage", *STORE)
    try:
        place = _docker("port", name, "8428/tcp").splitlines()[0]
        beside = ["docker", "run", "--rm", "--network", f"container:{name}", "--volume", f"{FOLDER}:/rules:ro"]
        vmalert = [*beside, *_vmalert(env["VMALERT_IMAGE"], "http://127.0.0.1:8428", Path("/rules"))]
        yield _ready(f"http://{place}"), vmalert
    finally:
        _docker("rm", "--force", name)


def _vmalert(program: str, url: str, folder: Path) -> list[str]:
    return [program, f"-rule={folder / 'alerts.yml'}", f"-datasource.url={url}", f"-remoteWrite.url={url}"]


def _ready(url: str) -> str:
    give_up_s = time.monotonic() + READY_WITHIN_S
    while True:
        try:
            httpx.get(f"{url}/health", timeout=2, trust_env=False).raise_for_status()
            return url
        except httpx.HTTPError:
            if time.monotonic() > give_up_s:
                raise
            time.sleep(0.1)


def _docker(*arguments: str) -> str:
    ended = subprocess.run(["docker", *arguments], capture_output=True, text=True, timeout=120, check=True)
    return ended.stdout.strip()
