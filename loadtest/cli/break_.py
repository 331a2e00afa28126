"""`lab break`: a fault by hand in the stack that runs, which ends by itself."""

import asyncio
import signal
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from typing import Annotated, Any

import typer

from loadtest.cli.document import tell
from loadtest.cli.running import guarded
from loadtest.cli.terminal import fail, print_text, warn
from loadtest.workload.breaks import BREAKS, FOR_S_MAX, BadBreak, Break, Option, named
from loadtest.workload.faults import Fault
from loadtest.worlds.docker_stack import DockerStack
from loadtest.worlds.fault_marks import PORT, FaultMarks
from loadtest.worlds.nemesis import CannotBreak
from loadtest.worlds.stack_nemesis import StackNemesis
from loadtest.worlds.uninterrupted import to_the_end
from loadtest.worlds.world import WorldFailed

GRAFANA = 3000
"""The port of Grafana in its container."""


def break_(
    kind: Annotated[str | None, typer.Argument(help="What to break; without it, what there is.")] = None,
    list_: Annotated[bool, typer.Option("--list", help="Only tell what there is.")] = False,
    for_s: Annotated[float | None, typer.Option("--for", min=0.1, max=FOR_S_MAX, help="Seconds until it ends.")] = None,
    ms: Annotated[float | None, typer.Option(help="Milliseconds that replies are late.")] = None,
    share: Annotated[float | None, typer.Option(help="The part of commands, reads or entries, from 0 to 1.")] = None,
    times: Annotated[float | None, typer.Option(help="How many times as long a read takes.")] = None,
    pod: Annotated[int | None, typer.Option(min=1, max=10_000, help="The pod's number: 2 for app-2.")] = None,
    policy: Annotated[str | None, typer.Option(help="Of a full Redis: noeviction or allkeys-lru.")] = None,
) -> None:
    """Break something in the stack that runs, for some seconds. Ctrl-C ends it sooner."""
    if list_ or kind is None:
        _tell_all()
        return
    options: dict[Option, Any] = {"ms": ms, "share": share, "times": times, "pod": pod, "policy": policy}
    given = {name: value for name, value in options.items() if value is not None}
    try:
        chosen = named(kind)
        lasts_s = chosen.for_s if for_s is None else for_s
        fault = chosen.fault(lasts_s, given)
    except BadBreak as error:
        fail(error)
    guarded(_break(chosen, fault, {**chosen.options, **given}, lasts_s))


def _tell_all() -> None:
    tell(breaks=[asdict(one) for one in BREAKS.values()])
    for one in BREAKS.values():
        takes = [f"--{name} {_short(value)}" for name, value in one.options.items()]
        takes += [f"--for {_short(one.for_s)}"] if one.lasts else []
        print_text(f"{one.name:16}{one.does}. {' '.join(takes)}".rstrip())


def _short(value: object) -> str:
    return f"{value:g}" if isinstance(value, float) else str(value)


async def _break(chosen: Break, fault: Fault, options: Mapping[Option, Any], for_s: float) -> None:
    """Break it, wait, and mend it, with a line at each end."""
    _let_ctrl_c_mend()
    stack = DockerStack()
    nemesis = StackNemesis(stack)
    try:
        await nemesis.steps(fault)
        found = await stack.containers()
        marks = FaultMarks(found.of("victoriametrics")[0].url(PORT))
        board = f"{found.of('grafana')[0].url(GRAFANA)}/d/outage"
    except (CannotBreak, WorldFailed) as error:
        fail(f"{chosen.name}: {error}")
    told = ", ".join(f"--{name} {_short(value)}" for name, value in options.items())
    does = chosen.does + (f" ({told})" if told else "")
    try:
        async with marks.marked(chosen.name, does):
            await _while_broken(nemesis, fault, chosen.name, [does, f"look at {board}: {chosen.look_at}"], for_s)
    except CannotBreak as error:
        fail(f"{chosen.name}: {error}", code=1)
    if marks.missing:
        warn([f"Grafana shows no mark of it: the metrics store did not answer ({marks.missing})"])


async def _while_broken(nemesis: StackNemesis, fault: Fault, name: str, says: Sequence[str], for_s: float) -> None:
    """Begin a fault, say so, wait, end it, and say that. Raises `CannotBreak`."""
    began_s = time.monotonic()

    async def end() -> None:
        await nemesis.end(fault)
        lasted = f" after {time.monotonic() - began_s:.1f} s" if for_s else ""
        print_text(f"{_clock()} {name} has ended{lasted}")

    try:
        await nemesis.begin(fault)
        does, look_at = says
        print_text(f"{_clock()} {name}: {does}" + (f", for {for_s:g} s; Ctrl-C ends it" if for_s else ""))
        print_text(f"         {look_at}")
        await asyncio.sleep(for_s - (time.monotonic() - began_s))
    except CannotBreak:
        raise  # it has not begun
    except BaseException:
        await to_the_end(end())
        raise
    await to_the_end(end())


def _let_ctrl_c_mend() -> None:
    """However often it comes, Ctrl-C only cancels: `asyncio.run` itself would give up at the second."""
    task = asyncio.current_task()
    assert task is not None
    asyncio.get_running_loop().add_signal_handler(signal.SIGINT, task.cancel)


def _clock() -> str:
    return time.strftime("%H:%M:%S")
