"""Scenarios, strategies and the Redis that a command is given: they exist and fit together, or the exit code is 2."""

import os
import shutil
from collections.abc import Mapping, Sequence
from pathlib import Path

from app.contender_discovery import check_file_name
from app.contender_files import state_files, why_not_stated
from app.contender_names import file_of, place_of
from app.discovery import Discovered, discover
from app.redis_url import checked
from app.strategy import Strategy
from app.strategy_groups import UnknownStrategy
from loadtest.cli.terminal import errors, fail, warn
from loadtest.report.quoting import for_console_markup
from loadtest.workload.near_names import LAB_LIST, choose, no_such
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


def contender_files(paths: Sequence[Path] | None) -> list[str]:
    """The names of files of contenders that are found from now on, in every process; exit 2 where one is none."""
    for path in paths or ():
        try:
            if why := why_not_stated(path.absolute()):
                raise ValueError(why)
            check_file_name(path.stem)
        except ValueError as error:
            fail(f"{path}: {error}")
    state_files(paths or ())
    return [path.stem for path in paths or ()]


def discovered(references: bool = False) -> Discovered:
    """Everything that a command may be given as a strategy; broken files are told on the terminal."""
    found = discover(references, wrong=True, contenders=True)
    for name, why in found.broken.items():
        errors.print(f"[yellow]app/strategies/{name}.py is left out:[/] {for_console_markup(why)}")
    for name, why in found.broken_contenders.items():
        errors.print(f"[yellow]{for_console_markup(place_of(name))} is left out:[/] {for_console_markup(why)}")
    return found


def asked_for(found: Discovered, strategies: str | None, files: Sequence[str]) -> str | None:
    """The strategies asked for; where none are named, but files of contenders, those of the files."""
    if strategies or not files:
        return strategies
    return ",".join([name for name in found.contenders if file_of(name) in files] or files)


def chosen_one(found: Discovered, asked: str, workload: Scenario, in_virtual_time: bool = False) -> str:
    """The one strategy that is asked for, as `chosen` finds it; exit 2 for several."""
    names = chosen(found, asked, workload, in_virtual_time)
    if len(names) != 1:
        fail(f"{asked}: one strategy, by its name, and not {len(names)}")
    return names[0]


def chosen(found: Discovered, asked: str | None, workload: Scenario, in_virtual_time: bool = False) -> list[str]:
    """The strategies asked for, known and with parameters within their bounds, or exit 2.

    With `in_virtual_time` those that cannot run there are told and left out; exit 2 where none is left.
    """
    try:
        names = choose(found, asked)
    except UnknownStrategy as error:
        fail(error)
    known = found.choosable
    for name in names:
        if reason := workload.why_not_for(known[name]):
            fail(f"{workload.name}: {name} is a contender: {reason}")
    for name, params in workload.params.items():
        if name not in known:
            fail(f"{workload.name}: params: {no_such('strategy', name, known, LAB_LIST)}")
        try:
            known[name].checked_params(params)
        except ValueError as error:
            fail(f"{workload.name}: params.{error}")
    return _able(known, names) if in_virtual_time else names


def _able(known: Mapping[str, type[Strategy]], names: list[str]) -> list[str]:
    """Those of the strategies that can run in virtual time; the others are told, and exit 2 where they are all."""
    unable = [f"{name} is for processes (make bench): {why}" for name in names if (why := known[name].not_virtual)]
    if len(unable) == len(names):
        fail("; ".join(unable))
    warn(unable)
    return [name for name in names if not known[name].not_virtual]
