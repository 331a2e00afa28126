"""The service: one route per discovered strategy, and what a lab needs to watch it."""

import gc
import inspect
import logging
import secrets
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from typing import Any

from fastapi import FastAPI, Query, Response
from fastapi.telemetry import TelemetryConfig
from prometheus_client import CONTENT_TYPE_LATEST, generate_latest
from starlette.routing import Route

from app.arm import Arm
from app.cache import RedisCache
from app.connections import Connections
from app.discovery import Discovered, discover
from app.endpoint import ItemEndpoint
from app.fingerprint import fingerprint
from app.latency import Latency
from app.ledger import Ledger
from app.metrics import ArmMetrics, Metrics, OriginMetrics
from app.origin import Origin
from app.pod_name import replicas
from app.pooler_client import PoolerClient, over_tcp
from app.settings import Settings, as_variable
from app.standstill import watch_standstills
from app.store import SqliteStore
from app.store_file import create_store
from app.strategy import Strategy
from app.tasks import Tasks

log = logging.getLogger(__name__)

GC_FIRST_THRESHOLD = 50_000


def create_app(settings: Settings) -> FastAPI:
    """The app of one pod. Raises ValueError when a strategy is tuned beyond its bounds, OSError without a store."""
    found = discover(settings.bounds)
    served = found.runnable
    for name, why in found.broken.items():
        log.error("strategy %s is left out: %s", name, why)
    _check_tune(settings, found)
    create_store(settings)

    metrics = Metrics()
    code = fingerprint()
    metrics.code.labels(code).set(1)
    metrics.tell(settings, found.strategies)
    connections = Connections(settings, metrics.turned_away.inc)
    metrics.watch(connections)
    try:
        cache = RedisCache(settings, metrics)
    except ValueError as error:  # redis-py's, of the URL; which is not shown, because it may hold a password
        raise ValueError(f"LAB_REDIS_URL: {error}") from error
    metrics.away.set_function(lambda: not cache.standing.is_open)
    ledger = Ledger(settings.ledger_rows_max)
    origins: dict[str, Origin] = {}
    arms: dict[str, Arm] = {}
    life = secrets.token_hex(4)
    for name, strategy in served.items():
        store = SqliteStore(settings.origin_path)
        reads = OriginMetrics(metrics, name)
        origins[name] = origin = Origin(
            settings, name, cache.clock, ledger, store, reads, _shared(settings, name, metrics)
        )
        reads.watch(origin)
        arms[name] = Arm(strategy, settings, cache, cache.clock, origin.read, ArmMetrics(metrics, name), life)

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as owned:
            owned.push_async_callback(cache.aclose)
            for origin in origins.values():
                owned.push_async_callback(origin.aclose)
            for arm in arms.values():
                owned.push_async_callback(arm.aclose)
            await cache.start()
            # What is alive now stays: keep the collector from walking it during requests.
            gc.collect()
            gc.freeze()
            gc.set_threshold(GC_FIRST_THRESHOLD)
            tasks = Tasks(metrics.task_died)
            owned.push_async_callback(tasks.aclose)
            tasks.keep(lambda: watch_standstills(metrics.stood_still), "standstills")
            yield

    # FastAPI looks for an OpenTelemetry provider three times a request; the lab has metrics of its own.
    untraced: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    app = FastAPI(title="Stampede Lab", lifespan=lifespan, telemetry=untraced)
    app.state.connections = connections
    own_and_pooler = settings.origin_connections + (settings.origin_connections_shared is not None)
    app.state.files_held = settings.redis_connections + len(served) * own_and_pooler
    for name, arm in arms.items():
        endpoint = ItemEndpoint(arm, settings.pod, settings.key_space)
        for path in (f"/{name}/data", f"/{name}"):
            app.router.routes.append(Route(path, endpoint, methods=["GET"], name=path))
    _add_own_routes(app, settings, found, metrics, ledger, list(origins.values()), cache, connections, code)
    for name, why in found.broken.items():
        _add_broken_route(app, name, why)
    return app


def _shared(settings: Settings, strategy: str, metrics: Metrics) -> PoolerClient | None:
    size = settings.origin_connections_shared
    return None if size is None else PoolerClient(strategy, size, over_tcp(settings.origin_pooler), metrics.task_died)


