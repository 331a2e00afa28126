"""The examination of a contender: all probes, in processes that are ended where a probe comes to no end."""

import asyncio
import json
import sys
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

import psutil

from app.contender import Contender
from app.contender_names import version_of
from loadtest import ROOT
from loadtest.contract.behaviour.finding import NATIVE, VIRTUAL, Behaviour, BehaviourFinding, Protection
from loadtest.contract.behaviour.probe import Probe
from loadtest.contract.behaviour.probes import LOADS, PROBES
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.world import WorldFailed

PROBE_CPU_S_MAX = 60.0
"""The processor time of one probe, beyond which it is unknown; that of virtual time does not depend on the machine."""
PROBE_S_MAX = 600.0
"""Real seconds of one probe, beyond which it is unknown: natively a library may wait for ever."""
LOOK_EVERY_S = 1.0
"""How often the processor time is looked at, seconds."""
PROCESSES = {VIRTUAL: 2, NATIVE: 4}
"""Processes at once: in virtual time they compute, and natively they mostly wait."""


def world_of(contender: type[Contender]) -> str:
    """The world that a contender is probed in: virtual time unless it cannot run there."""
    return NATIVE if contender.not_virtual else VIRTUAL


async def examine(
    contender: type[Contender],
    probes: Sequence[Probe] = PROBES,
    on_finding: Callable[[BehaviourFinding], None] = lambda _: None,
) -> Behaviour:
    """The behaviour of a contender, which processes of their own import by its name. Raises `WorldFailed`."""
    world = world_of(contender)
    found: dict[str, BehaviourFinding] = {}

    def note(finding: BehaviourFinding) -> None:
        found[finding.name] = finding
        on_finding(finding)

    count = min(PROCESSES[world], len(probes))
    with TemporaryDirectory(prefix="stampede-lab-behaviour-") as folder:
        try:
            async with Children() as children, asyncio.TaskGroup() as group:
                for number in range(count):
                    place = Path(folder) / f"process-{number}"
                    place.mkdir()
                    group.create_task(_ask_all(children, place, contender.name, world, probes[number::count], note))
        except* WorldFailed as failed:
            raise failed.exceptions[0] from None
    loads = found.get(LOADS)
    protection = Protection.UNKNOWN if loads is None else Protection(loads.cell)
    ordered = [found[probe.name] for probe in probes]
    return Behaviour(contender.name, contender.library, version_of(contender.library), world, protection, ordered)


async def _ask_all(
    children: Children,
    folder: Path,
    name: str,
    world: str,
    probes: Sequence[Probe],
    note: Callable[[BehaviourFinding], None],
) -> None:
    """Ask the probes in one process, and in a further one behind each that does not end."""
    left = list(probes)
    while left:
        command = [sys.executable, "-m", f"{__package__}", name, world, *(probe.name for probe in left)]
        environment = {"PYTHONPATH": str(ROOT)}
        child = await children.start("probes", command, folder / "probes.log", environment, is_spoken_to=True)
        stream = child.process.stdout
        assert stream is not None
        if not await _line(child, stream):
            await child.process.wait()
            raise WorldFailed(f"{name} cannot be probed: its process {child.how_it_ended}\n{child.last_words()}")
        while left and (line := await _line(child, stream)):
            note(BehaviourFinding.of(json.loads(line)))
            left.pop(0)
        if left:
            late = f"It had not ended after {PROBE_CPU_S_MAX:g} s of processor time, or {PROBE_S_MAX:g} s."
            note(left.pop(0).unknown(late if not child.ended else f"Its process {child.how_it_ended}."))
        await children.kill(child)


async def _line(child: Child, stream: asyncio.StreamReader) -> bytes:
    """The next line that a process writes; empty at the end, and where its time is over before."""
    reading = asyncio.ensure_future(stream.readline())
    began_s, began_cpu_s = time.monotonic(), _cpu_s(child)
    try:
        while not (await asyncio.wait([reading], timeout=LOOK_EVERY_S))[0]:
            if time.monotonic() - began_s > PROBE_S_MAX or _cpu_s(child) - began_cpu_s > PROBE_CPU_S_MAX:
                return b""
        return reading.result()
    finally:
        reading.cancel()


def _cpu_s(child: Child) -> float:
    """The processor time that a process has used, seconds."""
    try:
        spent = psutil.Process(child.pid).cpu_times()
    except psutil.NoSuchProcess:
        return 0.0
    return float(spent.user + spent.system)
