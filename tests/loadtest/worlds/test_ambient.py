"""A run takes what its scenario and its options state, and records what else a user may set."""

import asyncio
import json
import os
import sys
from pathlib import Path
from typing import Any

import psutil
import pytest

from loadtest.stats.compare_runs import compare
from loadtest.stats.saved_run import read_run
from loadtest.workload.scenario import read_scenario
from loadtest.worlds import child_processes as processes
from loadtest.worlds.ambient import ambient, shown_url
from loadtest.worlds.child_processes import Children
from loadtest.worlds.guard import left
from tests.run_directory import repeats, write_run

STRAY = {
    "LAB_ORIGIN_TIMEOUT_MS": "50",
    "LOCUST_RUN_TIME": "1s",
    "HTTP_PROXY": "http://127.0.0.1:1",
    "all_proxy": "http://127.0.0.1:1",
    "WEB_CONCURRENCY": "7",
    "PYTHONASYNCIODEBUG": "1",
    "MALLOC_ARENA_MAX": "1",
}


def test_children_get_what_the_run_states_and_no_stray_variable(tmp_path: Path, monkeypatch: Any) -> None:
    for name, value in STRAY.items():
        monkeypatch.setenv(name, value)
    monkeypatch.chdir(tmp_path)  # where a locust.conf might lie
    (tmp_path / "run").mkdir()
    told = "import json, os; print(json.dumps([dict(os.environ), os.getcwd(), os.path.expanduser('~')]))"

    async def ask() -> None:
        async with Children() as children:
            child = await children.start("told", [sys.executable, "-c", told], Path("run/told.log"), {"LAB_POD": "p"})
            await child.process.wait()

    asyncio.run(ask())
    has, works_in, lives_in = json.loads((tmp_path / "run" / "told.log").read_text())
    assert has["LAB_POD"] == "p"
    assert has["PATH"] == os.environ["PATH"]
    assert not has.keys() & STRAY.keys()
    assert works_in == lives_in == str(tmp_path / "run")


def test_a_simulated_pod_is_what_the_scenario_states_whatever_the_shell_has(monkeypatch: Any) -> None:
    scenario = read_scenario("hot-key")
    before = scenario.pod_settings(1, "pod-1")
    monkeypatch.setenv("LAB_ORIGIN_TIMEOUT_MS", "50")
    monkeypatch.setenv("LAB_TTL_S", "77")
    assert scenario.pod_settings(1, "pod-1") == before
    assert before.origin_timeout_ms == 5_000


def test_what_a_user_may_set_is_recorded_without_secrets(monkeypatch: Any) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", "rediss://me:hush@example.test:6380/2?password=hush&protocol=3")
    monkeypatch.setenv("MALLOC_ARENA_MAX", "1")
    assert ambient()["LAB_REDIS_URL"] == "rediss://example.test:6380/2?protocol=3"
    assert ambient()["MALLOC_ARENA_MAX"] == "1"
    assert "LAB_REDIS_URL" not in ambient(is_virtual=True)
    assert shown_url("redis://:hush@[::1]:6379/0") == "redis://[::1]:6379/0"


def test_compare_says_when_two_runs_had_other_surroundings(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", repeats("static"), ambient={})
    b = write_run(tmp_path / "b", repeats("static"), ambient={"LAB_REDIS_URL": "redis://elsewhere:6379/0"})
    warnings = compare(read_run(a), read_run(b)).warnings
    assert any("ambient.LAB_REDIS_URL" in warning for warning in warnings)


def test_a_guard_forgets_whom_it_saw_end() -> None:
    assert left(["+12\n", "+13\n", "-12\n", "+14\n"]) == {13, 14}


@pytest.mark.parametrize("has_death_signal", [True, False])
def test_no_child_survives_an_owner_that_is_killed(has_death_signal: bool, tmp_path: Path) -> None:
    if has_death_signal and not processes.HAS_DEATH_SIGNAL:
        pytest.skip("this system has none")
    owner = tmp_path / "owner.py"
    owner.write_text(
        "import asyncio, os, signal, sys\n"
        "from pathlib import Path\n"
        "from loadtest.worlds import child_processes as processes\n"
        f"processes.HAS_DEATH_SIGNAL = {has_death_signal}\n"
        "async def main():\n"
        "    async with processes.Children() as children:\n"
        "        sleeps = [sys.executable, '-c', 'import time; time.sleep(60)']\n"
        "        child = await children.start('c', sleeps, Path('c.log'))\n"
        "        print(child.pid, flush=True)\n"
        "        os.kill(os.getpid(), signal.SIGKILL)\n"
        "asyncio.run(main())\n"
    )

    async def end() -> int:
        process = await asyncio.create_subprocess_exec(
            sys.executable, owner, cwd=tmp_path, stdout=asyncio.subprocess.PIPE,
            env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
        )  # fmt: skip
        said, _ = await process.communicate()
        return int(said)

    pid = asyncio.run(end())
    try:
        psutil.Process(pid).wait(timeout=10)
    except psutil.NoSuchProcess:
        pass
    assert not psutil.pid_exists(pid)
