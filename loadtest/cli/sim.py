"""Commands of virtual time."""

import json
import time
from collections.abc import Sequence
from dataclasses import replace
from typing import Annotated

import typer
from rich import box
from rich.table import Table

from loadtest import ROOT
from loadtest.calibration import LEGEND, SHORT, Calibration, all_agree, measure
from loadtest.calibration import calibrate as compare_worlds
from loadtest.cli.inputs import DEFAULT_SCENARIO, chosen, discovered, scenario_named
from loadtest.cli.terminal import (
    Results,
    Seed,
    Strategies,
    Workers,
    console,
    exit_unless_valid,
    fail,
    guarded,
    guarded_here,
    progress,
    shown,
    this_run,
)
from loadtest.live import live
from loadtest.report import VIRTUAL, print_table
from loadtest.results import new_run_folder, write_results, write_whole
from loadtest.seeds import run_seed
from loadtest.sim.batch import Done, Job, cores, local_workers, run_all
from loadtest.sim.speed import measure_speed
from loadtest.turns import turns

app = typer.Typer()

Repeats = Annotated[int, typer.Option(min=1, max=1_000, help="Runs of each strategy, each with a seed of its own.")]


@app.command()
def sim(
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    strategies: Strategies = None,
    duration: Annotated[float | None, typer.Option(help="Virtual seconds of load, 1 to 3600.")] = None,
    pods: Annotated[int | None, typer.Option(help="Pods, 1 to 10000.")] = None,
    seed: Seed = 1,
    repeats: Repeats = 1,
    workers: Workers = None,
    results: Results = ROOT / "results",
) -> None:
    """Run strategies through a scenario in virtual time: the same seed gives the same bytes, on any machine."""
    workload = scenario_named(scenario, duration, pods)
    found = discovered()
    names = chosen(found, strategies, workload)
    order = sorted(turns(workload, names, found, repeats, seed), key=lambda turn: turn.place(found))
    jobs = [Job(turn.scenario(workload), turn.strategy, run_seed(seed, turn.repeat), turn.repeat) for turn in order]
    about = this_run(seed) | VIRTUAL
    folder = new_run_folder(results, workload.name, about, workload)
    began_s = time.monotonic()
    done: dict[int, Done] = {}  # by the job's id()
    with guarded_here(), local_workers(min(workers or cores(), len(jobs))) as pool, progress() as bar:
        line = bar.add_task("Simulating", total=len(jobs))

        def keep(one: Done) -> None:
            done[id(one.job)] = one
            bar.advance(line)

        run_all(jobs, pool, keep)
    finished = [done[id(job)] for job in jobs]
    measured = [
        (turn, replace(one.row, strategy=turn.name), one.series) for turn, one in zip(order, finished, strict=True)
    ]
    summary = write_results(folder, measured, workload, about, found)
    print_table(console, summary, found.baseline)
    requests, cpu_s = sum(one.row.requests for one in finished), sum(one.cpu_s for one in finished)
    for _, row, _ in measured:
        console.print(f"trace {row.strategy} seed {row.seed}: {row.trace}", highlight=False, style="dim")
    console.print(
        f"{requests:,} requests in {time.monotonic() - began_s:.1f} s, {requests / cpu_s:,.0f} per CPU second. "
        f"Report: {shown(folder / 'report.html')}",
        soft_wrap=True,
        highlight=False,
    )
    exit_unless_valid(all(row.valid for _, row, _ in measured))


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
    duration: Annotated[float | None, typer.Option(help="Seconds of load per strategy, 1 to 3600.")] = None,
    seed: Seed = 1,
    results: Results = ROOT / "results",
) -> None:
    """Run the same natively and in virtual time: measured, simulated, predicted. Exit 1 where they disagree."""
    found = discovered()
    workloads = [scenario_named(name, duration) for name in scenarios.split(",")]
    calibrated: list[Calibration] = []
    for workload in workloads:
        folder = new_run_folder(results, workload.name, this_run(seed), workload)
        with live(console, workload) as tell:
            for name in chosen(found, strategies, workload):
                row = guarded(measure(workload, name, seed, folder, tell))
                calibrated += compare_worlds(workload, found.strategies[name], row)
        write_whole(folder / "calibration.json", json.dumps([one.as_dict() for one in calibrated], indent=2))
    _print_calibration(calibrated)
    if not all_agree(calibrated):
        fail("virtual time disagrees with what was measured, see above", code=1)


def _print_calibration(calibrated: Sequence[Calibration]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
    for heading in ("scenario", "strategy", "figure"):
        table.add_column(heading, no_wrap=True)
    for heading in ("measured", "simulated", "predicted", "error", ""):
        table.add_column(heading, justify="right")
    for one in calibrated:
        predicted = "-" if one.predicted is None else f"{one.predicted:,.1f}"
        cells = (f"{one.measured:,.0f}", f"{one.simulated:,.1f}", predicted, f"{one.error:+.1%}")
        verdict = "agrees" if one.agrees else "[red]disagrees[/]"
        table.add_row(one.scenario, one.strategy, SHORT[one.figure], *cells, verdict)
    console.print(table)
    console.print(LEGEND, style="dim")
