"""Ends the children of an owner that was killed, where the kernel does not: a process that reads their ids from a pipe.

The owner alone holds the other end, so that the pipe ends with it, however it ends. Run as a program, it is that
process: a line `+id` for a child that was started, `-id` for one that is gone, and at the end SIGKILL for the others.
"""

import asyncio
import os
import signal
import sys
from collections.abc import Iterable
from pathlib import Path


class Guard:
    """Of one owner; started with the first child."""

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
            pass  # somebody ended the guard; the owner's own `with` ends its children

    async def aclose(self) -> None:
        """When all children have been ended."""
        await asyncio.gather(*self._following, return_exceptions=True)
        if self._process is not None and self._process.stdin is not None:
            self._process.stdin.close()
            await self._process.wait()


def left(lines: Iterable[str]) -> set[int]:
    """Ids that were started and not seen to end, once there are no more lines."""
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