def _check_tune(settings: Settings, found: Discovered) -> None:
    known = found.runnable
    if unknown := settings.tune.keys() - known.keys() - found.broken.keys():
        raise ValueError(f"LAB_TUNE: tune.{min(unknown)}: no such strategy (there is {', '.join(known)})")
    for name in settings.tune.keys() & known.keys():
        try:
            known[name].tuned(settings.tune[name])
        except ValueError as error:
            raise ValueError(f"LAB_TUNE: {error}") from error


def _add_own_routes(
    app: FastAPI,
    settings: Settings,
    found: Discovered,
    metrics: Metrics,
    ledger: Ledger,
    origins: Sequence[Origin],
    cache: RedisCache,
    connections: Connections,
    code: str,
) -> None:
    """What a lab needs to watch a pod."""

    @app.get("/strategies")
    async def strategies() -> dict[str, Any]:
        """What was discovered in which code, and what a client has to know to judge its answers: how old they may be by
        strategy, how long a load may take, and the cache's time, by which an item says when it was read."""
        return {
            "code": code,
            "now_s": cache.clock.now_s(),
            "longest_load_s": longest_load_s(settings),
            "strategies": {name: _describe(strategy, settings) for name, strategy in found.strategies.items()},
            "bounds": {name: _describe(bound, settings) for name, bound in found.bounds.items()},
            "broken": found.broken,
        }

    @app.get("/settings")
    async def knobs() -> dict[str, str]:
        """Every knob as the environment variable that sets it; not the URL of Redis, which may hold a password."""
        values = settings.model_dump(mode="json", exclude={"redis_url"})
        return {f"LAB_{name.upper()}": as_variable(value) for name, value in values.items()}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The process answers."""
        return {"status": "ok", "pod": settings.pod}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:
        """Ready to serve, and 503 once the pod was asked to end. Without Redis it is ready: the origin answers."""
        if connections.is_draining:
            response.status_code = 503
            return {"status": "draining", "pod": settings.pod}
        return {"status": "ok", "pod": settings.pod, "cache": str(cache.standing)}

    @app.get("/metrics")
    async def prometheus() -> Response:
        return Response(generate_latest(metrics.registry), media_type=CONTENT_TYPE_LATEST)

    @app.get("/targets")
    def targets(
        service: str = Query("app", pattern=r"^[a-z][a-z0-9-]{0,62}$"), port: int = Query(8000, ge=1, le=65_535)
    ) -> list[dict[str, Any]]:
        """Whom a scraper finds behind a name of the stack, in the form of Prometheus's HTTP discovery, with the label
        `pod` by which `make ps` and X-Served-By know each."""
        try:
            found = replicas(service)
        except OSError:
            return []
        return [{"targets": [f"{address}:{port}"], "labels": {"pod": pod}} for address, pod in found.items()]

    @app.get("/ledger")
    async def read_ledger(after: int = Query(0, ge=0, lt=2**63)) -> dict[str, Any]:
        """The reads that the origin was asked for, from number `after` on, and how many are still under way."""
        under_way = sum(origin.reading + origin.waiting for origin in origins)
        return {"pod": settings.pod, "under_way": under_way, **ledger.page(after)}


def _add_broken_route(app: FastAPI, name: str, why: str) -> None:
    @app.get(f"/{name}", include_in_schema=False)
    @app.get(f"/{name}/data", include_in_schema=False)
    async def broken(response: Response) -> dict[str, str]:
        response.status_code = 503
        return {"error": "broken", "reason": f"app/strategies/{name}.py: {why}"}


def longest_load_s(settings: Settings) -> float:
    """From the moment the origin is read until what was read is in the cache, at most: the law's longest or the
    time-out, and what a write may take."""
    read_ms = min(Latency.parse(settings.origin_latency).longest_ms, settings.origin_timeout_ms)
    return (read_ms + settings.redis_timeout_ms) / 1000


def _describe(strategy: type[Strategy], settings: Settings) -> dict[str, Any]:
    values = strategy.tuned(settings.tune.get(strategy.name, {}))
    return {
        "doc": inspect.getdoc(strategy),
        "baseline": strategy.is_baseline,
        "oldest_s": strategy.oldest_s(settings.ttl_s, values),
        "tunables": {
            name: {"value": values[name], "default": knob.default, "why": knob.why}
            for name, knob in strategy.tunables().items()
        },
    }
