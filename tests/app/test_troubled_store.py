"""An origin that is broken by its pod's control: for a stated time, and by nobody from elsewhere."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.main import create_app
from tests.pod import ledger_rows, pod_settings, running_pod

PATH = "/faults/origin"
LONG_S = 60.0


def broken(redis_url: str, folder: Path, drill: Callable[[httpx.AsyncClient], Awaitable[Any]], **changed: Any) -> None:
    async def inside() -> None:
        async with running_pod(pod_settings(redis_url, folder, **({"faults": True} | changed))) as client:
            await drill(client)

    asyncio.run(inside())


async def put(client: httpx.AsyncClient, kind: str, for_s: float = LONG_S, **more: Any) -> dict[str, float]:
    answer = await client.put(PATH, json={"kind": kind, "for_s": for_s} | more)
    assert answer.status_code == 200, answer.text
    told: dict[str, float] = answer.json()
    return told


async def statuses(client: httpx.AsyncClient, ids: range) -> list[int]:
    return [answer.status_code for answer in await asyncio.gather(*(client.get(f"/static?id={id_}") for id_ in ids))]


def test_a_pod_that_was_not_started_with_it_has_no_control(redis_url: str, tmp_path: Path) -> None:
    async def drill(client: httpx.AsyncClient) -> None:
        assert (await client.get(PATH)).status_code == 404
        assert (await client.put(PATH, json={"kind": "hangs", "for_s": 1})).status_code == 404
        assert await statuses(client, range(3)) == [200] * 3

    broken(redis_url, tmp_path, drill, faults=False)


def test_nobody_from_elsewhere_may_call_it(redis_url: str, tmp_path: Path) -> None:
    async def inside() -> None:
        app = create_app(pod_settings(redis_url, tmp_path, faults=True))
        for address, code in (("10.0.0.7", 404), ("127.0.0.1", 200), ("::1", 200)):
            transport = httpx.ASGITransport(app, client=(address, 1))
            async with httpx.AsyncClient(transport=transport, base_url="http://pod") as client:
                for answer in (
                    await client.get(PATH),
                    await client.put(PATH, json={"kind": "slow", "times": 2, "for_s": 1}),
                    await client.delete(f"{PATH}/slow"),
                ):
                    assert answer.status_code == code, (address, answer.text)

    asyncio.run(inside())


def test_a_share_of_the_reads_fails_after_its_time_and_none_once_it_is_ended(redis_url: str, tmp_path: Path) -> None:
    async def drill(client: httpx.AsyncClient) -> None:
        await put(client, "fails", share=0.5)
        codes = await statuses(client, range(40))
        assert {*codes} == {200, 503}
        assert 8 < codes.count(503) < 32
        rows = await ledger_rows(client)
        assert sum(row["outcome"] == "failed" for row in rows) == codes.count(503)
        assert all(row["ended_s"] - row["started_s"] > 0.019 for row in rows)
        assert (await client.delete(f"{PATH}/fails")).json() == {}
        assert await statuses(client, range(40, 60)) == [200] * 20

    broken(redis_url, tmp_path, drill)


def test_reads_take_so_many_times_as_long(redis_url: str, tmp_path: Path) -> None:
    async def drill(client: httpx.AsyncClient) -> None:
        await put(client, "slow", times=5)
        assert await statuses(client, range(3)) == [200] * 3
        assert all(row["ended_s"] - row["started_s"] > 5 * 0.019 for row in await ledger_rows(client))

    broken(redis_url, tmp_path, drill)


def test_reads_that_begin_while_it_hangs_end_once_that_is_over_by_itself(redis_url: str, tmp_path: Path) -> None:
    async def drill(client: httpx.AsyncClient) -> None:
        began_s = time.monotonic()
        told = await put(client, "hangs", for_s=0.3)
        assert {*told} == {"hangs"}
        assert await statuses(client, range(3)) == [200] * 3
        assert time.monotonic() - began_s >= 0.3
        assert (await client.get(PATH)).json() == {}

    broken(redis_url, tmp_path, drill)


def test_a_newer_fault_of_a_kind_replaces_the_older_with_its_end(redis_url: str, tmp_path: Path) -> None:
    async def drill(client: httpx.AsyncClient) -> None:
        await put(client, "fails", for_s=0.05)
        left = await put(client, "fails", for_s=LONG_S, share=1.0)
        assert left["fails"] > LONG_S - 1
        await asyncio.sleep(0.1)
        assert await statuses(client, range(3)) == [503] * 3

    broken(redis_url, tmp_path, drill)


@pytest.mark.parametrize(
    "body",
    [
        {"kind": "flood", "for_s": 1},
        {"kind": "fails", "for_s": 1, "share": 0},
        {"kind": "slow", "for_s": 1},
        {"kind": "hangs"},
        {"kind": "hangs", "for_s": 1e9},
    ],
)
def test_what_makes_no_sense_is_refused_and_breaks_nothing(
    redis_url: str, tmp_path: Path, body: dict[str, Any]
) -> None:
    async def drill(client: httpx.AsyncClient) -> None:
        assert (await client.put(PATH, json=body)).status_code == 422
        assert (await client.get(PATH)).json() == {}

    broken(redis_url, tmp_path, drill)
