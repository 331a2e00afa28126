"""`lab verify`: the sweep, and what it says."""

import asyncio
import os
import re
import signal
import subprocess
import sys
import time
import tomllib
from collections import Counter
from pathlib import Path

import psutil
import pytest
from typer.testing import CliRunner

from app.discovery import discover
from app.strategy import Loader, Lookup, Strategy
from loadtest import ROOT
from loadtest.cli import app
from loadtest.sim.cluster import seam_depth as world
from loadtest.sim.cluster import slow_store as store
from loadtest.sim.cluster.violation import Invariant
from loadtest.sim.search.case import Case, case_of, check_case, check_seed, run_case
from loadtest.sim.search.search import check
from loadtest.sim.search.shrink import shrink
from loadtest.workload.scenario import Scenario
from loadtest.workload.schema import without_schema
from tests.loadtest.sim.search.test_planted_bugs import PLANTED, TakesLateWrites

STRATEGIES = discover().strategies


class Spins(Strategy):
    """Never waits for anything."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        while True:  # noqa: ASYNC110
            await asyncio.sleep(0)


class HoldsTheLoop(Strategy):
    """Waits, but never lets anybody else run."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        while True:
            try:
                await self.lab.cache.get(key)  # which without a latency is no wait at all
            except Exception:
                pass


class WaitsForEver(Strategy):
    """For what nobody brings."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        with self.lab.cache.notification(key) as notification:
            await notification.wait(1e9)
        raise AssertionError


class Raises(Strategy):
    """What it may not."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        raise LookupError(key)


