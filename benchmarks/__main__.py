"""`python -m benchmarks`, from the root of a checkout: how fast the lab is here, and the README's measured blocks.

Exit codes as of `lab`.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.hitpath.comparison import SERVICE_KNOBS, compare_hitpath, knobs_set_outside
from benchmarks.hitpath.result import HitpathResult
from benchmarks.hitpath.table import print_hitpath
from benchmarks.limit.ceiling import find_limit, print_limit
from benchmarks.readme_blocks import BLOCKS, README, NoBlock, quoted_by, stale, written
from benchmarks.virtual_time import measure_speed
from loadtest import ROOT
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import Seed, Strategies
from loadtest.cli.running import guarded, guarded_here, this_run
from loadtest.cli.terminal import console, fail
from loadtest.figures.run_folder import write_whole

COLUMNS = 112  # characters: as wide as a page shows code

app = typer.Typer(add_completion=False, pretty_exceptions_enable=False)


@app.command()
def simspeed(
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = "many-keys",
    strategies: Strategies = None,
    seed: Seed = 1,
) -> None:
    """Measure how fast virtual time is here: simulated requests per CPU second."""
    workload = scenario_named(scenario)
    found = discovered()
    for name in chosen(found, strategies, workload):
        speed = measure_speed(workload, found.strategies[name], seed)
        console.print(
            f"{name:14} {speed.per_cpu_s:>9,.0f} requests per CPU second, {speed.ratio:.1f} times as many as with a "
            f"task and a timer for each ({speed.obvious_per_cpu_s:,.0f})",
            highlight=False,
            soft_wrap=True,
        )


@app.command()
def loadlimit(seed: Seed = 1) -> None:
    """Find the highest rate that this machine sends honestly, beside a C generator's where one is installed."""
    console.print("[dim]An open loop against a server that answers at once, faster and faster; up to two minutes …[/]")
    print_limit(console, guarded(find_limit(seed=seed)))


@app.command()
def hitpath(
    pairs: Annotated[int, typer.Option(min=1, max=100, help="Alternating runs of each.")] = 5,
    window: Annotated[float, typer.Option(min=0.2, max=60, help="Seconds that are counted in each run.")] = 3.0,
    seed: Seed = 1,
) -> None:
    """Measure what a cache hit costs here, against a bare app that does one GET. Exit 1 when it costs more."""
    console.print(f"[dim]{pairs} pairs of runs at 64 connections, then at one …[/]")
    for knob, value in knobs_set_outside().items():
        if knob not in SERVICE_KNOBS and knob != "LAB_REDIS_URL":
            console.print(f"with {knob}={value}, as set outside", highlight=False, markup=False)
    result: HitpathResult = guarded(compare_hitpath(pairs=pairs, window_s=window, seed=seed))
    print_hitpath(console, result)
    if result.ratio < 1.0:
        raise typer.Exit(1)


@app.command()
def readme(
    only: Annotated[str | None, typer.Option(help="Blocks, by comma. Default: all that are out of date.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only exit 1 where a block is out of date.")] = False,
) -> None:
    """Measure what README.md quotes, and write it there with commit, machine and command (a quarter of an hour)."""
    known = {block.name: block for block in BLOCKS}
    try:
        out_of_date = list(stale(README.read_text(encoding="utf-8")))
    except NoBlock as error:
        fail(error)
    if check:
        if out_of_date:
            fail("\n".join(out_of_date), code=1)
        return
    names = only.split(",") if only else [line.partition(":")[0] for line in out_of_date]
    if unknown := [name for name in names if name not in known]:
        fail(f"--only: there is no block {unknown[0]!r}: name some of {', '.join(known)}")
    about = this_run(seed=1)  # now: what is written below makes the checkout another than the commit
    for name in names:
        block = known[name]
        console.print(f"{name}: {block.make} …", highlight=False)
        with guarded_here(), tempfile.TemporaryDirectory() as folder:
            quoted = quoted_by(block, _run, Path(folder))
            text = written(README.read_text(encoding="utf-8"), block, quoted, about)
            write_whole(README, text.removesuffix("\n"))
    console.print(f"README.md: {', '.join(names) or 'nothing was out of date'}", highlight=False)


def _run(words: Sequence[str], results: Path) -> str:
    """Raises ValueError with the last words of a command that failed."""
    of_lab = words[0] in {"bench", "calibrate"}
    command = [sys.executable, "-m", "loadtest" if of_lab else "benchmarks", *words]
    if of_lab:
        command += ["--results", str(results)]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"{' '.join(words)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    return done.stdout


if __name__ == "__main__":
    app()
