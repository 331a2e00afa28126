"""The control of the origin's faults in a pod, and the store that obeys it; only with the setting `faults`."""

import asyncio
from collections.abc import Callable
from random import Random
from typing import Annotated, Any, Literal

from fastapi import FastAPI, HTTPException, Request
from pydantic import Field

from app.item import Found
from app.origin import Store
from app.stated_table import StatedTable
from app.store_trouble import StoreTrouble
from app.strategy import OriginFailed

PATH = "/faults/origin"
FOR_S_MAX = 3_600.0
"""The longest time for which a fault may last, seconds."""
LOOPBACK = frozenset({"127.0.0.1", "::1"})
"""The addresses from which the control may be called; to others it is not there."""


class _Stated(StatedTable):
    for_s: float = Field(gt=0, le=FOR_S_MAX)
    """Seconds after which the fault ends by itself, though its caller has gone."""


class Fails(_Stated):
    """A share of the reads fails, each after its full time."""

    kind: Literal["fails"]
    share: float = Field(1.0, gt=0, le=1)


class Slow(_Stated):
    """Every read takes `times` as long."""

    kind: Literal["slow"]
    times: float = Field(gt=1, le=1_000)


class Hangs(_Stated):
    """Reads that begin during the fault end only when it does."""

    kind: Literal["hangs"]


Kind = Literal["fails", "slow", "hangs"]
OriginFault = Annotated[Fails | Slow | Hangs, Field(discriminator="kind")]


class OriginControl:
    """The faults of all origins of a pod, at most one of each kind; each ends by itself after its time."""

    def __init__(self, seed: int, pod: str) -> None:
        self.trouble = StoreTrouble(Random(f"{seed}/{pod}/store"))
        self._timers: dict[Kind, asyncio.TimerHandle] = {}

    def begin(self, fault: Fails | Slow | Hangs) -> None:
        """Begin a fault; it replaces one of its kind."""
        self._cancel(fault.kind)
        match fault:
            case Fails(share=share):
                self.trouble.fails_share = share
            case Slow(times=times):
                self.trouble.times = times
            case Hangs():
                self.trouble.hang()
        self._timers[fault.kind] = asyncio.get_running_loop().call_later(fault.for_s, self.end, fault.kind)

    def end(self, kind: Kind) -> None:
        """End a fault; one that is not on is fine."""
        self._cancel(kind)
        if kind == "fails":
            self.trouble.fails_share = 0.0
        elif kind == "slow":
            self.trouble.times = 1.0
        else:
            self.trouble.go_on()

    def told(self) -> dict[str, float]:
        """The seconds left of each fault that is on."""
        now_s = asyncio.get_running_loop().time()
        return {kind: round(timer.when() - now_s, 3) for kind, timer in self._timers.items()}

    def _cancel(self, kind: Kind) -> None:
        if (timer := self._timers.pop(kind, None)) is not None:
            timer.cancel()


class TroubledStore:
    """A store whose reads have the trouble that a control makes. Implements `app.origin.Store`."""

    def __init__(self, store: Store, trouble: StoreTrouble) -> None:
        self._store, self._trouble = store, trouble

    def select(self, item_id: int, latency_ms: float) -> asyncio.Future[Found]:
        read = self._read(item_id, latency_ms)
        return asyncio.get_running_loop().create_task(read, name="select in trouble")

    async def _read(self, item_id: int, latency_ms: float) -> Found:
        fails = self._trouble.fails()
        await self._trouble.going_on()
        found = await self._store.select(item_id, latency_ms * self._trouble.times)
        if fails:
            raise OriginFailed("the store failed (a fault of the lab)")
        return found

    async def aclose(self) -> None:
        await self._store.aclose()


def troubled(new_store: Callable[[], Store], control: OriginControl) -> Callable[[], Store]:
    """The function that makes stores which obey the control."""
    return lambda: TroubledStore(new_store(), control.trouble)


def add_control(app: FastAPI, control: OriginControl) -> None:
    """Add the routes of the control, which are there for callers on loopback alone."""

    def check(request: Request) -> None:
        if request.client is None or request.client.host not in LOOPBACK:
            raise HTTPException(404)

    @app.get(PATH)
    async def faults(request: Request) -> dict[str, float]:
        """The seconds left of each fault of the origin."""
        check(request)
        return control.told()

    @app.put(PATH)
    async def begin(request: Request, fault: OriginFault) -> dict[str, float]:
        """Begin a fault of the origin."""
        check(request)
        control.begin(fault)
        return control.told()

    @app.delete(f"{PATH}/{{kind}}")
    async def end(request: Request, kind: Kind) -> dict[str, Any]:
        """End a fault of the origin."""
        check(request)
        control.end(kind)
        return control.told()
