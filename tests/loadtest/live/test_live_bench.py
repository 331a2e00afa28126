"""A native bench with a page that is watched, from its first event to its report."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

pytestmark = pytest.mark.alone

SHORT = """
title = "Short"
duration_s = 3
pods = 1
[load]
loop = "open"
rate_per_s = 100
[keys]
count = 5
[cache]
ttl_s = 1
[origin]
latency = "fixed(50)"
connections = 16
[[faults]]
kind = "cache-slow"
at_s = 0.5
for_s = 2
ms = 1
"""


def test_a_viewer_sees_the_run_grow_and_then_gets_its_report(tmp_path: Path) -> None:
    scenario = tmp_path / "short.toml"
    scenario.write_text(SHORT)
    words = ("bench", "--live", "--no-reference", "--scenario", scenario, "--strategies", "static,swr")
    with subprocess.Popen(
        [sys.executable, "-m", "loadtest", *map(str, words), "--results", str(tmp_path / "results")],
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    ) as bench:
        assert bench.stdout is not None
        first = bench.stdout.readline()
        assert first.startswith("Live: http://127.0.0.1:"), first
        with httpx.Client(base_url=first.split()[1], trust_env=False, timeout=60) as client:
            assert "A bench that runs" in client.get("/").text
            events = []
            for name, told in seen(client):
                events.append((name, told))
                if name == "finished":  # while it is connected, as a browser
                    report = client.get("/report.html")
        said = bench.stdout.read()
    assert bench.returncode in {0, 3}, said  # a slow machine makes it no result, and the page is the same
    (folder,) = (tmp_path / "results").glob("*-short")
    assert report.text == (folder / "report.html").read_text(encoding="utf-8")
    assert events[-1] == ("finished", {"report": str(folder / "report.html")})
    grown = [told for name, told in events if name == "grown"]
    assert len(grown) >= 4
    assert {one["name"] for name, told in events if name == "figure" for one in told["strategies"]} == {"static", "swr"}
    assert [told for told in grown if told["course"] and told["course"]["place"] == 0 and any(told["course"]["reads"])]
    faults = {one["kind"] for told in grown for one in told["incidents"]}
    assert faults & {"fault on", "fault"}
    final = {row["strategy"]: row for row in json.loads((folder / "summary.json").read_text())["runs"]}
    lines = {line["name"]: line for line in grown[-1]["table"]["lines"]}
    assert lines["static"]["cells"][0] == f"{final['static']['origin_reads']:,}"


def seen(client: httpx.Client) -> Iterator[tuple[str, Any]]:
    """The events up to the last one; behind the third the viewer leaves, and comes back for what it lacks."""
    last_id, numbers = "", []
    while True:
        with client.stream("GET", "/events", headers={"last-event-id": last_id} if last_id else {}) as answer:
            name = ""
            for line in answer.iter_lines():
                if line.startswith("id: "):
                    last_id = line.removeprefix("id: ")
                    numbers.append(int(last_id.rpartition("-")[2]))
                elif line.startswith("event: "):
                    name = line.removeprefix("event: ")
                elif line.startswith("data: "):
                    yield name, json.loads(line.removeprefix("data: "))
                    if name == "finished":
                        assert numbers == sorted(set(numbers)), "an event came twice"
                        return
                    if len(numbers) == 3:
                        break
