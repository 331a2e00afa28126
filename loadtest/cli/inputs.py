"""Scenarios, strategies and the Redis that a command is given: they exist and fit together, or the exit code is 2."""

import os
import shutil
from pathlib import Path

from app.discovery import Discovered, discover
from app.redis_url import checked
from loadtest.cli.terminal import errors, fail
from loadtest.report.quoting import for_console_markup
from loadtest.workload.scenario import BadScenario, Scenario, read_scenario
from loadtest.workload.trace import BadTrace, read_trace


def scenario_named(name: str, duration: float | None = None, pods: int | None = None) -> Scenario:
    """Reads a scenario and the trace that it replays; exit 2 where it cannot."""
    try:
        workload = read_scenario(name, duration_s=duration, pods=pods)
        if workload.load.trace is not None:
            read_trace(Path(workload.load.trace), workload.keys.ids, workload.duration_s)
    except (BadScenario, BadTrace) as error:
        fail(error)
    return workload


def check_redis() -> None:
    """Exit 2 where `LAB_REDIS_URL` is no URL that a pod takes, or `LAB_REDIS_SERVER` no program.

    Whether a server answers, or begins, is seen later.
    """
    if url := os.environ.get("LAB_REDIS_URL"):
        try:
            checked(url)
        except ValueError as error:
            fail(f"LAB_REDIS_URL: {error}")
    elif (program := os.environ.get("LAB_REDIS_SERVER")) and shutil.which(program) is None:
        fail(f"LAB_REDIS_SERVER: {program} is no program that can be started")


def discovered(references: bool = False) -> Discovered:
    found = discover(references)
    for name, why in found.broken.items():
        errors.print(f"[yellow]app/strategies/{name}.py is left out:[/] {for_console_markup(why)}")
    return found


def chosen(found: Discovered, asked: str | None, workload: Scenario) -> list[str]:
    """The strategies asked for, known and with parameters within their bounds, or exit 2."""
    names = list(dict.fromkeys(name.strip() for name in asked.split(","))) if asked else list(found.strategies)
    for name in names:
        if name not in found.strategies:
            reason = found.broken.get(name)
            fail(
                f"app/strategies/{name}.py is broken: {reason}"
                if reason
                else f"there is no strategy {name!r}: name some of {', '.join(found.strategies)}"
            )
    for name, params in workload.params.items():
        if name not in found.strategies:
            fail(f"{workload.name}: params.{name}: there is no such strategy")
        try:
            found.strategies[name].checked_params(params)
        except ValueError as error:
            fail(f"{workload.name}: params.{error}")
    return names
