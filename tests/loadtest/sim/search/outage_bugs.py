"""Faults of nets, retries and time-outs that are planted on purpose: each is one that somebody might write."""

import asyncio
import math
from collections.abc import Callable

import pytest

from app import flights, strategy_runner
from app.nets import origin_guard
from app.nets.breaker import BreakerState, CircuitBreaker
from app.nets.failure_marks import FailureMarks
from app.nets.nets import Nets
from app.nets.origin_guard import OriginGuard
from app.nets.refusals import BreakerOpen
from app.nets.timeouts import OldEntry, Timeouts, Work
from app.strategy import Loaded, LoadReason, Lookup, OriginFailed
from app.tasks import Tasks
from loadtest.sim.cluster.clients import NEVER_S, Ask
from loadtest.sim.cluster.patience import Patience
from loadtest.workload import client
from loadtest.workload.client import RetryBudget


class ForWhoLoads(Timeouts):
    """A hard time-out of the load: who waits for another's load waits on."""

    def __init__(self, nets: Nets, tasks: Tasks) -> None:
        super().__init__(nets, tasks)
        self._loading: set[str] = set()

    async def run(self, work: Work, about: str, old_entry: OldEntry) -> Lookup:
        if about in self._loading:
            return await asyncio.shield(self._tasks.spawn(work(), "request", about))
        self._loading.add(about)
        try:
            return await super().run(work, about, old_entry)
        finally:
            self._loading.discard(about)


class EarnsByAttempt(RetryBudget):
    """A budget that every attempt adds to, retries among them."""

    def spend(self) -> bool:
        self.earn()
        return super().spend()


class NeverHalfOpen(CircuitBreaker):
    """A breaker that opens, and has no probes."""

    @property
    def state(self) -> BreakerState:
        return BreakerState.CLOSED if self._open_until_s is None else BreakerState.OPEN

    def enter(self) -> int:
        if self._open_until_s is not None:
            raise BreakerOpen(self._net.open_s)
        return super().enter()


class MarksForEver(FailureMarks):
    """Marks that only the next good load would take away, and that no load can pass."""

    def set(self, key: str, for_s: float) -> None:
        super().set(key, math.inf if for_s > 0 else 0.0)


class CountsTheAbandoned(OriginGuard):
    """A limit that a load which failed or was too late goes on to count for."""

    async def load(self, item_id: int, key: str, reason: LoadReason) -> Loaded:
        try:
            return await super().load(item_id, key, reason)
        except OriginFailed as failed:
            self.under_way += not isinstance(failed, BreakerOpen)
            raise


def without_a_deadline(patch: pytest.MonkeyPatch) -> None:
    """Clients that wait for whatever they wait for."""

    def deadline_s(self: Patience, ask: Ask) -> float:
        return NEVER_S

    patch.setattr(Patience, "_deadline_s", deadline_s)


def instead_of(module: object, replacement: type) -> Callable[[pytest.MonkeyPatch], None]:
    """The planting of a class in the place of the one that it is derived from."""
    return lambda patch: patch.setattr(module, replacement.__mro__[1].__name__, replacement)


for_who_loads = instead_of(strategy_runner, ForWhoLoads)
earns_by_attempt = instead_of(client, EarnsByAttempt)
never_half_open = instead_of(origin_guard, NeverHalfOpen)
marks_for_ever = instead_of(flights, MarksForEver)
counts_the_abandoned = instead_of(strategy_runner, CountsTheAbandoned)
