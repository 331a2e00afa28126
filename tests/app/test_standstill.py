"""A pod counts how long it stood still, and a busy machine's delays for nothing."""

import asyncio
from contextlib import suppress
from typing import Any

import pytest

from app.standstill import BUSY_S, LOOK_EVERY_S, watch_standstills


def test_a_standstill_is_told_in_seconds_and_what_a_busy_machine_does_is_not(monkeypatch: pytest.MonkeyPatch) -> None:
    lates_s = iter((0.0, 0.9 * BUSY_S, 1.1, 0.01, 2 * BUSY_S))
    told: list[float] = []

    async def scenario() -> None:
        loop, now_s = asyncio.get_running_loop(), 100.0

        async def sleep(seconds: float) -> Any:
            nonlocal now_s
            assert seconds == LOOK_EVERY_S
            late_s = next(lates_s, None)
            if late_s is None:
                raise asyncio.CancelledError
            now_s += seconds + late_s

        with monkeypatch.context() as patched:
            patched.setattr(loop, "time", lambda: now_s, raising=False)
            patched.setattr(asyncio, "sleep", sleep)
            with suppress(asyncio.CancelledError):
                await watch_standstills(told.append)

    asyncio.run(scenario())
    assert told == pytest.approx([1.1, 2 * BUSY_S])
