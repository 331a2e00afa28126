"""The looks of a pod at its commands under way, as the service's pipe looks at them."""

import asyncio
from typing import Any

from app.lookout import AttentiveTime
from app.strategy import Clock


class Looks:
    """The looks of one pod, ten in a time-out while a command is under way: they judge by the time that it attended."""

    def __init__(self, timeout_s: float, clock: Clock) -> None:
        self._time = AttentiveTime(timeout_s, clock.monotonic_s)
        self.now_s, self.was_late = self._time.now_s, self._time.was_late
        self._waits: dict[asyncio.Future[None], float] = {}
        """The commands under way, by what ends their wait: until when each waits, seconds."""
        self._timer: asyncio.TimerHandle | None = None

    async def is_in_time(self, command: asyncio.Future[Any], until_s: float) -> bool:
        """Whether a command ends before a look that judges it to be late; it goes on in any case."""
        if command.done():
            return True
        over: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def end(_: asyncio.Future[Any]) -> None:
            if not over.done():
                over.set_result(None)

        command.add_done_callback(end)
        self._waits[over] = until_s
        if self._timer is None:
            self._look_again()
        try:
            await over
        finally:
            del self._waits[over]
            command.remove_done_callback(end)
        return command.done()

    def _look_again(self) -> None:
        self._time.begin()
        self._timer = asyncio.get_running_loop().call_later(self._time.every_s, self._look)

    def _look(self) -> None:
        self._timer = None
        now_s = self._time.look()
        for over, until_s in self._waits.items():
            if until_s <= now_s and not over.done():
                over.set_result(None)
        if self._waits:
            self._look_again()