@pytest.fixture
def late_writes(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(world, "SimulatedRedis", TakesLateWrites)


@pytest.mark.parametrize("strategy", STRATEGIES)
def test_a_seed_gives_the_same_run_to_the_last_byte(strategy: str) -> None:
    for seed in (1, 2):
        case = case_of(STRATEGIES[strategy], seed)
        first, second = (run_case(STRATEGIES[strategy], case) for _ in range(2))
        assert first == second, seed
        assert first.trace, seed


def test_a_seed_gives_the_same_finding(late_writes: None) -> None:
    assert check_seed(STRATEGIES["singleflight"], 14) == check_seed(STRATEGIES["singleflight"], 14) is not None


@pytest.mark.parametrize(("strategy", "invariant"), [(Raises, Invariant.NO_CRASH), (WaitsForEver, Invariant.GOES_ON)])
def test_a_strategy_that_fails_is_a_finding_and_no_failure_of_the_check(
    strategy: type[Strategy], invariant: Invariant
) -> None:
    finding = check_seed(strategy, 0)
    assert finding is not None
    assert finding.violation.invariant == invariant


def test_a_run_in_which_the_time_stands_still_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.sim.kernel.loop.TURNS_AT_ONCE_MAX", 1_000)
    finding = check_seed(Spins, 0)
    assert finding is not None
    assert finding.violation.invariant == Invariant.GOES_ON
    assert "the time stands still" in finding.violation.what


def test_a_strategy_that_loops_without_awaiting_is_bounded_and_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.sim.search.real_time_limit.RUN_S_MAX", 0.4)
    monkeypatch.setattr("loadtest.sim.search.random_scenario.with_outage", lambda world, _: world)
    finding = check_seed(HoldsTheLoop, 2)  # commands to its Redis are no wait at all
    assert finding is not None
    assert finding.violation.invariant == Invariant.LETS_OTHERS_RUN
    said = r"test_search, seed 2, took more than 0.4 s of real time, in test_search.py:\d+"
    assert re.search(said, finding.violation.what)
    assert shrink(HoldsTheLoop, finding) is finding
    checked: list[int] = []
    (found,) = check({HoldsTheLoop.name: HoldsTheLoop}, range(2, 40), 1, checked.append)
    assert found.seeds == 1, "one such finding of a strategy is enough"
    assert found.shrunk is found.smallest
    assert sum(checked) < 38


def test_what_swallows_every_alarm_ends_its_process_and_is_named() -> None:
    code = (
        "from loadtest.sim.search import real_time_limit as bounded\n"
        "bounded.RUN_S_MAX = 0.1\n"
        "with bounded.bounded('mine, seed 7,', '<string>'):\n"
        "    while True:\n"
        "        try:\n"
        "            while True: sum(range(100))\n"
        "        except BaseException: pass\n"
    )
    command = [sys.executable, "-c", code]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 1, ended.stderr
    assert "mine, seed 7, took more than 0.1 s of real time, in <string>:" in ended.stderr


def test_an_item_that_is_not_the_one_asked_for_is_a_finding(monkeypatch: pytest.MonkeyPatch) -> None:
    def wrong(self: store.SlowStore, item_id: int, *_: object) -> tuple[str, int]:
        return "0000000000000000", 1

    monkeypatch.setattr(store.SlowStore, "item", wrong)
    finding = check_seed(STRATEGIES["static"], 1)
    assert finding is not None
    assert finding.violation.invariant == Invariant.RIGHT_ANSWER
    assert "corrupt" in finding.violation.what


def test_the_sweep_gives_the_smallest_seed_of_each_kind_and_how_many_there_are(late_writes: None) -> None:
    counts: Counter[str] = Counter()
    strategies = {name: STRATEGIES[name] for name in ("static", "singleflight")}
    seeds = range(14, 42, 27)
    found = check(strategies, seeds, 1, lambda count: counts.update(runs=count))
    assert counts["runs"] == len(seeds) * 2
    alone = [finding for seed in seeds if (finding := check_seed(STRATEGIES["singleflight"], seed)) is not None]
    assert [one.smallest for one in found] == alone[:1]
    assert found[0].seeds == len(alone) == 2
    assert found[0].shrunk.violation.invariant == found[0].smallest.violation.invariant == Invariant.FENCED_WRITE
    assert found[0].shrunk.case.scenario.duration_s < found[0].smallest.case.scenario.duration_s


def test_many_processes_find_what_one_finds() -> None:
    strategies = {"static": STRATEGIES["static"]}
    checked: list[int] = []
    assert check(strategies, range(12), 2, checked.append) == check(strategies, range(12), 1, lambda count: None) == []
    assert sum(checked) == 13, "one of them is over the wire"


def test_the_command_says_that_all_is_well() -> None:
    said = CliRunner().invoke(
        app, ["verify", "--seeds", "2", "--from", "5", "--strategies", "static", "--workers", "1"]
    )
    assert said.exit_code == 0, said.output
    assert "2 runs (2 seeds from 5, static): every invariant held." in said.stdout


def test_the_command_tells_a_finding_whole(late_writes: None) -> None:
    named = ["--strategies", "singleflight"]
    said = CliRunner().invoke(app, ["verify", "--seeds", "1", "--from", "14", *named, "--workers", "1"])
    assert said.exit_code == 1, said.output
    bug = PLANTED["a late write that is not fenced"]
    assert f"singleflight, seed 14: {bug.invariant}, at " in said.stdout
    assert "broken by 1 of 1 seeds" in said.stdout
    assert "    lab replay 14 --strategy singleflight\n" in said.stdout
    lines = said.stdout.splitlines()
    first, last = lines.index("    schema = 2"), lines.index("    lab replay 14 --strategy singleflight")
    shrunk = Scenario.model_validate(without_schema(tomllib.loads("\n".join(lines[first:last]))))
    finding = check_case(STRATEGIES["singleflight"], Case(shrunk, 14))
    assert finding is not None
    assert finding.violation.invariant == bug.invariant


@pytest.mark.parametrize(
    "bad", [["--strategies", "nobody"], ["--seeds", "0"], ["--workers", "0"], ["--from", "-1"]], ids=str
)
def test_bad_input_is_exit_code_2(bad: list[str]) -> None:
    assert CliRunner().invoke(app, ["verify", "--seeds", "1", *bad]).exit_code == 2


def _wait_until_it_works(pid: int) -> None:
    """It takes SIGTERM for itself once it checks; before, an interruption is one of Python's start."""
    if not Path("/proc").exists():  # which is where that is told
        time.sleep(5)
    give_up_s = time.monotonic() + 60
    while Path("/proc").exists() and time.monotonic() < give_up_s:
        caught = re.search(r"SigCgt:\s*([0-9a-f]+)", Path(f"/proc/{pid}/status").read_text(encoding="utf-8"))
        if caught is not None and int(caught[1], 16) >> (signal.SIGTERM - 1) & 1:
            time.sleep(0.5)
            return
        time.sleep(0.05)


@pytest.mark.parametrize("workers", ["1", "2"])
def test_ctrl_c_ends_everything(workers: str) -> None:
    command = [sys.executable, "-m", "loadtest", "verify", "--seeds", "1000000", "--workers", workers]
    with subprocess.Popen(
        command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.PIPE, start_new_session=True
    ) as process:
        try:
            _wait_until_it_works(process.pid)
            children = psutil.Process(process.pid).children(recursive=True)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does: to all of them
            _, said = process.communicate(timeout=20)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert b"Interrupted" in said
    _, alive = psutil.wait_procs(children, timeout=5)
    assert not alive
