"""`lab tipping`: the map of load against trigger, and who comes back where."""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich import box
from rich.markup import escape
from rich.table import Table

from loadtest.cli.conduct import real, run_in, virtual
from loadtest.cli.document import keep_and_tell
from loadtest.cli.inputs import chosen, discovered, scenario_named
from loadtest.cli.options import RESULTS, Pods, Results, Seed, Strategies
from loadtest.cli.output_files import lines_of
from loadtest.cli.running import guarded, run_folder, this_run
from loadtest.cli.sim import Workers
from loadtest.cli.terminal import console, exit_unless_valid, fail, named, say
from loadtest.figures.summarise import Finished
from loadtest.report.contents import VIRTUAL
from loadtest.report.marks import marked
from loadtest.studies.tipping import native_places
from loadtest.studies.tipping.fate import Found
from loadtest.studies.tipping.page import Map, as_json, table, write_map
from loadtest.studies.tipping.places import BadMap, Place, plan_map
from loadtest.theory.tipping import feeds_itself_from_per_s
from loadtest.workload.planned_run import PlannedRun

DEFAULT = "death-spiral"
LINES_MAX = 20
"""The most lines of progress, where the output is no terminal."""


def tipping(
    scenario: Annotated[str, typer.Argument(help="A scenario with a trigger: its name, or a .toml file.")] = DEFAULT,
    load: Annotated[
        str | None, typer.Option(help="Requests per second, by comma. Default: from a quarter to twice the scenario's.")
    ] = None,
    trigger: Annotated[
        str | None,
        typer.Option(
            help="Its lengths in seconds, by comma, or of another field: 'to_share=2,4'. Default: around its own."
        ),
    ] = None,
    strategies: Strategies = None,
    native: Annotated[
        int, typer.Option(min=0, max=native_places.NATIVE_MAX, help="Measure so many places natively too.")
    ] = 0,
    pods: Pods = None,
    seed: Seed = 1,
    workers: Workers = None,
    results: Results = RESULTS,
) -> None:
    """Simulate a grid of loads and triggers, and draw where each strategy stays well, comes back, or never does."""
    found = discovered()
    workload = scenario_named(scenario, None, pods)
    try:
        plan = plan_map(workload, chosen(found, strategies, workload, in_virtual_time=True), load, trigger, seed)
    except BadMap as error:
        fail(error)
    about = this_run(seed, is_virtual=not native) | ({} if native else VIRTUAL)
    folder = run_folder(results, f"tipping-{workload.name}", about, workload)
    drawn = Map(plan, [], {name: feeds_itself_from_per_s(workload, found.choosable[name]) for name in plan.strategies})
    try:
        drawn = _simulated(drawn, folder, workers)
        drawn = _measured(drawn, folder, about, native_places.chosen(plan, drawn.found, found.baseline, native))
    finally:
        if drawn.found:
            _report(drawn, folder, about)
    exit_unless_valid(all(one.row.valid for one in drawn.measured) and any(one.row.valid for one in drawn.simulated))


def _simulated(drawn: Map, folder: Path, workers: int | None) -> Map:
    runs = drawn.plan.runs()
    places = {id(run): place for place, run in runs.items()}
    with lines_of(folder / "places.jsonl") as line:

        def keep(one: Finished) -> None:
            line({**places[id(one.run)]._asdict(), "summary": one.summary.as_dict()})

        with virtual(len(runs), workers, lines_max=LINES_MAX) as shown:
            finished: list[Finished] = guarded(run_in(shown, list(runs.values()), keep))
    return Map(drawn.plan, [Found(places[id(one.run)], one.summary) for one in finished], drawn.lines_per_s)


def _measured(drawn: Map, folder: Path, about: dict[str, Any], places: list[Place]) -> Map:
    """The map with places that real processes have run too; one that they cannot do is left out, and said."""
    runs: dict[Place, PlannedRun] = {}
    for place in places:
        run = drawn.plan.run(place)
        if why := run.scenario.why_only_virtual:
            say(f"[yellow]{escape(f'{place.strategy}, {place.rate_per_s:g}/s')} is not measured:[/] {escape(why)}")
        else:
            runs[place] = run
    if not runs:
        return drawn
    where = {
        id(run): folder / "native" / f"{number}-{place.strategy}" for number, (place, run) in enumerate(runs.items(), 1)
    }
    with real("native", lambda run: where[id(run)], about["command"]) as shown:
        finished: list[Finished] = guarded(run_in(shown, list(runs.values())))
    found = [Found(place, one.summary) for place, one in zip(runs, finished, strict=True)]
    return Map(drawn.plan, [*drawn.found, *found], drawn.lines_per_s)


def _report(drawn: Map, folder: Path, about: dict[str, Any]) -> None:
    keep_and_tell(folder / "map.json", as_json(drawn))
    write_map(folder, drawn, about)
    for name in drawn.plan.strategies:
        headings, lines = table(drawn, name)
        shown = Table(title=marked(name), title_justify="left", box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False)
        for heading in headings:
            shown.add_column(escape(heading), justify="right", overflow="fold")
        for line in lines:
            shown.add_row(*line)
        console.print(shown)
    for sentence in drawn.said:
        console.print(escape(sentence), soft_wrap=True, highlight=False)
    console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
