"""Commands of virtual time."""

import time
from dataclasses import replace
from typing import Annotated

import typer

from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import DEFAULT_SCENARIO, RESULTS, Bound, Duration, Pods, Results, Seed, Strategies
from loadtest.cli.running import guarded_here, keep_so_far, run_folder, runs_progress, show_results, this_run
from loadtest.cli.terminal import console, exit_unless_valid
from loadtest.figures.from_records import Measured, all_valid, failed_arm
from loadtest.figures.run_folder import keep_turns
from loadtest.report.contents import VIRTUAL
from loadtest.report.write import not_run
from loadtest.sim.cluster.raw_records import Place
from loadtest.sim.pool import WORKERS_MAX, Done, Job, cores, local_workers, run_all
from loadtest.workload.planned_run import turns
from loadtest.workload.seeds import run_seed

KEEP_EVERY_S = 5.0
"""Of real time: so much work of a run that is killed is lost at most."""

Workers = Annotated[int | None, typer.Option(min=1, max=WORKERS_MAX, help="Processes. Default: one per core.")]
Repeats = Annotated[int, typer.Option(min=1, max=1_000, help="Runs of each strategy, each with a seed of its own.")]


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
        typer.Option("--raw", help="Keep every answer and every read, as a real run does (for `lab report`)."),
    ] = False,
    bound: Bound = True,
    results: Results = RESULTS,
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
                show_results(
                    folder, finished(), workload, about, found, not_run(order, [turn for turn, _, _ in finished()])
                )
    for row in rows:
        console.print(f"trace {row.strategy} seed {row.seed}: {row.trace}", highlight=False, style="dim")
    requests = sum(row.requests for row in rows)
    per_cpu_s = f", {requests / cpu_s:,.0f} per CPU second" if cpu_s else ""
    console.print(f"{requests:,} requests in {wall_s:.1f} s{per_cpu_s}.", highlight=False)
    exit_unless_valid(all_valid(rows))
