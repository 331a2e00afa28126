"""A Redis that refuses every write in mid-run, with real processes: no request fails, and the run is no result."""

import json
import time
from pathlib import Path

import pytest
from redis import Redis

from tests.loadtest.worlds.test_recorded_run import SHORT, Lab
from tests.redis_server import RedisServer

pytestmark = pytest.mark.alone


def test_a_redis_that_refuses_every_write_in_mid_run_is_an_event_and_no_result(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "short.toml").write_text(SHORT)
    results = tmp_path / "results"
    with RedisServer(tmp_path) as server, Redis.from_url(server.url) as client:
        monkeypatch.setenv("LAB_REDIS_URL", server.url)
        with Lab("bench", "--scenario", tmp_path / "short.toml", "--strategies", "static", "--results", results) as lab:
            lab.wait_for_load(results, "static")
            time.sleep(1.5)
            client.config_set("maxmemory-policy", "noeviction")
            client.config_set("maxmemory", 1)
            code, said = lab.end()
    assert code == 3, said
    rows = json.loads((results / "latest" / "summary.json").read_text())["runs"]
    row = next(row for row in rows if row["strategy"] == "static")
    assert not row["valid"]
    assert row["errors"] == row["wrong_answers"] == 0
    (event,) = [event for event in row["incidents"] if event.startswith("failed commands to Redis: ")]
    assert "set " in event
    assert event in " ".join(said.split())
