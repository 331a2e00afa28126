"""`lab pages`: the pictures, tables and numbers of the docs, made again from runs."""

from pathlib import Path
from typing import Annotated

import typer

from app.discovery import Discovered, discover
from loadtest import ROOT
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, fail, shown
from loadtest.figures.whole_file import write_whole
from loadtest.sim.pool import cores, local_workers
from loadtest.studies.claims.published_experiment import read_experiments
from loadtest.studies.pages.blocks import Blocks
from loadtest.studies.pages.plan import BadPages, PagesPlan, read_pages_plan
from loadtest.studies.pages.records import cut_down, key_of, read_records, write_records
from loadtest.studies.pages.taken import Taken, take, take_figures
from loadtest.studies.sweep.grid import BadSetting
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import BadScenario

DOCS = ROOT / "docs"
PLAN, RECORDS = "pages.toml", "pages.jsonl"
"""The names of the plan and of the runs' records, in the folder of the docs."""


def pages(
    render: Annotated[bool, typer.Option("--render", help="Only write the pages again, from the runs kept.")] = False,
    again: Annotated[bool, typer.Option("--again", help="Run everything, also what is kept.")] = False,
    docs: Annotated[Path, typer.Option(help="The folder of the docs.")] = DOCS,
    workers: Workers = None,
) -> None:
    """Make every picture, table and number of the docs again, from the runs that docs/pages.toml states.

    A run that is kept and whose scenario is the same is not run again.
    """
    found = discover(wrong=True)
    try:
        plan = read_pages_plan(docs / PLAN)
        records = {} if again else read_records(docs / RECORDS)
        drawn, swept = wanted_runs(plan, found)
        pictured = {key_of(run) for run in drawn}
        kept = {key for key, one in records.items() if one.course or key not in pictured}
        missing = list({key_of(run): run for run in (*drawn, *swept) if key_of(run) not in kept}.values())
        if missing and render:
            fail(f"--render: {len(missing)} runs are not kept: lab pages makes them")
        records |= _taken(missing, pictured, workers)
        for sweep in plan.sweeps.values():
            for key in (key_of(run) for runs in sweep.planned(found) for run in runs):
                if key not in pictured:
                    records[key] = cut_down(records[key], sweep.figure)
        write_records(docs / RECORDS, records, [key_of(run) for run in (*drawn, *swept)])
        made = list(Blocks(docs, plan, records, found, read_experiments()).made())
    except (BadPages, BadSetting, BadScenario, ValueError) as error:
        fail(error)
    changed = 0
    for path, text in made:
        if path.exists() and path.read_text(encoding="utf-8") == text:
            continue
        path.parent.mkdir(exist_ok=True)
        write_whole(path, text.removesuffix("\n"))
        console.print(f"Written: {shown(path)}", soft_wrap=True, highlight=False, markup=False)
        changed += 1
    console.print(f"{changed} of {len(made)} files were out of date.", highlight=False)


def wanted_runs(plan: PagesPlan, found: Discovered) -> tuple[list[PlannedRun], list[PlannedRun]]:
    """The runs of pictures and tables, and those of sweeps; raises as the plan does."""
    drawn = [run for one in plan.runs.values() for run in one.planned()]
    swept = [run for one in plan.sweeps.values() for runs in one.planned(found) for run in runs]
    return drawn, swept


def _taken(runs: list[PlannedRun], pictured: set[str], workers: int | None) -> dict[str, Taken]:
    """The runs, simulated on every core."""
    if not runs:
        return {}
    with local_workers(min(workers or cores(), len(runs))) as pool:
        futures = {key_of(run): pool.submit(take if key_of(run) in pictured else take_figures, run) for run in runs}
        done = {}
        for number, (key, future) in enumerate(futures.items(), 1):
            done[key] = future.result()
            console.print(f"{number} of {len(futures)}: {key}", highlight=False, style="dim")
    return done
