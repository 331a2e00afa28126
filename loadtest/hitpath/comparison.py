"""The two servers side by side, their runs in turn, and the figures that come of them."""

import http.client
import json
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Callable
from dataclasses import asdict, dataclass
from random import Random

from prometheus_client.parser import text_string_to_metric_families
from redis import Redis

from app.arm import CACHE_NAME
from app.discovery import discover
from loadtest.hitpath.bare import KEY_PREFIX
from loadtest.hitpath.children import HOST, PROJECT, Server, python_server, redis_server
from loadtest.hitpath.generator import Order, Sample

IDS = 100
WARM_S = 0.5  # not counted: connections are made, caches fill
ALONE_SHARE = 1 / 3  # of the window, for the runs at one connection
GENERATOR_START_S_MAX = 10.0
HTTP_S_MAX = 5.0
ERROR_TAIL = 1_000  # characters


class HitpathFailed(RuntimeError):
    """The comparison is no result; the text says why."""


@dataclass(frozen=True, slots=True)
class Run:
    """One window of one server."""

    server: str  # "service" or "bare"
    connections: int
    requests: int
    seconds: float
    cpu_s: float  # of the server's process, user and system
    p50_ms: float

    @property
    def per_cpu_second(self) -> float:
        return self.requests / self.cpu_s

    @property
    def per_second(self) -> float:
        return self.requests / self.seconds


@dataclass(frozen=True, slots=True)
class Pair:
    """The service and the bare app, one right after the other."""

    service: Run
    bare: Run

    @property
    def ratio(self) -> float:
        """Requests per CPU second, service over bare: above 1 the whole service is the cheaper one."""
        return self.service.per_cpu_second / self.bare.per_cpu_second


@dataclass(frozen=True, slots=True)
class HitpathResult:
    """Every answer in it was compared with what it must be."""

    strategy: str
    body_bytes_max: int
    pairs: tuple[Pair, ...]
    alone: tuple[Pair, ...]  # at one connection, where there is nothing to batch
    statuses: dict[str, int]  # the service's answers by its own count, warm-up included

    @property
    def ratio(self) -> float:
        """The median over the pairs."""
        return statistics.median(pair.ratio for pair in self.pairs)

    @property
    def ratio_alone(self) -> float:
        return statistics.median(pair.ratio for pair in self.alone)


@dataclass(frozen=True, slots=True)
class _Target:
    """A server with what to ask it."""

    name: str
    server: Server
    paths: list[str]
    head_must_hold: str


def measure_hitpath(
    pairs: int = 5,
    window_s: float = 3.0,
    connections: int = 64,
    seed: int = 1,
    tell: Callable[[Run], None] = lambda run: None,
) -> HitpathResult:
    """Takes about `pairs * (2.7 * window_s + 3)` seconds; `tell` hears of each run as it ends.

    Raises `HitpathFailed`, `ChildFailed` when a server does not come up, ValueError when nothing is the baseline.
    """
    strategy = discover().baseline
    if strategy is None:
        raise ValueError("no strategy is the baseline: `is_baseline = True` marks one")
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as folder, redis_server() as redis:
        url = f"redis://{HOST}:{redis.port}/0"
        knobs = {
            "LAB_REDIS_URL": url,
            "LAB_ORIGIN_PATH": f"{folder}/origin.sqlite",
            "LAB_ORIGIN_LATENCY": "fixed(1)",
            "LAB_ITEMS": str(IDS),
            "LAB_TTL_S": "3600",
        }
        with (
            python_server("app", knobs) as service,
            python_server("loadtest.hitpath.bare", {"LAB_REDIS_URL": url}) as bare,
        ):
            queries = [f"id={item}" for item in range(IDS)]
            paths = [f"/{strategy}?{query}" for query in queries]
            bodies = _warm(service, paths)
            _store(url, queries, bodies)
            targets = (
                _Target("service", service, paths, f"cache-status: {CACHE_NAME}; hit"),
                _Target("bare", bare, [f"/?{query}" for query in queries], ""),
            )

            def pair(clients: int, seconds: float) -> Pair:
                runs = {}
                for target in rng.sample(targets, len(targets)):
                    runs[target.name] = _run(target, bodies, clients, seconds)
                    tell(runs[target.name])
                return Pair(**runs)

            loaded = tuple(pair(connections, window_s) for _ in range(pairs))
            alone = tuple(pair(1, window_s * ALONE_SHARE) for _ in range(pairs))
            statuses = _statuses(service, strategy)
    if statuses.keys() - {"hit"} != {"miss"} or statuses["miss"] != IDS:
        raise HitpathFailed(f"not all answers after the warm-up were hits: {statuses}")
    return HitpathResult(strategy, max(len(body) for body in bodies), loaded, alone, statuses)


def _run(target: _Target, bodies: list[str], connections: int, window_s: float) -> Run:
    order = Order(
        port=target.server.port,
        server_pid=target.server.pid,
        paths=target.paths,
        bodies=bodies,
        head_must_hold=target.head_must_hold,
        connections=connections,
        warm_s=min(WARM_S, window_s),
        window_s=window_s,
    )
    command = [sys.executable, "-m", "loadtest.hitpath.generator"]
    try:
        ended = subprocess.run(
            command,
            input=json.dumps(asdict(order)),
            capture_output=True,
            text=True,
            cwd=PROJECT,
            timeout=GENERATOR_START_S_MAX + order.seconds_max,
            check=True,
        )
    except subprocess.CalledProcessError as error:
        raise HitpathFailed(f"{target.name}, {connections} connections: {error.stderr[-ERROR_TAIL:].strip()}") from None
    except subprocess.TimeoutExpired as error:
        raise HitpathFailed(f"{target.name}: the generator did not end within {error.timeout:g} s") from None
    sample = Sample(**json.loads(ended.stdout))
    if not sample.server_cpu_s:
        raise HitpathFailed(f"{target.name}: the window of {window_s:g} s is too short to see any CPU time")
    return Run(target.name, connections, sample.requests, sample.seconds, sample.server_cpu_s, sample.p50_ms)


def _warm(service: Server, paths: list[str]) -> list[str]:
    """Ask for everything once, so that it is cached; the bodies."""
    return [_get(service, path) for path in paths]


def _store(redis_url: str, queries: list[str], bodies: list[str]) -> None:
    """Give the bare app the same bytes to answer with."""
    with Redis.from_url(redis_url) as redis:
        for query, body in zip(queries, bodies, strict=True):
            redis.set(KEY_PREFIX + query.encode(), body)


def _statuses(service: Server, strategy: str) -> dict[str, int]:
    """The service's own count of its answers, by status, without the zeros."""
    return {
        sample.labels["status"]: int(sample.value)
        for family in text_string_to_metric_families(_get(service, "/metrics"))
        for sample in family.samples
        if sample.name == "lab_requests_total" and sample.labels["strategy"] == strategy and sample.value
    }


def _get(server: Server, path: str) -> str:
    connection = http.client.HTTPConnection(HOST, server.port, timeout=HTTP_S_MAX)
    try:
        connection.request("GET", path)
        answer = connection.getresponse()
        text = answer.read().decode()
    finally:
        connection.close()
    if answer.status != 200:
        raise HitpathFailed(f"{path} answered {answer.status}: {text[:200]}")
    return text
