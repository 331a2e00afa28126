"""`lab settings`: a scenario as environment variables."""

from typing import Annotated

import typer

from app.discovery import discover
from loadtest.cli.inputs import chosen, scenario_named
from loadtest.cli.options import DEFAULT_SCENARIO, Duration, Pods, Seed, Strategies
from loadtest.cli.terminal import fail


def settings(
    scenario: Annotated[str, typer.Argument(help="A scenario's name, or a .toml file.")] = DEFAULT_SCENARIO,
    strategies: Strategies = None,
    duration: Duration = None,
    pods: Pods = None,
    seed: Seed = 1,
    repeats: Annotated[int, typer.Option(min=1, max=100, help="Only looked at, like the duration.")] = 1,
) -> None:
    """Print a scenario as a pod's environment variables: to run one by hand, or for a bench in the stack."""
    workload = scenario_named(scenario, duration, pods)
    if reason := workload.why_not_in("stack"):
        fail(f"{workload.name}: {reason}")
    found = discover(wrong=True, contenders=True)
    names = chosen(found, strategies, workload)
    stated = workload.pod_environment(seed) | {"APP_REPLICAS": str(workload.pods)}
    stated["WRONG"] = "1" if found.wrong.keys() & {*names, *workload.params} else ""
    served = [name for name in dict.fromkeys([*names, *workload.params]) if name in found.contenders]
    stated["CONTENDERS"] = ",".join(served)
    stated["BREAK"] = "1" if workload.faults else ""  # nor a relay on the way where nothing is broken
    for name, value in stated.items():
        print(f"{name}={value}")
