"""The way from a bench in the stack's container to the one who may break the stack: a folder that both see.

A container has no Docker, and is to have none. So it puts an order into the folder, a file for each. `stack_breaker`,
beside Docker, carries it out and puts its answer there.
"""

import asyncio
import json
import os
from pathlib import Path
from typing import Literal

from app.stated_table import StatedTable
from loadtest.figures.whole_file import write_whole
from loadtest.workload.faults import ClientsLeave, Fault, PodKilled, PodTerminated
from loadtest.worlds.nemesis import CannotBreak
from loadtest.worlds.system import System

VARIABLE = "LAB_BREAKER"
"""The environment variable that names the folder; without it nothing of the stack is broken."""
ORDER, ANSWER = ".order", ".answer"
LOOK_EVERY_S = 0.05
ORDERS_MAX = 10_000
"""Orders of one bench; a file is left for each."""


class StackOrder(StatedTable):
    """One order: to begin or to end a fault."""

    act: Literal["begin", "end"]
    fault: Fault


class AskingNemesis:
    """The nemesis of a bench in a container, which asks for everything. Implements `Nemesis`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._orders = sum(1 for _ in folder.glob(f"*{ORDER}"))
        self._lives: dict[int, int] = {}
        """How many processes of each pod have ended so far, by its place."""
        self.system: System | None = None
        """The system that it breaks, whose pods are asked for their counters before they end."""

    async def begin(self, fault: Fault) -> None:
        if isinstance(fault, PodKilled | PodTerminated) and self.system is not None:
            life = self._lives.get(fault.pod, 0)
            await self.system.before_pod_ends(fault.pod, life)
            self._lives[fault.pod] = life + 1
        await self._ask("begin", fault)

    async def end(self, fault: Fault) -> None:
        await self._ask("end", fault)

    async def _ask(self, act: Literal["begin", "end"], fault: Fault) -> None:
        """Put the order there and wait for its answer; whoever waits bounds the time. Raises `CannotBreak`."""
        if isinstance(fault, ClientsLeave):
            return  # the generator does it, and goes by the same seconds
        if self._orders >= ORDERS_MAX:
            raise CannotBreak(f"there were {ORDERS_MAX:,} orders already")
        self._orders += 1
        place = self._folder / f"{self._orders:05}"
        write_whole(place.with_suffix(ORDER), StackOrder(act=act, fault=fault).model_dump_json())
        answer = place.with_suffix(ANSWER)
        while not answer.exists():  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        if why := json.loads(answer.read_text(encoding="utf-8"))["why"]:
            raise CannotBreak(why)


def asking_nemesis() -> AskingNemesis | None:
    """The nemesis of this container; None where nothing was set up to break the stack."""
    folder = os.environ.get(VARIABLE)
    return AskingNemesis(Path(folder)) if folder else None
