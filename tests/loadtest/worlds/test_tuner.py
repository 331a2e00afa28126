"""A scenario with a tuner has one beside its processes, which pods follow, and which ends with them."""

import asyncio
from pathlib import Path

import httpx
import psutil

from app.prefixes import prefixes_of
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario
from loadtest.worlds.native import native_system

EVERY_S, WITHIN_S = 0.5, 30.0
ITEMS = (*range(10), *(0,) * 20)
"""What each pod is asked for at once: the hot key, and each other."""


def test_real_pods_follow_a_real_tuner_and_it_ends_with_its_world(tmp_path: Path) -> None:
    origin = {"latency": "fixed(10)", "connections": 8}
    scenario = read_scenario("popularity-shift", pods=2, origin=origin, tuner={"every_s": EVERY_S})
    own_s, prefixes = scenario.cache.ttl_s, prefixes_of("vwatt")

    async def story() -> psutil.Process:
        async with (
            native_system(PlannedRun(scenario, "vwatt", 1), tmp_path) as system,
            httpx.AsyncClient(trust_env=False) as client,
        ):
            [tuner] = [child for child in psutil.Process().children() if "app.tuner" in child.cmdline()]
            async with asyncio.timeout(WITHIN_S):
                while True:
                    asked = [f"{url}/vwatt/data?id={item}" for url in system.pod_urls for item in ITEMS]
                    for answer in await asyncio.gather(*map(client.get, asked)):
                        answer.raise_for_status()
                    told = [(await client.get(f"{url}/metrics")).text.splitlines() for url in system.pod_urls]
                    ttls_s = [
                        [float(line.split()[1]) for line in lines if line.startswith("lab_prefix_ttl_seconds{")]
                        for lines in told
                    ]
                    if all(found[0] > 1.5 * own_s > own_s > max(found[1:]) for found in ttls_s):
                        break
            assert [len(found) for found in ttls_s] == [len(prefixes)] * 2
            return tuner

    tuner = asyncio.run(story())
    assert not tuner.is_running()
    assert (tmp_path / "tuner.log").read_text() == f"the tuner sets TTLs every {EVERY_S:g} s\n"
