"""The lab's own routes: strategies, settings, health, metrics, scrape targets and the ledger of a pod."""

import inspect
import math
from typing import Any

from fastapi import FastAPI, Query, Response

from app.cache import RedisCache
from app.connections import Connections
from app.contender_names import version_of
from app.discovery import Discovered
from app.exposition import CONTENT_TYPE
from app.latency import Latency
from app.ledger import Ledger
from app.metrics import Metrics
from app.pod import Pod
from app.pod_name import replicas
from app.settings import Settings, as_variable
from app.strategy import Strategy


def add_admin_routes(
    app: FastAPI,
    pod: Pod[RedisCache, Ledger],
    found: Discovered,
    metrics: Metrics,
    connections: Connections,
    code: str,
) -> None:
    """Add the lab's routes to the app of one pod. `code` is the fingerprint of the code that it runs."""
    settings = pod.settings

    @app.get("/strategies")
    async def strategies() -> dict[str, Any]:
        """The strategies that were discovered, those of each group, and the code that runs.

        A client judges answers by how old they may be, how long a load may take, and how many items exist. `now_s` is
        the cache's time, which dates the items.
        """
        return {
            "code": code,
            "now_s": pod.cache.clock.now_s(),
            "longest_load_s": _longest_load_s(settings),
            "stale_if_error_s": settings.nets.stale_if_error_s,
            "items": settings.items,
            "strategies": {name: _describe(one, settings) for name, one in found.strategies.items()},
            "groups": found.groups,
            "wrong": {name: _describe(one, settings) for name, one in found.wrong.items()},
            "contenders": {name: _describe(one, settings) for name, one in found.contenders.items()},
            "references": {name: _describe(one, settings) for name, one in found.references.items()},
            "broken": found.broken,
        }

    @app.get("/settings")
    async def every_setting() -> dict[str, str]:
        """Every setting as the environment variable that sets it.

        The URL of Redis is left out, because it may hold a password.
        """
        values = settings.model_dump(mode="json", exclude={"redis_url"})
        return {f"LAB_{name.upper()}": as_variable(value) for name, value in values.items()}

    @app.get("/healthz")
    async def healthz() -> dict[str, str]:
        """The liveness of the process: 200 whenever it answers."""
        return {"status": "ok", "pod": settings.pod}

    @app.get("/readyz")
    async def readyz(response: Response) -> dict[str, str]:
        """The readiness of the pod: 503 once it was asked to end. Without Redis it is ready, for the origin answers."""
        if connections.is_draining:
            response.status_code = 503
            return {"status": "draining", "pod": settings.pod}
        return {"status": "ok", "pod": settings.pod, "cache": str(pod.cache.standing)}

    @app.get("/metrics")
    async def prometheus() -> Response:
        """Every metric of the pod, in Prometheus's text format."""
        return Response(metrics.text(), media_type=CONTENT_TYPE)

    @app.get("/targets")
    def targets(
        service: str = Query("app", pattern=r"^[a-z][a-z0-9-]{0,62}$"), port: int = Query(8000, ge=1, le=65_535)
    ) -> list[dict[str, Any]]:
        """Scrape targets behind a service name of the stack, in the form of Prometheus's HTTP discovery.

        Their label `pod` is the name by which `make ps` and X-Served-By know each.
        """
        try:
            pods = replicas(service)
        except OSError:
            return []
        return [{"targets": [f"{address}:{port}"], "labels": {"pod": name}} for address, name in pods.items()]

    @app.get("/ledger")
    async def ledger(after: int = Query(0, ge=0, lt=2**63)) -> dict[str, Any]:
        """A page of the ledger, from read number `after` on, and how many reads are still under way.

        The `instance` tells a pod that began anew, and counts from 0 again, from the one before.
        """
        return {
            "pod": settings.pod,
            "instance": pod.instance_id,
            "under_way": pod.reads_under_way,
            **pod.ledger.page(after),
        }


def _longest_load_s(settings: Settings) -> float:
    """The longest time from the start of a read until its item is in the cache, seconds.

    It is the latency's longest under load or the read's time-out, and then the time-out of a write. Where the origin
    can be made slow, only the time-out bounds it.
    """
    times_max = 1.0 if settings.origin_slowdown is None else settings.origin_slowdown.times_max
    longest_ms = math.inf if settings.faults else Latency.parse(settings.origin_latency).longest_ms * times_max
    read_ms = min(longest_ms, settings.origin_timeout_ms)
    return (read_ms + settings.redis_timeout_ms) / 1000


def _describe(strategy: type[Strategy], settings: Settings) -> dict[str, Any]:
    values = strategy.checked_params(settings.params.get(strategy.name, {}))
    oldest_s = strategy.stated(settings.ttl_s, values).oldest_s()
    return {
        "doc": inspect.getdoc(strategy),
        "baseline": strategy.is_baseline,
        "right_twin": strategy.right_twin or None,
        "library": f"{strategy.library} {version_of(strategy.library)}" if strategy.library else None,
        "oldest_s": oldest_s if math.isfinite(oldest_s) else None,
        "lag_s": strategy.stated(settings.ttl_s, values).lag_s(),
        "parameters": {
            name: {"value": values[name], "default": parameter.default, "description": parameter.description}
            for name, parameter in strategy.parameters().items()
        },
    }
