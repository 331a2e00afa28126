"""Commands of virtual time."""

import json
import time
from collections.abc import AsyncIterator, Sequence
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from app.latency import Latency
from loadtest import ROOT
from loadtest.calibration import LEGEND, SHORT, Calibration, all_agree, measure, network_line
from loadtest.calibration import calibrate as compare_worlds
from loadtest.cli.finished import keep_so_far, report
from loadtest.cli.inputs import DEFAULT_SCENARIO, chosen, discovered, scenario_named
from loadtest.cli.terminal import (
    Bound,
    Duration,
    Pods,
    Results,
    Seed,
    Strategies,
    Workers,
    console,
    exit_unless_valid,
    fail,
    guarded,
    guarded_here,
    run_folder,
    runs_progress,
    this_run,
    warn,
)
from loadtest.live import live
from loadtest.measure import Row
from loadtest.report import VIRTUAL
from loadtest.results import Measured, all_valid, failed_arm, keep_figures, keep_turns, write_whole
from loadtest.seeds import run_seed
from loadtest.sim.batch import Done, Job, cores, local_workers, run_all
from loadtest.sim.raw import Place
from loadtest.sim.speed import measure_speed
from loadtest.summarise import Extras, not_run
from loadtest.turns import turns

KEEP_EVERY_S = 5.0
"""Of real time: so much work of a run that is killed is lost at most."""

app = typer.Typer()

Repeats = Annotated[int, typer.Option(min=1, max=1_000, help="Runs of each strategy, each with a seed of its own.")]


@app.command()
def sim(
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    strategies: Strategies = None,
    duration: Duration = None,
    pods: Pods = None,
    seed: Seed = 1,
    repeats: Repeats = 1,
    workers: Workers = None,
    raw: Annotated[
        bool,
        typer.Option("--raw", help="Keep every answer and every read, as a real run does (for `lab summarise`)."),
    ] = False,
    bound: Bound = True,
    results: Results = ROOT / "results",
) -> None:
    """Run strategies through a scenario in virtual time: the same seed gives the same bytes, on any machine."""
    workload = scenario_named(scenario, duration, pods)
    found = discovered(bound)
    names = chosen(found, strategies, workload)
    order = sorted(turns(workload, names, found, repeats, seed), key=lambda turn: turn.place(found))
    about = this_run(seed, is_virtual=True) | VIRTUAL
    folder = run_folder(results, workload.name, about, workload)
    keep_turns(folder, order)
    jobs = [
        Job(
            turn.scenario(workload),
            turn.strategy,
            run_seed(seed, turn.repeat),
            turn.repeat,
            Place(folder, turn.label, turn.name, turn.repeat) if raw else None,
        )
        for turn in order
    ]
    began_s = kept_s = time.monotonic()
    done: dict[int, Measured] = {}  # by the job's id()
    cpu_s = 0.0
    turn_of = {id(job): turn for turn, job in zip(order, jobs, strict=True)}

    def finished() -> list[Measured]:
        return [done[id(job)] for job in jobs if id(job) in done]

    def keep(job: Job, one: Measured) -> None:
        nonlocal kept_s
        done[id(job)] = one
        if time.monotonic() - kept_s > KEEP_EVERY_S:
            keep_so_far(folder, finished())
            kept_s = time.monotonic()
        advance()

    def played(one: Done) -> None:
        nonlocal cpu_s
        cpu_s += one.cpu_s
        turn = turn_of[id(one.job)]
        keep(one.job, (turn, replace(one.row, strategy=turn.name, is_bound=turn.is_bound), one.series))

    def failed(job: Job, error: Exception) -> None:
        reason = f"{type(error).__name__}: {error}"
        keep(job, failed_arm(workload, turn_of[id(job)], job.seed, "virtual", reason))

    try:
        with (
            guarded_here(),
            local_workers(min(workers or cores(), len(jobs))) as pool,
            runs_progress(len(jobs), 0, pool.underway.runs) as advance,
        ):
            run_all(jobs, pool, played, failed)
    finally:
        wall_s, rows = time.monotonic() - began_s, [row for _, row, _ in finished()]
        if rows:
            with guarded_here():
                report(folder, finished(), workload, about, found, not_run(order, [turn for turn, _, _ in finished()]))
    for row in rows:
        console.print(f"trace {row.strategy} seed {row.seed}: {row.trace}", highlight=False, style="dim")
    requests = sum(row.requests for row in rows)
    per_cpu_s = f", {requests / cpu_s:,.0f} per CPU second" if cpu_s else ""
    console.print(f"{requests:,} requests in {wall_s:.1f} s{per_cpu_s}.", highlight=False)
    exit_unless_valid(all_valid(rows))


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
def calibrate(
    scenarios: Annotated[str, typer.Option(help="Names or .toml files, by comma.")] = "hot-key,bulk-warm",
    strategies: Strategies = None,
    duration: Duration = None,
    seed: Seed = 1,
    results: Results = ROOT / "results",
) -> None:
    """Run the same natively and in virtual time: measured, simulated, predicted. Exit 1 where they disagree."""
    found = discovered()
    workloads = [scenario_named(name, duration) for name in scenarios.split(",")]
    calibrated: list[Calibration] = []
    extras, valid = Extras(), True
    for workload in workloads:
        folder = run_folder(results, workload.name, this_run(seed), workload)
        rows: list[Row] = []
        with live(console, workload) as tell:
            names = chosen(found, strategies, workload)
            guarded(_keep(folder, rows, measure(workload, names, seed, folder, tell)))
        for row in rows:
            beside = partial(compare_worlds, workload, found.strategies[row.strategy], row)
            calibrated += extras.make(f"what stands beside {row.strategy}", lambda: list(beside()), [])  # noqa: B023
            valid = valid and row.valid
        write_whole(folder / "calibration.json", json.dumps([one.as_dict() for one in calibrated], indent=2))
    _print_calibration(calibrated)
    for workload in workloads:
        own = [one for one in calibrated if one.scenario == workload.name]
        line = network_line(own, Latency.parse(workload.virtual.network).mean_ms)
        if line:
            console.print(f"{workload.name}: for this machine's median, [virtual] {line}", markup=False, style="dim")
    warn(extras.missing)
    exit_unless_valid(valid)
    if not all_agree(calibrated):
        fail("virtual time disagrees with what was measured, see above", code=1)


async def _keep(folder: Path, rows: list[Row], measured: AsyncIterator[Row]) -> None:
    async for row in measured:
        rows.append(row)
        keep_figures(folder, rows)


def _print_calibration(calibrated: Sequence[Calibration]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("scenario", "strategy", "figure"):
        table.add_column(heading, no_wrap=True)
    for heading in ("measured", "simulated", "predicted", "error", ""):
        table.add_column(heading, justify="right")
    for one in calibrated:
        predicted = "-" if one.predicted is None else f"{one.predicted:,.1f}"
        digits = 0 if one.figure.startswith("origin") else 2
        cells = (f"{one.measured:,.{digits}f}", f"{one.simulated:,.{max(1, digits)}f}", predicted, f"{one.error:+.1%}")
        verdict = "agrees" if one.agrees else "[red]disagrees[/]" if one.decides else "disagrees"
        table.add_row(one.scenario, one.strategy, SHORT[one.figure], *cells, verdict)
    console.print(table)
    console.print(LEGEND, style="dim")
