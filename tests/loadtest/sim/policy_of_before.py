"""The judgement of time-outs as it was until a busy pod took a healthy Redis for away; planted, to be found."""

import asyncio
from typing import Any

import pytest

from app.standing import Standing
from loadtest.sim.cluster import redis_link
from loadtest.sim.cluster.looks import Looks


class LateTimer(Looks):
    """A timer for each command, which judges whenever it fires."""

    async def is_in_time(self, command: asyncio.Future[Any], until_s: float) -> bool:
        if not command.done():
            await asyncio.wait({command}, timeout=max(0.0, until_s - self._now_s()))
        return command.done()


class OneTimeOut(Standing):
    """A single time-out closes Redis for everybody."""

    def timed_out(self, sent_s: float) -> None:
        self.lost()


class ItsOwnLateness(Looks):
    """All of a wait is taken from the request's budget, also what the pod's own loop was late by."""

    def were_late(self, since_s: float) -> bool:
        return False


def plant(patch: pytest.MonkeyPatch) -> None:
    """Put the whole policy of before in place: a late timer judges, and one time-out is enough."""
    patch.setattr(redis_link, "Looks", LateTimer)
    patch.setattr(redis_link, "Standing", OneTimeOut)
