"""The faults of the wire between pods and Redis, as orders to a relay (`app.relay`), wherever that runs."""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping
from typing import Any

from app.relay.troubles import CutOff, Delay, Resets, Silence, Slices, Trouble
from loadtest.workload import faults
from loadtest.workload.faults import Fault
from loadtest.worlds.nemesis import CannotBreak

LONGER_S = 1.0
"""Seconds beyond a fault's own time after which the relay ends it by itself."""
ANSWER_WITHIN_S = 5.0

Tell = Callable[[Mapping[str, Any]], Awaitable[None]]
"""A function that gives a relay one order (`app.relay.control`). Raises `CannotBreak`."""


def trouble_of(fault: Fault) -> Trouble | None:
    """The trouble of a relay that is this fault; None where it is none of the wire."""
    match fault:
        case faults.CacheSlow(ms=ms):
            return Delay(ms=ms)
        case faults.CacheSilent(arrive=arrive) | faults.ConnectionsDead(arrive=arrive):
            return Silence(arrive=arrive)
        case faults.CacheResets(share=share):
            return Resets(share=share)
        case faults.CacheSliced(bytes=size, ms=ms):
            return Slices(bytes=size, ms=ms)
        case faults.CacheUnreachable(empty=False):
            return CutOff()
    return None


class RelayFaults:
    """The faults that a relay carries out. Implements `Nemesis`."""

    def __init__(self, tell: Tell) -> None:
        self._tell = tell
        self._silences: list[Fault] = []
        """The black holes that are on, of which a relay knows one at a time on each way."""

    async def begin(self, fault: Fault) -> None:
        trouble = trouble_of(fault)
        if trouble is None or not isinstance(fault, faults.Lasting):
            raise CannotBreak("it is no fault of the wire")
        if isinstance(trouble, Silence) and fault not in self._silences:
            self._silences.append(fault)
        order = {"begin": trouble.model_dump(), "for_s": min(fault.for_s + LONGER_S, faults.FOR_S_MAX)}
        await self._tell(order | _way(fault))

    async def end(self, fault: Fault) -> None:
        trouble = trouble_of(fault)
        if trouble is None:
            raise CannotBreak("it is no fault of the wire")
        await self._tell({"end": trouble.kind} | _way(fault))
        if isinstance(trouble, Silence):
            self._silences = [other for other in self._silences if other != fault]
            for other in self._silences:
                await self.begin(other)


def _way(fault: Fault) -> dict[str, int]:
    """The way of the pod that a fault is about; none where it is about all."""
    return {"way": fault.pod} if isinstance(fault, faults.ConnectionsDead) else {}


def over_tcp(host: str, port: int) -> Tell:
    """The function that gives orders to the relay whose control listens there."""

    async def tell(order: Mapping[str, Any]) -> None:
        try:
            async with asyncio.timeout(ANSWER_WITHIN_S):
                reader, writer = await asyncio.open_connection(host, port)
                try:
                    writer.write(json.dumps(order).encode() + b"\n")
                    answer = json.loads(await reader.readline())
                finally:
                    writer.close()
        except (OSError, ValueError, TimeoutError) as error:
            raise CannotBreak(f"the relay does not answer: {error!r}") from error
        if "error" in answer:
            raise CannotBreak(f"the relay refuses: {answer['error']}")

    return tell
