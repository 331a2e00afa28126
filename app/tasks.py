"""The owner of background tasks: it waits for them or cancels them, and keeps none alive by accident."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


class Tasks:
    """Background tasks of one owner. Their failures are theirs to report: nobody awaits them here."""

    def __init__(self) -> None:
        self._running: dict[asyncio.Task[Any], None] = {}  # a dict, because it keeps the order

    def __len__(self) -> int:
        return len(self._running)

    def spawn(self, work: Coroutine[Any, Any, T], name: str) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(work, name=name)
        self._running[task] = None
        task.add_done_callback(self._forget)
        return task

    def _forget(self, task: asyncio.Task[Any]) -> None:
        self._running.pop(task, None)
        if not task.cancelled():
            task.exception()  # marks it as seen

    async def aclose(self) -> None:
        """Cancel what still runs and wait until it has ended."""
        while self._running:  # what ends may begin something else
            for task in tuple(self._running):
                task.cancel()
            await asyncio.gather(*self._running, return_exceptions=True)
