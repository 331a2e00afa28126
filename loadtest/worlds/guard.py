"""A process that ends the children of a killed owner, where the kernel does not.

It reads their ids from a pipe whose other end the owner alone holds, so that the pipe ends with the owner. Run as a
program, this module is that process. A line `+id` is a child that was started, `-id` one that has ended. At the end of
the pipe the others get SIGKILL.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path


class Guard:
    """The guard of one owner, started with its first child."""

    def __init__(self) -> None:
        self._process: asyncio.subprocess.Process | None = None
        self._following: set[asyncio.Task[None]] = set()

    async def watch(self, child: asyncio.subprocess.Process) -> None:
        if self._process is None:
            self._process = await asyncio.create_subprocess_exec(
                sys.executable,
                "-S",
                Path(__file__),
                stdin=asyncio.subprocess.PIPE,
                env={},
                start_new_session=True,
            )
        await self._tell(f"+{child.pid}")
        follow = asyncio.create_task(self._follow(child), name=f"guard child {child.pid}")
        self._following.add(follow)
        follow.add_done_callback(self._following.discard)

    async def _follow(self, child: asyncio.subprocess.Process) -> None:
        await child.wait()
        await self._tell(f"-{child.pid}")

    async def _tell(self, line: str) -> None:
        assert self._process is not None
        assert self._process.stdin is not None
        try:
            self._process.stdin.write(f"{line}\n".encode())
            await self._process.stdin.drain()
        except OSError:
            pass  # the guard was ended from outside; the owner's own `with` ends its children

    async def aclose(self) -> None:
        """End the guard, once all children have ended."""
        await asyncio.gather(*self._following, return_exceptions=True)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()


def left(lines: Iterable[str]) -> set[int]:
    """The ids that were started and not seen to end, once there are no more lines."""
    alive: set[int] = set()
    for line in lines:
        sign, pid = line[:1], int(line[1:])
        if sign == "+":
            alive.add(pid)
        else:
            alive.discard(pid)
    return alive


if __name__ == "__main__":
    for pid in left(sys.stdin):
        try:
            os.kill(pid, signal.SIGKILL)
        except ProcessLookupError:
            pass
