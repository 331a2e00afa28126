"""What a pod behind a proxy says of its answers: for how long they may be kept, and when they were loaded."""

import asyncio
import re
from pathlib import Path

import httpx
import pytest

from app.proxies.nginx import Nginx
from app.proxy import LOADED
from app.troubled_store import PATH
from tests.pod import pod_settings, running_pod

TTL_S, NEGATIVE_TTL_S = 7, 2


@pytest.fixture
def answers(redis_url: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[httpx.Response]:
    """The answers for an item, an absent one and a bad id, and the one behind a fault of the origin."""
    monkeypatch.setattr(Nginx, "program", "sh")  # whether nginx is installed is nothing to the pod behind it

    async def asked() -> list[httpx.Response]:
        told = {"ttl_s": TTL_S, "negative_ttl_s": NEGATIVE_TTL_S, "items": 10, "key_space": 20, "contenders": True}
        settings = pod_settings(redis_url, tmp_path, **told, faults=True, origin_latency="fixed(30)")
        async with running_pod(settings) as client:
            found = [await client.get(f"/nginx/data?id={one}") for one in (3, 15, 99)]
            (await client.put(PATH, json={"kind": "fails", "share": 1.0, "for_s": 10})).raise_for_status()
            return [*found, await client.get("/nginx/data?id=4")]

    return asyncio.run(asked())


def test_an_item_may_be_kept_for_its_ttl_and_an_absent_one_for_its_own_shorter_one(
    answers: list[httpx.Response],
) -> None:
    item, absent, *_ = answers
    assert (item.status_code, item.headers["cache-control"]) == (200, f"max-age={TTL_S}")
    assert (absent.status_code, absent.headers["cache-control"]) == (404, f"max-age={NEGATIVE_TTL_S}")


def test_an_answer_says_when_it_was_loaded_and_nothing_of_a_cache(answers: list[httpx.Response]) -> None:
    item = answers[0]
    found = re.fullmatch(r"began=([0-9.]+); ended=([0-9.]+)", item.headers[LOADED])
    assert found is not None
    began_s, ended_s = map(float, found.groups())
    assert began_s == pytest.approx(item.json()["read_at"], abs=0.005)
    assert 0.03 <= ended_s - began_s < 5
    assert not any("cache-status" in answer.headers for answer in answers)


def test_an_error_is_not_to_be_kept(answers: list[httpx.Response]) -> None:
    bad_id, failed = answers[2:]
    assert bad_id.status_code == 422
    assert (failed.status_code, failed.headers["cache-control"]) == (503, "no-store")
    assert "retry-after" in failed.headers
