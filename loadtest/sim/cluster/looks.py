"""The looks of a pod at its commands under way, as the service's pipe looks at them."""

import asyncio
import math
from typing import Any

from app.lookout import Lookout
from app.strategy import Clock


class Looks:
    """The looks of one pod, ten in a time-out while a command is under way. Only a look on time judges a time-out."""

    def __init__(self, timeout_s: float, clock: Clock) -> None:
        self._lookout, self._now_s = Lookout(timeout_s), clock.monotonic_s
        self._waits: dict[asyncio.Future[None], float] = {}
        """The commands under way, by what ends their wait: until when each waits, seconds."""
        self._due_s = math.inf

    def were_late(self, since_s: float) -> bool:
        """Whether the pod's loop was late since that moment, or about then."""
        return self._lookout.was_late(since_s, self._due_s, self._now_s())

    async def is_in_time(self, command: asyncio.Future[Any], until_s: float) -> bool:
        """Whether a command ends before a look that judges it to be late; it goes on in any case."""
        if command.done():
            return True
        running = asyncio.get_running_loop()
        over: asyncio.Future[None] = running.create_future()

        def end(_: asyncio.Future[Any]) -> None:
            if not over.done():
                over.set_result(None)

        command.add_done_callback(end)
        self._waits[over] = until_s
        if self._due_s == math.inf:
            self._look_again()
        try:
            await over
        finally:
            del self._waits[over]
            command.remove_done_callback(end)
        return command.done()

    def _look_again(self) -> None:
        self._due_s = self._now_s() + self._lookout.every_s
        asyncio.get_running_loop().call_later(self._lookout.every_s, self._look)

    def _look(self) -> None:
        now_s = self._now_s()
        judged_until_s = self._lookout.judged_until_s(self._due_s, now_s)
        for over, until_s in self._waits.items():
            if until_s <= judged_until_s and not over.done():
                over.set_result(None)
        self._due_s = math.inf
        if self._waits:
            self._look_again()
