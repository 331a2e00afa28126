"""`lab try`: the contract in virtual time, then a short comparison with the baseline, ending in one sentence."""

import asyncio
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from rich.console import Console

from app.discovery import Discovered
from loadtest import ROOT
from loadtest.bench import measure_arm
from loadtest.comparison import shown
from loadtest.lease import sole_user
from loadtest.live import live
from loadtest.measure import Row
from loadtest.native import native_world
from loadtest.report import Summary
from loadtest.scenario import Scenario
from loadtest.summarise import write_results
from loadtest.turns import Turn


def check_contract(strategy: str) -> bool:
    """Run the contract tests of one strategy; what they say goes to the terminal. True when all pass."""
    command = [sys.executable, "-m", "pytest", "-q", "--no-header", "tests/contract/test_strategies.py"]
    return subprocess.run([*command, "--strategy", strategy], cwd=ROOT, check=False).returncode == 0


async def compare(
    scenario: Scenario,
    names: Sequence[str],
    seed: int,
    folder: Path,
    about: Mapping[str, Any],
    found: Discovered,
    console: Console,
) -> Summary:
    """Run the strategies side by side, each in a world of its own, so that both see the same minute of this machine.

    The first is the baseline.
    """
    async with sole_user(str(about["command"])) as lease:
        with live(console, scenario) as tell:
            turns = [Turn(name) for name in names]
            arms = (measure_arm(scenario, turn, seed, folder, tell, native_world, lease) for turn in turns)
            measured = await asyncio.gather(*arms)
    return write_results(folder, measured, scenario, about, found)


def verdict(rows: Sequence[Row], name: str) -> str:
    """One sentence on the strategy, with the baseline's figures in brackets."""
    mine = next(row for row in rows if row.strategy == name)
    stale = None if mine.hit_ratio is None else 100 * mine.statuses.get("stale", 0) / mine.requests
    other = next((row for row in rows if row.strategy != name), None)
    peak, p99 = f"steady peak {_whole(mine.steady_peak_1s)} origin reads/s", f"p99 {_whole(mine.p99_ms)} ms"
    cold = f"cold start {mine.cold_peak_1s}"
    if other is not None:
        peak = f"{peak} ({other.strategy} {_whole(other.steady_peak_1s)})"
        cold, p99 = f"{cold} ({other.cold_peak_1s})", f"{p99} ({_whole(other.p99_ms)})"
    return f"{name}: {peak}, {cold}, {p99}, {shown(stale, '{:.1f}'.format)}% stale, 1 run"


def _whole(value: float | None) -> str:
    return shown(value, "{:.0f}".format)
