"""`lab try`: a strategy held to the contract, or a contender probed, and then compared with the baseline."""

from pathlib import Path
from typing import Annotated

import typer

from app.contender_names import file_of
from app.discovery import Discovered, discover
from loadtest.cli.conduct import all_valid, conduct
from loadtest.cli.document import tell
from loadtest.cli.inputs import chosen_one, contender_files, scenario_named
from loadtest.cli.new import FOLDER
from loadtest.cli.options import DEFAULT_SCENARIO, RESULTS, Results, Seed
from loadtest.cli.running import guarded_here
from loadtest.cli.terminal import console, exit_unless_valid, fail, named, show_screen, warn
from loadtest.report.contents import Report
from loadtest.studies.trial.breach import Breach, unusable
from loadtest.studies.trial.trial import check_contract, verdict
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario


def try_(
    name: Annotated[str, typer.Argument(help="The strategy or contender to try, or a contender's .py file.")],
    scenario: Annotated[str, typer.Option(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    duration: Annotated[float, typer.Option(min=1, max=3_600, help="Seconds of the comparison.")] = 20.0,
    seed: Seed = 1,
    compare: Annotated[bool, typer.Option(help="Compare it with the baseline, natively.")] = True,
    hold: Annotated[
        str, typer.Option(help="Probes by comma: exit 1 where one does not hold. Of a contender alone.")
    ] = "",
    findings: Annotated[Path | None, typer.Option(help="Write a contender's findings into this JSON file.")] = None,
    results: Results = RESULTS,
) -> None:
    """Hold a strategy to the contract in virtual time, or probe a contender, then compare it with the baseline.

    A contender is refused only where its file cannot be used (exit code 2) or its answers are wrong (1).
    """
    if not name or "," in name:
        fail("try takes one strategy, by its name: make try S=mine")
    if is_file := name.endswith(".py"):
        (name,) = contender_files([Path(name)])
    workload = scenario_named(scenario, duration)
    if file_of(name) is not None:
        _try_contender(name, is_file, workload, seed, compare, hold, findings, results)
        return
    if hold or findings is not None:
        fail(f"--hold, --findings: {name} is no contender, and a strategy has a contract instead")
    found = discover(wrong=True, contenders=True)
    source = FOLDER / f"{name}.py"
    if name in found.broken:
        show_screen(unusable(found.broken[name]).screen(name, source), code=2)
    if name in found.wrong:
        fail(f"{name} is wrong on purpose and keeps no contract. Beside its right twin: lab mistakes")
    name = chosen_one(found, name, workload)
    with guarded_here():
        held = check_contract(source)[name]
    if isinstance(held, Breach):
        show_screen(held.screen(name, source), code=1)
    console.print(f"{name} keeps the contract: {held} promises.", highlight=False)
    tell(strategy=name, promises_kept=held)
    if compare:
        _compare([name] if found.baseline in (None, name) else [found.baseline, name], found, workload, seed, results)


def _try_contender(
    name: str,
    is_file: bool,
    workload: Scenario,
    seed: int,
    compare: bool,
    hold: str,
    findings: Path | None,
    results: Path,
) -> None:
    from loadtest.cli.try_contender import beside, contenders_named, held_names, show_behaviour, write_findings

    held = held_names(hold)
    found = discover(contenders=True)
    tried = contenders_named(found, name, is_file)
    behaviours = [show_behaviour(one, held) for one in tried]
    tell(behaviours=[one.as_dict() for one in behaviours])
    if findings is not None:
        write_findings(findings, behaviours)
    if compare:
        _compare(beside(found, tried, workload), found, workload, seed, results)


def _compare(names: list[str], found: Discovered, workload: Scenario, seed: int, results: Path) -> None:
    """Run them natively, side by side, so that all see the same minute of this machine."""
    console.print(f"Now {names[-1]} beside {' and '.join(names[:-1]) or 'nothing'} …", highlight=False)
    runs = [PlannedRun(workload, one, seed) for one in names]
    finished = conduct(workload, runs, found, "native", seed, results, at_once=len(runs), show=_show_report)
    rows = [one.summary for one in finished]
    verdicts = {name: verdict(rows, name) for name in names[1:] or names}
    tell(verdicts=verdicts)
    for said in verdicts.values():
        console.print(said, highlight=False, soft_wrap=True)
    exit_unless_valid(all_valid(rows))


def _show_report(folder: Path, contents: Report, _: Discovered) -> None:
    spoilt = (f"{row.strategy}: {incident}" for row in contents.rows if not row.valid for incident in row.incidents)
    warn((*contents.missing, *spoilt))
    console.print(f"Report: {named(folder / 'report.html')}", soft_wrap=True, highlight=False)
