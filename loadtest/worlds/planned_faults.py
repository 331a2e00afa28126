"""The faults of a scenario in a world of real processes, each begun and ended at its second of the load."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Awaitable, Callable, Sequence

from loadtest.figures.incident import Incident, planned
from loadtest.workload.faults import Fault, Lasting
from loadtest.worlds.nemesis import CannotBreak, Nemesis, place_of
from loadtest.worlds.uninterrupted import to_the_end

ACT_WITHIN_S = 20.0
"""Seconds within which a fault has begun, or has ended; after them that counts as impossible."""


class PlannedFaults:
    """The faults of one run, whose real moments are among its incidents."""

    def __init__(self, nemesis: Nemesis, incidents: list[Incident], start_s: float) -> None:
        """Set up the faults of a load that begins at `start_s`, in seconds since the epoch."""
        self._nemesis, self._incidents = nemesis, incidents
        self._start_s = time.monotonic() + start_s - time.time()
        self._lasting: list[Fault] = []
        self._at_work: defaultdict[tuple[str, int | None], asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def _elapsed_s(self) -> float:
        """Seconds since the load's start."""
        return time.monotonic() - self._start_s

    async def carry_out(self, faults: Sequence[Fault]) -> None:
        """Begin and end the faults at their times; one that lasts ends early where this is cancelled.

        A fault that cannot be begun or ended is an incident.
        """
        async with asyncio.TaskGroup() as group:
            for fault in faults:
                group.create_task(self._carry_out(fault), name=f"{fault.kind} at {fault.at_s:g} s")

    async def _carry_out(self, fault: Fault) -> None:
        await asyncio.sleep(fault.at_s - self._elapsed_s)
        if not isinstance(fault, Lasting):
            began_s = self._elapsed_s
            if await self._done(fault, "begun", self._nemesis.begin):
                self._incidents.append(planned(fault.kind, began_s))
            return
        place = len(self._incidents)
        self._incidents.append(planned(fault.kind, began_s := self._elapsed_s))
        self._lasting.append(fault)
        try:
            if await self._done(fault, "begun", self._nemesis.begin):
                await asyncio.sleep(fault.at_s + fault.for_s - self._elapsed_s)
        finally:
            self._lasting.remove(fault)
            await to_the_end(self._mended(fault, place, began_s))

    async def _mended(self, fault: Fault, place: int, began_s: float) -> None:
        await self._done(fault, "ended", self._end)
        self._incidents[place] = planned(fault.kind, began_s, self._elapsed_s)

    async def _end(self, fault: Fault) -> None:
        """End a fault, unless another one of its place is still on: then that one counts."""
        left = [other for other in self._lasting if place_of(other) == place_of(fault)]
        await (self._nemesis.begin(left[-1]) if left else self._nemesis.end(fault))

    async def _done(self, fault: Fault, what: str, act: Callable[[Fault], Awaitable[None]]) -> bool:
        """Whether the fault was begun or ended; where not, that is an incident."""
        try:
            async with asyncio.timeout(ACT_WITHIN_S), self._at_work[place_of(fault)]:
                await act(fault)
        except (CannotBreak, TimeoutError) as error:
            why = str(error) or f"it takes longer than {ACT_WITHIN_S:g} s"
            self._incidents.append(Incident(f"{fault.kind} could not be {what}: {why}"))
            return False
        return True
