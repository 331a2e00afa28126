"""Breaks the stack as a bench in its container orders: `python -m loadtest.worlds.stack_breaker FOLDER`.

It runs beside Docker, for as long as its standard input is open; `bin/bench-in-stack` starts it. At its end it mends
what is broken still.
"""

import asyncio
import json
import os
import sys
from contextlib import AsyncExitStack
from pathlib import Path

from pydantic import ValidationError

from loadtest.figures.whole_file import write_whole
from loadtest.workload.breaks import BREAKS
from loadtest.workload.faults import Fault, Lasting
from loadtest.worlds.breaker_folder import ANSWER, LOOK_EVERY_S, ORDER, StackOrder
from loadtest.worlds.docker_stack import DockerStack
from loadtest.worlds.fault_marks import PORT, FaultMarks
from loadtest.worlds.nemesis import CannotBreak, Nemesis, place_of
from loadtest.worlds.stack_nemesis import StackNemesis
from loadtest.worlds.world import WorldFailed

READ_BYTES = 64


class StackBreaker:
    """The one who carries out orders, each as its file appears; faults are marked in Grafana while they are on."""

    def __init__(self, folder: Path, nemesis: Nemesis, marks: FaultMarks) -> None:
        self._folder, self._nemesis, self._marks = folder, nemesis, marks
        self._seen: set[Path] = set()
        self._on: dict[tuple[str, int | None], tuple[Fault, AsyncExitStack]] = {}

    async def obey(self, over: asyncio.Event) -> None:
        """Carry out every order until it is over, and then mend what is broken still."""
        try:
            async with asyncio.TaskGroup() as group:
                while not over.is_set():
                    for path in sorted({*self._folder.glob(f"*{ORDER}")} - self._seen):
                        self._seen.add(path)
                        group.create_task(self._carry_out(path, path.read_bytes()), name=path.name)
                    await asyncio.sleep(LOOK_EVERY_S)
        finally:
            for fault, mark in list(self._on.values()):
                await self._end(fault, mark)

    async def _carry_out(self, path: Path, text: bytes) -> None:
        why = ""
        try:
            order = StackOrder.model_validate_json(text)
            if order.act == "begin":
                await self._begin(order.fault)
            elif (on := self._on.get(place_of(order.fault))) is not None:
                await self._end(order.fault, on[1])
        except (CannotBreak, ValidationError) as error:
            why = str(error)
        write_whole(path.with_suffix(ANSWER), json.dumps({"why": why}))

    async def _begin(self, fault: Fault) -> None:
        name = next((one.name for one in BREAKS.values() if one.kind == fault.kind), fault.kind)
        _, mark = self._on.get(place_of(fault), (fault, AsyncExitStack()))
        if place_of(fault) not in self._on:
            await mark.enter_async_context(self._marks.marked(name, f"{fault.kind} of a scenario"))
        self._on[place_of(fault)] = fault, mark
        try:
            await self._nemesis.begin(fault)
        except CannotBreak:
            await self._end(fault, mark)
            raise
        if not isinstance(fault, Lasting):
            await self._end(fault, mark)

    async def _end(self, fault: Fault, mark: AsyncExitStack) -> None:
        try:
            await self._nemesis.end(fault)
        finally:
            self._on.pop(place_of(fault), None)
            await mark.aclose()


async def _serve(folder: Path) -> None:
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    stack = DockerStack()
    url = (await stack.containers()).of("victoriametrics")[0].url(PORT)
    breaker = StackBreaker(folder, StackNemesis(stack), FaultMarks(url))

    def read() -> None:
        if not os.read(sys.stdin.fileno(), READ_BYTES):
            loop.remove_reader(sys.stdin.fileno())
            over.set()

    loop.add_reader(sys.stdin.fileno(), read)
    print("ready", flush=True)
    await breaker.obey(over)


def main() -> None:
    try:
        asyncio.run(_serve(Path(sys.argv[1])))
    except (CannotBreak, WorldFailed) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)


if __name__ == "__main__":
    main()
