"""How long a pod stood still: stopped, starved of the processor, or held up by what never gives its loop back."""

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.1
BUSY_S = 0.5
"""A look that is late by no more than this is what a busy machine does, and counts for nothing."""


async def watch_standstills(stood_still: Callable[[float], None]) -> None:
    """Tell the seconds of every standstill, once it is over. Until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        due_s = clock() + LOOK_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)
        late_s = clock() - due_s
        if late_s > BUSY_S:
            stood_still(late_s)
