"""Runs of Locust that a fork server starts: each a process of its own, without the time that its imports take."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from typing import Any

from loadtest import ROOT
from loadtest.worlds.ambient import child_environment
from loadtest.worlds.child_processes import HAS_DEATH_SIGNAL, Child, Children
from loadtest.worlds.world import WorldFailed

CAN_FORK = HAS_DEATH_SIGNAL and hasattr(os, "pidfd_open")
"""Whether runs can be forked: where the kernel ends them with their server, and knows processes by more than an id."""


READY_WITHIN_S = 30.0
ANSWER_WITHIN_S = 5.0
"""Seconds within which a server that is ready forks a run, or tells how one has ended."""
ENDED_WITHIN_S = 1.0
"""Seconds after which a server that gave no answer is taken for one that hangs."""
_NO_ANSWER = b""


class ForkServer:
    """A fork server, a child of `children`; one run at a time."""

    def __init__(self, children: Children, child: Child) -> None:
        self._children, self._child = children, child

    @classmethod
    async def start(cls, children: Children, folder: Path) -> "ForkServer":
        """Start a server, with its log in `folder`, and wait until it is ready. Raises `WorldFailed`."""
        command = [sys.executable, "-m", "loadtest.worlds.fork_server"]
        log = folder / "fork-server.log"
        child = await children.start("fork-server", command, log, {"PYTHONPATH": str(ROOT)}, is_spoken_to=True)
        server = cls(children, child)
        if await server._hear(READY_WITHIN_S) == _NO_ANSWER:
            raise WorldFailed(f"Locust cannot be started:\n{child.last_words()}")
        return server

    async def fork(self, name: str, arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> Child:
        """Fork a run of Locust, as `Children.start` starts a program. Raises `WorldFailed`, and OSError."""
        request = _request(arguments, log.absolute(), environment)  # noqa: ASYNC240  nothing is read
        if (pid := await self._ask(json.dumps(request))) == _NO_ANSWER:
            with suppress(TimeoutError):  # its pipe ends before its end is known
                await asyncio.wait_for(self._child.process.wait(), ENDED_WITHIN_S)
            raise WorldFailed(f"{self._child.name} {self._child.how_it_ended}, and starts no Locust any more")
        return self._children.adopt(Child(name, ForkedProcess(int(pid), self._ask), log))

    async def _ask(self, line: str = "") -> bytes:
        """The server's answer to a line; `_NO_ANSWER` where it has ended, or hangs."""
        speaks = self._child.process.stdin
        assert speaks is not None
        try:
            speaks.write(f"{line}\n".encode())
            await speaks.drain()
        except OSError:
            return _NO_ANSWER
        return await self._hear(ANSWER_WITHIN_S)

    async def _hear(self, within_s: float) -> bytes:
        hears = self._child.process.stdout
        assert hears is not None
        try:
            async with asyncio.timeout(within_s):
                return await hears.readline()
        except TimeoutError:
            return _NO_ANSWER


def _request(arguments: Sequence[str], log: Path, environment: Mapping[str, str]) -> dict[str, Any]:
    """A request of the fork server, see `loadtest.worlds.fork_server.Request`; importing that would import Locust."""
    folder = str(log.parent)
    told = child_environment(environment, home=folder)
    return {"arguments": list(arguments), "folder": folder, "log": str(log), "environment": told}


class ForkedProcess:
    """A process that a fork server forked, known by a descriptor, which is never another process's. A `Process`."""

    stdin = stdout = None

    def __init__(self, pid: int, ask: Callable[[], Awaitable[bytes]]) -> None:
        """Follow process `pid` to its end; `ask` then gives its exit code, or nothing where its server has ended."""
        self.pid = pid
        self.returncode: int | None = None
        self._fd = os.pidfd_open(pid)
        self._has_ended = asyncio.Event()
        self._following = asyncio.create_task(self._follow(ask), name=f"follow process {pid}")

    async def _follow(self, ask: Callable[[], Awaitable[bytes]]) -> None:
        loop, ended, code = asyncio.get_running_loop(), asyncio.Event(), _NO_ANSWER
        loop.add_reader(self._fd, ended.set)
        try:
            await ended.wait()
            code = await ask()
        except asyncio.CancelledError:
            self.send_signal(signal.SIGKILL)  # a process that nothing follows any more
            raise
        finally:
            loop.remove_reader(self._fd)
            self.returncode = int(code) if code else -signal.SIGKILL  # which the kernel sends when its server ends
            os.close(self._fd)
            self._has_ended.set()

    async def wait(self) -> int:
        await self._has_ended.wait()
        assert self.returncode is not None
        return self.returncode

    def send_signal(self, number: int) -> None:
        """Send a signal. Raises ProcessLookupError once the process has ended."""
        if self.returncode is not None:
            raise ProcessLookupError(f"process {self.pid} has ended")
        signal.pidfd_send_signal(self._fd, number)
