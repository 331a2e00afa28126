"""The judgement of time-outs as it was until a busy pod took a healthy Redis for away; planted, to be found."""

import asyncio
from typing import Any

import pytest

from app.standing import Standing
from app.strategy import Clock
from loadtest.sim.cluster import redis_link
from loadtest.sim.cluster.looks import Looks


class LateTimer(Looks):
    """A timer for each command, which judges whenever it fires."""

    def __init__(self, timeout_s: float, clock: Clock) -> None:
        super().__init__(timeout_s, clock)
        self.now_s = clock.monotonic_s

    async def is_in_time(self, command: asyncio.Future[Any], until_s: float) -> bool:
        if not command.done():
            await asyncio.wait({command}, timeout=max(0.0, until_s - self.now_s()))
        return command.done()


class OneTimeOut(Standing):
    """A single time-out closes Redis for everybody."""

    def timed_out(self, sent_s: float) -> None:
        self.lost()


class ItsOwnLateness(Looks):
    """All of a wait is taken from the request's budget, also what the pod's own loop was late by."""

    def __init__(self, timeout_s: float, clock: Clock) -> None:
        super().__init__(timeout_s, clock)
        self.was_late = lambda since_s: False


def plant(patch: pytest.MonkeyPatch) -> None:
    """Put the whole policy of before in place: a late timer judges, and one time-out is enough."""
    patch.setattr(redis_link, "Looks", LateTimer)
    patch.setattr(redis_link, "Standing", OneTimeOut)
