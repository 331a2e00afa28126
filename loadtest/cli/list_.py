"""`lab list`: the strategies and scenarios."""

from app.discovery import discover
from loadtest.cli.inputs import scenario_named
from loadtest.cli.terminal import console
from loadtest.report.quoting import for_console_markup
from loadtest.workload.scenario import scenario_names


def list_() -> None:
    """List the strategies and scenarios."""
    found = discover()
    console.print("[bold]Strategies[/] (app/strategies/)")
    for name, strategy in found.strategies.items():
        parameters = " ".join(f"{key}={one.default}" for key, one in strategy.parameters().items())
        idea = next(iter((strategy.__doc__ or "").strip().splitlines()), "")
        console.print(f"  {name:14}{for_console_markup(idea)} [dim]{for_console_markup(parameters)}[/]", soft_wrap=True)
    for name, why in found.broken.items():
        console.print(f"  [red]{name:14}broken: {for_console_markup(why)}[/]", soft_wrap=True)
    console.print("[bold]Scenarios[/] (loadtest/scenarios/)")
    for name in scenario_names():
        console.print(f"  {name:14}{for_console_markup(scenario_named(name).title)}", soft_wrap=True)
