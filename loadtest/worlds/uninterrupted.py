"""Work that a cancellation does not leave half done."""

import asyncio
from collections.abc import Coroutine
from typing import Any, TypeVar

T = TypeVar("T")


async def to_the_end(work: Coroutine[Any, Any, T]) -> T:
    """The result of work that is bounded in time and must not be left half done; a cancellation waits for its end."""
    task, cancelled = asyncio.create_task(work), False
    while not task.done():
        try:
            await asyncio.shield(task)
        except asyncio.CancelledError:
            cancelled = True
        except Exception:
            break  # the work's own, which is raised below
    if cancelled:
        task.exception()  # is known
        raise asyncio.CancelledError
    return task.result()
