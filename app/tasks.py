"""The owner of background tasks: waits for them or cancels them, keeps none alive by accident, and loses no failure."""

import asyncio
import logging
from collections.abc import Callable, Coroutine
from typing import Any, TypeVar

from app.strategy import CacheAway, OriginFailed, Shed

log = logging.getLogger(__name__)
T = TypeVar("T")

RESTART_S, RESTART_S_MAX = 0.25, 5.0
"""A task that must live is started again after the first of these, and after twice as long each time it dies young."""

_SAID_TO_WAITERS = (CacheAway, OriginFailed, Shed)
"""Ends that are no faults: whoever waits is told, and they are counted where they happen."""


class Tasks:
    """Background tasks of one owner. A task that dies of a fault is logged, and reported by its kind."""

    def __init__(self, died: Callable[[str], None] = lambda kind: None) -> None:
        """`died` is told the kind of each task that died: the metrics."""
        self._died = died
        self._running: dict[asyncio.Task[Any], None] = {}  # a dict, because it keeps the order

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, T], kind: str, about: str = "") -> asyncio.Task[T]:
        """Run the work once. `kind` is one of a few words, `about` tells this one from its like."""
        task = asyncio.get_running_loop().create_task(work, name=f"{kind} {about}".rstrip())
        self._running[task] = None
        task.add_done_callback(lambda ended: self._end(ended, kind))
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

    def _end(self, task: asyncio.Task[Any], kind: str) -> None:
        self._running.pop(task, None)
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
