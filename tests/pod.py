"""A whole pod inside the test's process, with a real Redis and a real SQLite behind it."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import httpx

from app.main import create_app
from app.settings import Settings


def pod_settings(redis_url: str, folder: Path, **changed: Any) -> Settings:
    """Quick by default: 20 ms reads, 60 items of 64 ids."""
    quick: dict[str, Any] = {
        "pod": "pod-under-test",
        "redis_url": redis_url,
        "origin_path": folder / "origin.sqlite",
        "origin_latency": "fixed(20)",
        "items": 60,
        "key_space": 64,
    }
    return Settings(**(quick | changed))


@asynccontextmanager
async def running_pod(settings: Settings) -> AsyncIterator[httpx.AsyncClient]:
    app = create_app(settings)
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://pod") as client,
    ):
        yield client


async def ledger_rows(client: httpx.AsyncClient) -> list[dict[str, Any]]:
    page = (await client.get("/ledger")).json()
    return [dict(zip(page["columns"], row, strict=True)) for row in page["rows"]]
