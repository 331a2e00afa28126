"""Commands that show what there is, and begin something new."""

from typing import Annotated

import typer

from app.discovery import discover
from loadtest import ROOT
from loadtest.cli.inputs import DEFAULT_SCENARIO, chosen, scenario_named
from loadtest.cli.new_strategy import new_strategy
from loadtest.cli.terminal import Duration, Pods, Seed, Strategies, console, fail
from loadtest.report.quoting import for_console_markup
from loadtest.workload.scenario import scenario_names

app = typer.Typer()


@app.command(name="list")
def list_() -> None:
    """The strategies and scenarios that there are."""
    found = discover()
    console.print("[bold]Strategies[/] (app/strategies/)")
    for name, strategy in found.strategies.items():
        knobs = " ".join(f"{knob}={tunable.default}" for knob, tunable in strategy.tunables().items())
        idea = next(iter((strategy.__doc__ or "").strip().splitlines()), "")
        console.print(f"  {name:14}{for_console_markup(idea)} [dim]{for_console_markup(knobs)}[/]", soft_wrap=True)
    for name, why in found.broken.items():
        console.print(f"  [red]{name:14}broken: {for_console_markup(why)}[/]", soft_wrap=True)
    console.print("[bold]Scenarios[/] (loadtest/scenarios/)")
    for name in scenario_names():
        console.print(f"  {name:14}{for_console_markup(scenario_named(name).title)}", soft_wrap=True)


@app.command()
def new(name: Annotated[str, typer.Argument(help="Lower case letters, digits and _.")]) -> None:
    """Start a strategy of your own from the template."""
    try:
        path = new_strategy(name)
    except (ValueError, OSError) as error:
        fail(error)
    console.print(f"{path.relative_to(ROOT)} is there. Edit it, then: [bold]make try S={name}[/]", highlight=False)


@app.command()
def settings(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    strategies: Strategies = None,
    duration: Duration = None,
    pods: Pods = None,
    seed: Seed = 1,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Only looked at, like the duration.")] = 1,
) -> None:
    """What a scenario states for a pod, as environment variables: to run one by hand, or for a bench in the stack."""
    workload = scenario_named(scenario, duration, pods)
    if reason := workload.why_only_virtual:
        fail(f"{workload.name}: {reason}")
    chosen(discover(), strategies, workload)
    stated = workload.pod_environment(seed) | {"APP_REPLICAS": str(workload.pods)}
    for name, value in stated.items():
        print(f"{name}={value}")
