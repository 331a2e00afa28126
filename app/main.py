"""The service: one route per discovered strategy around a pod, and the lab's own routes."""

import gc
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from functools import partial
from typing import Any

from fastapi import FastAPI, Response
from fastapi.telemetry import TelemetryConfig
from starlette.routing import Route

from app.admin import add_admin_routes
from app.cache import CONNECTIONS, RedisCache
from app.connections import Connections
from app.discovery import Discovered, discover
from app.endpoint import ItemEndpoint
from app.fingerprint import fingerprint
from app.ledger import Ledger
from app.metrics import Metrics
from app.origin import Store
from app.peers.client import over_http
from app.peers.names import read_peers
from app.peers.roster import PeerRoster
from app.peers.route import add_peer_routes
from app.pod import Pod
from app.pooler_client import over_tcp
from app.proxied_endpoint import ProxiedEndpoint
from app.proxy import Proxy
from app.settings import Settings
from app.standstill import watch_standstills
from app.store import SqliteStore
from app.store_file import create_store
from app.store_versions import create_versions, versions_of
from app.strategy import Strategy
from app.strategy_groups import UnknownStrategy
from app.strategy_runner import StrategyRunner
from app.tasks import Tasks
from app.troubled_store import OriginControl, add_control, troubled
from app.write_route import add_write_route

log = logging.getLogger(__name__)

GC_FIRST_THRESHOLD = 50_000


def create_app(settings: Settings) -> FastAPI:
    """The app of one pod.

    Raises ValueError when a strategy's parameter is out of its bounds, and OSError when there can be no store.
    """
    found = discover(settings.references, settings.wrong, settings.contenders)
    for name, why in found.broken.items():
        log.error("strategy %s is left out: %s", name, why)
    for name, why in found.broken_contenders.items():
        log.error("contender %s is left out: %s", name, why)
    _check_named(settings, found)
    create_store(settings)
    metrics, code = Metrics(), fingerprint()
    control = OriginControl(settings.seed, settings.pod) if settings.faults else None
    versions = versions_of(settings)
    written = None if versions is None else SqliteStore(settings.origin_path, versions)
    if versions is not None:
        create_versions(versions)
    roster = PeerRoster(read_peers(settings.peers))
    pod = new_pod(settings, found.runnable, metrics, control, written, roster)
    connections = Connections(settings, metrics.turned_away.add)
    metrics.code.labels(code).set(1)
    metrics.tell(settings, found.choosable)
    metrics.watch(connections)
    metrics.away.read = lambda: not pod.cache.standing.is_open

    @asynccontextmanager
    async def lifespan(app: FastAPI) -> AsyncIterator[None]:
        async with pod:
            # What is alive now stays: keep the collector from walking it during requests.
            gc.collect()
            gc.freeze()
            gc.set_threshold(GC_FIRST_THRESHOLD)
            tasks = Tasks(metrics.task_died)
            tasks.keep(lambda: watch_standstills(metrics.stood_still), "standstills")
            roster.keep_current(tasks, pod.peers.meet)
            try:
                yield
            finally:
                await tasks.aclose()
                if written is not None:
                    await written.aclose()

    # FastAPI looks for an OpenTelemetry provider three times a request; the lab has metrics of its own.
    untraced: TelemetryConfig = {"tracing": False, "metrics": False, "logs": False}
    app = FastAPI(title="Stampede Lab", lifespan=lifespan, telemetry=untraced)
    app.state.connections = connections
    own_and_pooler = settings.origin_connections + (settings.origin_connections_shared is not None)
    app.state.files_held = CONNECTIONS + len(pod.runners) * own_and_pooler + pod.peers.connections
    for name, runner in pod.runners.items():
        endpoint = _endpoint(found.runnable[name], runner, settings, pod)
        respond: Any = endpoint.respond if runner.rate_limit is None else endpoint.respond_to
        for path in (f"/{name}/data", f"/{name}"):
            app.router.routes.append(Route(path, endpoint, methods=["GET"], name=path))
            connections.items[path.encode()] = respond
    add_peer_routes(app, pod)
    add_admin_routes(app, pod, found, metrics, connections, code)
    if control is not None:
        add_control(app, control)
    if pod.writer is not None:
        add_write_route(app, pod.writer, settings.items)
    for name, why in found.broken.items():
        _add_broken_route(app, name, why)
    return app


def _endpoint(
    strategy: type[Strategy], runner: StrategyRunner, settings: Settings, pod: Pod[RedisCache, Ledger]
) -> ItemEndpoint:
    parts = (runner, settings.pod, settings.key_space, settings.nets.client_header)
    return ProxiedEndpoint(*parts, clock=pod.cache.clock) if issubclass(strategy, Proxy) else ItemEndpoint(*parts)


def new_pod(
    settings: Settings,
    strategies: Mapping[str, type[Strategy]],
    metrics: Metrics,
    control: OriginControl | None = None,
    written: SqliteStore | None = None,
    roster: PeerRoster | None = None,
) -> Pod[RedisCache, Ledger]:
    """The pod of the service, with Redis before SQLite. Raises ValueError for a bad Redis URL or parameter.

    With a `control` its origins can be made to fail; items are written to `written`. It asks the pods of the roster.
    """
    try:
        cache = RedisCache(settings, metrics)
    except ValueError as error:  # redis-py's, of the URL; which is not shown, because it may hold a password
        raise ValueError(f"LAB_REDIS_URL: {error}") from error
    new_store: Callable[[], Store] = partial(SqliteStore, settings.origin_path, versions_of(settings))
    if control is not None:
        new_store = troubled(new_store, control)
    ledger, connect = Ledger(settings.ledger_rows_max), over_tcp(settings.origin_pooler)
    peers = None if roster is None else over_http(settings, roster, cache.clock.monotonic_s, metrics.task_died)
    pod = Pod(settings, strategies, cache, ledger, new_store, metrics, connect, written=written, peers=peers)
    for name, origin in pod.origins.items():
        metrics.watch_pool(name, origin)
        metrics.watch_nets(name, pod.runners[name])
        if strategies[name].counts_prefixes:
            metrics.watch_prefixes(name, settings.ttl_s, lambda prefix: cache.setting(prefix, "ttl_s"))
        metrics.local_tiers.watch(name, pod.runners[name].local_tier)
    return pod


def _check_named(settings: Settings, found: Discovered) -> None:
    """Raise ValueError where a contender is named that cannot be served, or a parameter that there is not."""
    try:
        found.choose(settings.contenders or None)
    except UnknownStrategy as error:
        raise ValueError(f"LAB_CONTENDERS: {error}") from None
    known = found.runnable
    if unknown := settings.params.keys() - known.keys() - found.broken.keys():
        raise ValueError(f"LAB_PARAMS: params.{min(unknown)}: no such strategy (there is {', '.join(known)})")
    for name in settings.params.keys() & known.keys():
        try:
            known[name].checked_params(settings.params[name])
        except ValueError as error:
            raise ValueError(f"LAB_PARAMS: {error}") from error


def _add_broken_route(app: FastAPI, name: str, why: str) -> None:
    @app.get(f"/{name}", include_in_schema=False)
    @app.get(f"/{name}/data", include_in_schema=False)
    async def broken(response: Response) -> dict[str, str]:
        response.status_code = 503
        return {"error": "broken", "reason": f"app/strategies/{name}.py: {why}"}
