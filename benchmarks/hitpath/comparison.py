"""The two servers side by side, and their runs in turn."""

import asyncio
import json
import os
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from random import Random

import httpx
from prometheus_client.parser import text_string_to_metric_families
from redis.asyncio import Redis

from app.discovery import discover
from app.settings import Settings
from app.strategy_runner import CACHE_NAME
from benchmarks.hitpath.bare import KEY_PREFIX
from benchmarks.hitpath.generator import Order, Sample
from benchmarks.hitpath.result import HitpathResult, Window, WindowPair
from loadtest import ROOT
from loadtest.worlds.child_processes import Children
from loadtest.worlds.python_server import HOST, Server, start_server
from loadtest.worlds.redis_process import start_redis
from loadtest.worlds.world import WorldFailed

CONNECTIONS = (1, 64, 256)
"""The numbers of connections at which the two are compared: alone, under load, and beyond redis-py's pool of 100."""
IDS = 100
WARM_S = 0.5  # not counted: connections are made, caches fill
ALONE_SHARE = 1 / 3  # of the window, for the runs at one connection,
ALONE_S_MIN = 0.5  # but long enough to see CPU time, which the kernel tells in steps of 10 ms
GENERATOR_START_S_MAX = 10.0
SERVICE_VARIABLES = {
    "LAB_TTL_S": "3600",
    "LAB_ITEMS": str(IDS),
    "LAB_ORIGIN_LATENCY": "fixed(1)",
    "LAB_POD": "hitpath",
}

Tell = Callable[[Window], None]


@dataclass(frozen=True, slots=True)
class _Target:
    """A server, and what to ask it."""

    name: str
    server: Server
    paths: Sequence[str]
    head_must_hold: str
    may_fail: bool


async def compare_hitpath(
    pairs: int = 5,
    window_s: float = 3.0,
    connections: Sequence[int] = CONNECTIONS,
    seed: int = 1,
    tell: Tell = lambda run: None,
) -> HitpathResult:
    """The service compared with the bare app, in rounds of a pair of runs at each of these numbers of connections.

    It takes about `pairs * len(connections) * (2 * window_s + 3)` seconds; `tell` gets each window. Raises
    `WorldFailed` when a process does not do its part or any answer of the service is not the hit that it must be.
    Raises ValueError when no strategy is the baseline. Variables of the service that are set outside hold here too:
    `LAB_READ_BATCH_MAX=1` shows what batching is worth.
    """
    strategy = discover().baseline
    if strategy is None:
        raise ValueError("no strategy is the baseline: `is_baseline = True` marks one")
    rng = Random(seed)
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        async with Children() as children:
            targets, bodies = await _start(children, folder, strategy)

            async def pair(clients: int) -> WindowPair:
                seconds = window_s if clients > 1 else max(window_s * ALONE_SHARE, ALONE_S_MIN)
                runs = {}
                for target in rng.sample(targets, len(targets)):
                    runs[target.name] = await _run(children, folder, target, bodies, clients, seconds)
                    tell(runs[target.name])
                return WindowPair(**runs)

            rounds = [[await pair(clients) for clients in connections] for _ in range(pairs)]
            statuses = await _statuses(targets[0].server, strategy)
    if statuses.keys() != {"hit", "miss"} or statuses["miss"] != IDS:
        raise WorldFailed(f"not all answers after the warm-up were hits: {statuses}")
    by_connections = dict(zip(connections, zip(*rounds, strict=True), strict=True))
    return HitpathResult(strategy, max(len(body) for body in bodies), by_connections, statuses)


def knobs_set_outside() -> dict[str, str]:
    """The variables of a pod's settings that this shell sets, which hold for the service that is measured."""
    names = {f"LAB_{field.upper()}" for field in Settings.model_fields}
    return {name: value for name, value in sorted(os.environ.items()) if name in names}


async def _start(children: Children, folder: Path, strategy: str) -> tuple[list[_Target], list[str]]:
    """The service, warm, and the bare app; and the bodies with which both answer, in the order of their paths."""
    redis_url = (await start_redis(children, folder)).url
    environment = {"LAB_REDIS_URL": redis_url}
    variables = {
        **knobs_set_outside(),
        **environment,
        **SERVICE_VARIABLES,
        "LAB_ORIGIN_PATH": str(folder / "origin.sqlite"),
    }
    service = await start_server(children, "service", "app", variables, folder)
    bare = await start_server(children, "bare", "benchmarks.hitpath.bare", environment, folder)
    queries = [f"id={item}" for item in range(IDS)]
    paths = [f"/{strategy}?{query}" for query in queries]
    bodies = await _get(service, paths)
    async with Redis.from_url(redis_url) as redis:
        await redis.mset({KEY_PREFIX + query.encode(): body for query, body in zip(queries, bodies, strict=True)})
    return [
        _Target("service", service, paths, f"cache-status: {CACHE_NAME}; hit", may_fail=False),
        _Target("bare", bare, [f"/?{query}" for query in queries], "", may_fail=True),
    ], bodies


async def _run(
    children: Children, folder: Path, target: _Target, bodies: list[str], connections: int, window_s: float
) -> Window:
    order = Order(
        port=target.server.port,
        server_pid=target.server.pid,
        paths=target.paths,
        bodies=bodies,
        head_must_hold=target.head_must_hold,
        connections=connections,
        warm_s=min(WARM_S, window_s),
        window_s=window_s,
        may_fail=target.may_fail,
    )
    files = order_path, sample_path = folder / "order.json", folder / "sample.json"
    order_path.write_text(json.dumps(asdict(order)))
    command = [sys.executable, "-m", "benchmarks.hitpath.generator", *map(str, files)]
    generator = await children.start("generator", command, folder / "generator.log", {"PYTHONPATH": str(ROOT)})
    try:
        async with asyncio.timeout(GENERATOR_START_S_MAX + order.seconds_max):
            failed = await generator.process.wait()
    except TimeoutError:
        failed = True
    finally:
        await children.discard(generator)
    if failed:
        of = f"{target.name} at {connections} connections"
        raise WorldFailed(f"{of}: the generator {generator.how_it_ended}:\n{generator.last_words()}")
    sample = Sample(**json.loads(sample_path.read_text()))
    if not sample.server_cpu_s:
        raise WorldFailed(f"{target.name}: a window of {window_s:g} s is too short to see any CPU time")
    return Window(
        target.name, connections, sample.requests, sample.seconds, sample.server_cpu_s, sample.p50_ms, sample.errors
    )


async def _statuses(service: Server, strategy: str) -> dict[str, int]:
    """The service's own count of its answers, by status, without the zeros."""
    (text,) = await _get(service, ["/metrics"])
    return {
        sample.labels["status"]: int(sample.value)
        for family in text_string_to_metric_families(text)
        for sample in family.samples
        if sample.name == "lab_requests_total" and sample.labels["strategy"] == strategy and sample.value
    }


async def _get(server: Server, paths: Sequence[str]) -> list[str]:
    """The bodies of the answers. Raises `WorldFailed`."""
    async with httpx.AsyncClient(base_url=f"http://{HOST}:{server.port}", trust_env=False) as client:
        try:
            return [(await client.get(path)).raise_for_status().text for path in paths]
        except httpx.HTTPError as error:
            raise WorldFailed(f"the service failed: {error}") from error
