"""Soft and hard time-outs of a request, which leave its load to go on and to store what it brings.

The words are FusionCache's: after the soft time-out an old entry answers, if there is one; after the hard one the
request fails. Either way a later request finds what the load has stored.
"""

import asyncio
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any

from app.nets.nets import Net, Nets
from app.nets.refusals import TooSlow
from app.strategy import Lookup
from app.tasks import Tasks

Work = Callable[[], Coroutine[Any, Any, Lookup]]
OldEntry = Callable[[Net], Awaitable[Lookup | None]]


class Timeouts:
    """The time-outs of one strategy's requests; `tasks` owns the work that outlives its request."""

    def __init__(self, nets: Nets, tasks: Tasks) -> None:
        self._tasks = tasks
        self._soft_s = None if nets.soft_timeout_ms is None else nets.soft_timeout_ms / 1000
        self._hard_s = None if nets.hard_timeout_ms is None else nets.hard_timeout_ms / 1000

    @classmethod
    def of(cls, nets: Nets, tasks: Tasks) -> "Timeouts | None":
        """The time-outs that are set; None where none is."""
        return None if nets.soft_timeout_ms is None and nets.hard_timeout_ms is None else cls(nets, tasks)

    async def run(self, work: Work, about: str, old_entry: OldEntry) -> Lookup:
        """The answer of the work, or an old entry after the soft time-out. Raises `TooSlow` after the hard one."""
        running = asyncio.get_running_loop()
        began_s, task = running.time(), self._tasks.spawn(work(), "request", about)
        if self._soft_s is not None:
            await asyncio.wait({task}, timeout=self._soft_s)
            if not task.done() and (old := await old_entry(Net.SOFT_TIMEOUT)) is not None:
                return old
        if self._hard_s is None:
            return await asyncio.shield(task)
        await asyncio.wait({task}, timeout=max(0.0, began_s + self._hard_s - running.time()))
        if task.done():
            return task.result()
        raise TooSlow(self._hard_s)
