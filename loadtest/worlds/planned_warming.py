"""The warmers of a scenario in a world of real processes, each a process beside the pods that the run owns and ends."""

import asyncio
import sys
import time
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from app.warming.plan import WarmingPlan
from app.warming.progress import INTERRUPTED, NOT_READY, READY, WAITING
from loadtest import ROOT
from loadtest.figures.incident import Incident
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario_tables import WarmingTable
from loadtest.worlds.child_processes import Child
from loadtest.worlds.ledger_collector import LedgerFile
from loadtest.worlds.system import System
from loadtest.worlds.world import WorldFailed

SET_UP_WITHIN_S = 30.0
"""Seconds within which a warmer has imported what it needs, and waits for its beginning."""
ENDS_WITHIN_S = 5.0
"""Seconds within which a warmer, once its input has ended, has written its ledger."""
LINES_KEPT = 5


class _Warmer:
    """One warmer's process, and what it has said last."""

    def __init__(self, child: Child, ledger: Path) -> None:
        self.child, self.ledger = child, ledger
        self.said: deque[str] = deque(maxlen=LINES_KEPT)
        self._listening = asyncio.create_task(self._listen(), name=f"listen to {child.name}")

    async def line(self) -> str:
        assert self.child.process.stdout is not None
        return (await self.child.process.stdout.readline()).decode(errors="replace").strip()

    async def _listen(self) -> None:
        while said := await self.line():
            self.said.append(said)

    async def end(self) -> None:
        """End it as Ctrl-C would, and wait until it has written down what it read."""
        assert self.child.process.stdin is not None
        self.child.process.stdin.close()
        with suppress(TimeoutError):
            async with asyncio.timeout(ENDS_WITHIN_S):
                await self.child.process.wait()
        await asyncio.gather(self._listening, return_exceptions=True)


class PlannedWarming:
    """The warmers of one run; none where its scenario states none."""

    def __init__(self, system: System, table: WarmingTable | None) -> None:
        self._system, self._table = system, table
        self._warmers: list[_Warmer] = []

    @classmethod
    async def start(cls, system: System, run: PlannedRun, raw: Path) -> "PlannedWarming":
        """Start the processes, which wait for `begin`. Raises `WorldFailed`."""
        table = run.scenario.warming
        warming = cls(system, table)
        if table is None:
            return warming
        if system.beside_pods is None:
            raise WorldFailed("nothing can be started beside these pods, and the scenario states warmers")
        names = [f"warmer-{number}" for number in range(1, table.warmers + 1)]
        for number, name in enumerate(names, start=1):
            ledger = raw / f"{name}.csv"
            words = ["--strategies", run.strategy, "--part", f"{number}/{table.warmers}", "--ledger", str(ledger)]
            child = await system.children.start(
                name,
                [sys.executable, "-m", "app.warming", "--on-line", *words, *options(table.plan)],
                raw / f"{name}.log",
                {**system.beside_pods, "LAB_POD": name, "PYTHONPATH": str(ROOT)},
                role="app.warming",
                is_spoken_to=True,
            )
            child.may_end = True
            warming._warmers.append(_Warmer(child, ledger))
        for one in warming._warmers:
            await _set_up(one)
        return warming

    async def begin(self, start_s: float) -> None:
        """Let them begin at their second of a load that begins at `start_s`, in seconds since the epoch."""
        assert self._table is not None
        await asyncio.sleep(start_s + self._table.at_s - time.time())
        for one in self._warmers:
            assert one.child.process.stdin is not None
            one.child.process.stdin.write(f"{start_s!r}\n".encode())

    async def end(self, ledger: LedgerFile) -> list[Incident]:
        """End the processes, and add what they have read to the run's ledger."""
        await asyncio.gather(*(one.end() for one in self._warmers))
        found = [incident for one in self._warmers for incident in _told(one, ledger)]
        for one in self._warmers:
            await self._system.children.discard(one.child)
        self._warmers.clear()
        return found


def options(plan: WarmingPlan) -> list[str]:
    """The plan as options of `python -m app.warming`."""
    stated = plan.model_dump(exclude_none=True)
    return [f"--{name.replace('_', '-')}={value}" for name, value in stated.items()]


async def _set_up(one: _Warmer) -> None:
    with suppress(TimeoutError):
        async with asyncio.timeout(SET_UP_WITHIN_S):
            while WAITING not in one.said and not one.child.ended:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
    if WAITING not in one.said:
        raise WorldFailed(f"{one.child.name} {one.child.how_it_ended} and is not set up: {one.child.last_words()}")


def _told(one: _Warmer, ledger: LedgerFile) -> Iterator[Incident]:
    """The incidents of a warmer that has ended: one that was not ready has moved no figure."""
    name, code = one.child.name, one.child.process.returncode
    try:
        ledger.add(one.ledger)
    except (OSError, ValueError) as error:
        yield Incident(f"{name} left no ledger ({error}): {one.child.last_words(1)}")
        return
    if code != READY:
        yield Incident(
            f"{name}: {one.said[-1] if one.said else 'it said nothing'}", spoils=code not in {NOT_READY, INTERRUPTED}
        )
