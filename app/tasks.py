"""The owner of background tasks: it logs and counts their deaths, restarts those that must live, and ends with them."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any, TypeVar

from app.strategy import CacheAway, OriginFailed, PeerAway, Shed

log = logging.getLogger(__name__)
T = TypeVar("T")

RESTART_S, RESTART_S_MAX = 0.25, 5.0
"""The pause before a task that must live is started again, doubled whenever it dies young, up to the second."""

_SAID_TO_WAITERS = (CacheAway, OriginFailed, PeerAway, Shed)
"""Errors that are no faults of a task: its waiter gets them, and they are counted where they happen."""


class Tasks:
    """Background tasks of one owner. A task that dies of a fault is logged, and reported by its kind."""

    def __init__(self, died: Callable[[str], None] = lambda kind: None) -> None:
        """`died` is called with the kind of each task that died of a fault."""
        self._died = died
        self._running: dict[asyncio.Task[Any], None] = {}  # a dict, because it keeps the order

    def __len__(self) -> int:
        return len(self._running)

    def spawn(
        self,
        work: Coroutine[Any, Any, T],
        kind: str,
        about: str = "",
        ended: Callable[[asyncio.Task[T]], None] | None = None,
    ) -> asyncio.Task[T]:
        """Run the work once, then call `ended` with its task.

        `kind` is a label of the metrics, `about` tells tasks of one kind apart in the log.
        """
        task = asyncio.get_running_loop().create_task(work, name=f"{kind} {about}" if about else kind)
        self._running[task] = None
        task.add_done_callback(partial(self._end, kind, ended))
        return task

    def keep(self, work: Callable[[], Coroutine[Any, Any, None]], kind: str) -> asyncio.Task[None]:
        """Run work that must never end, and begin it again whenever it does, at a bounded pace."""
        return self.spawn(self._keep(work, kind), kind)

    async def _keep(self, work: Callable[[], Coroutine[Any, Any, None]], kind: str) -> None:
        running, pause_s = asyncio.get_running_loop(), RESTART_S
        while True:
            began_s = running.time()
            try:
                await work()
                log.error("%s ended, which must not; it begins again", kind)
            except Exception:
                log.exception("%s died; it begins again", kind)
            self._died(kind)
            pause_s = RESTART_S if running.time() - began_s > RESTART_S_MAX else min(2 * pause_s, RESTART_S_MAX)
            await asyncio.sleep(pause_s)

    def _end(self, kind: str, ended: Callable[[asyncio.Task[T]], None] | None, task: asyncio.Task[T]) -> None:
        self._running.pop(task, None)
        if ended is not None:
            ended(task)
        if task.cancelled():
            return
        error = task.exception()
        if error is not None and not isinstance(error, _SAID_TO_WAITERS):
            log.error("%s died", task.get_name(), exc_info=error)
            self._died(kind)

    async def aclose(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        while self._running:  # what ends may begin something else
            for task in tuple(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
