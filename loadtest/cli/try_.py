"""`lab try`: one strategy held to the contract, then compared with the baseline."""

from pathlib import Path
from typing import Annotated, NoReturn

import typer
from rich.text import Text

from app.discovery import Discovered, discover
from loadtest.cli.conduct import all_valid, conduct
from loadtest.cli.inputs import chosen_one, scenario_named
from loadtest.cli.new import FOLDER
from loadtest.cli.options import DEFAULT_SCENARIO, RESULTS, Results, Seed
from loadtest.cli.running import guarded_here
from loadtest.cli.terminal import console, errors, exit_unless_valid, fail, named, warn
from loadtest.report.contents import Report
from loadtest.studies.trial.breach import Breach, unusable
from loadtest.studies.trial.trial import check_contract, verdict
from loadtest.workload.planned_run import PlannedRun


def try_(
    name: Annotated[str, typer.Argument(help="The strategy to try.")],
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    duration: Annotated[float, typer.Option(min=1, max=3_600, help="Seconds of the comparison.")] = 20.0,
    seed: Seed = 1,
    results: Results = RESULTS,
) -> None:
    """Hold a strategy to the contract in virtual time, then compare it with the baseline."""
    if not name or "," in name:
        fail("try takes one strategy, by its name: make try S=mine")
    found = discover(wrong=True)
    source = FOLDER / f"{name}.py"
    if name in found.broken:
        _show(unusable(found.broken[name]).screen(name, source), code=2)
    workload = scenario_named(scenario, duration)
    if name in found.wrong:
        fail(f"{name} is wrong on purpose and keeps no contract. Beside its right twin: lab mistakes")
    name = chosen_one(found, name, workload)
    with guarded_here():
        held = check_contract(source)[name]
    if isinstance(held, Breach):
        _show(held.screen(name, source), code=1)
    console.print(f"{name} keeps the contract: {held} promises. Now beside the baseline …", highlight=False)
    against = [name] if found.baseline in (None, name) else [found.baseline, name]
    runs = [PlannedRun(workload, one, seed) for one in against]
    # side by side, so that both see the same minute of this machine
    finished = conduct(workload, runs, found, "native", seed, results, at_once=len(runs), show=_show_report)
    rows = [one.summary for one in finished]
    console.print(verdict(rows, name), highlight=False, soft_wrap=True)
    exit_unless_valid(all_valid(rows))


def _show_report(folder: Path, contents: Report, _: Discovered) -> None:
    spoilt = (f"{row.strategy}: {incident}" for row in contents.rows if not row.valid for incident in row.incidents)
    warn((*contents.missing, *spoilt))
    console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)


def _show(screen: str, code: int) -> NoReturn:
    errors.print(Text(screen), soft_wrap=True)
    raise typer.Exit(code)
