"""The example of docs/contenders.md is a contender, in a pod over HTTP and in virtual time alike."""

import asyncio
import re
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from app.contender_files import VARIABLE, state_files
from app.discovery import discover
from app.strategy import Strategy
from loadtest import ROOT
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import read_scenario
from tests.pod import ledger_rows, pod_settings, running_pod

PAGE = (ROOT / "docs" / "contenders.md").read_text(encoding="utf-8")
[EXAMPLE] = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[type[Strategy]]:
    monkeypatch.setenv(VARIABLE, "")
    (tmp_path / "example_of_the_page.py").write_text(EXAMPLE)
    state_files([tmp_path / "example_of_the_page.py"])
    yield discover(contenders="example_of_the_page").contenders["example_of_the_page"]
    sys.modules.pop("app.contenders.example_of_the_page", None)


def test_it_is_less_than_thirty_lines() -> None:
    assert len([line for line in EXAMPLE.splitlines() if line.strip()]) < 30


@pytest.mark.filterwarnings("ignore:Call to deprecated close")  # what the library calls
def test_a_pod_serves_it(redis_url: str, tmp_path: Path, example: type[Strategy]) -> None:
    async def scenario() -> None:
        async with running_pod(pod_settings(redis_url, tmp_path, contenders=example.name)) as client:
            answers = [await client.get(f"/{example.name}/data?id=7") for _ in range(3)]
            rows = await ledger_rows(client)
        said = [answer.headers["cache-status"].split("detail=")[1].split(";")[0] for answer in answers]
        assert (said, len(rows)) == (["miss", "hit", "hit"], 1)

    asyncio.run(scenario())


def test_it_runs_in_virtual_time(example: type[Strategy]) -> None:
    scenario = read_scenario("primer", duration_s=12, pods=3)
    row = simulate(scenario, example, 1).row
    assert row.valid, row.incidents
    alone = simulate(scenario, discover().strategies["static"], 1).row
    assert 0 < row.origin_reads < alone.origin_reads / 2
    assert not row.errors
