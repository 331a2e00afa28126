"""Standstills of a pod: stopped, starved of the processor, or with a blocked event loop."""

import asyncio
from collections.abc import Callable

LOOK_EVERY_S = 0.1
"""How often the loop is looked at."""
BUSY_S = 0.5
"""The lateness of a look that a busy machine explains; more of it is a standstill."""


async def watch_standstills(stood_still: Callable[[float], None]) -> None:
    """Report the seconds of every standstill once it is over, until cancelled."""
    clock = asyncio.get_running_loop().time
    while True:
        due_s = clock() + LOOK_EVERY_S
        await asyncio.sleep(LOOK_EVERY_S)
        late_s = clock() - due_s
        if late_s > BUSY_S:
            stood_still(late_s)
