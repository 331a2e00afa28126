"""Child processes that their owner always ends, by their id: after success, failure and Ctrl-C."""

import asyncio
import ctypes
import os
import signal
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from types import TracebackType
from typing import Protocol

from loadtest.worlds.ambient import child_environment
from loadtest.worlds.guard import Guard

GRACE_S = 5.0
"""Seconds between SIGTERM and SIGKILL."""

HAS_DEATH_SIGNAL = sys.platform == "linux"
"""Whether the kernel ends the children of an owner that was killed; elsewhere a `Guard` does."""
_PR_SET_PDEATHSIG = 1
_LIBC = ctypes.CDLL(None)


class Process(Protocol):
    """A process as asyncio knows its own: `returncode` is None until it has ended."""

    pid: int

    @property
    def returncode(self) -> int | None: ...

    @property
    def stdin(self) -> asyncio.StreamWriter | None: ...

    @property
    def stdout(self) -> asyncio.StreamReader | None: ...

    async def wait(self) -> int: ...

    def send_signal(self, number: int, /) -> None:
        """Send a signal. May raise ProcessLookupError."""


@dataclass(slots=True)
class Child:
    """A child process; `ended` is true once it has ended, for whatever reason."""

    name: str
    process: Process
    log: Path
    role: str = ""
    """The role that it shares with others, which end together; empty for one of its own."""
    may_end: bool = False
    """Whether its end is planned, so that it does not count as fallen."""

    @property
    def pid(self) -> int:
        return self.process.pid

    @property
    def ended(self) -> bool:
        return self.process.returncode is not None

    @property
    def how_it_ended(self) -> str:
        code = self.process.returncode
        if code is None:
            return "runs"
        return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with {code}"

    def signal(self, number: signal.Signals) -> None:
        """Send it a signal; one that has ended is fine."""
        try:
            self.process.send_signal(number)
        except ProcessLookupError:
            pass  # it has just ended by itself

    def last_words(self, lines: int = 5) -> str:
        """The last lines of its log, for an error message."""
        text = self.log.read_text(errors="replace").strip() if self.log.exists() else ""
        return "\n".join(text.splitlines()[-lines:])


class Children:
    """The owner of the children that it starts: leaving the `async with` ends them, the youngest role first."""

    def __init__(self) -> None:
        self._children: list[Child] = []
        self._guard = Guard()

    async def __aenter__(self) -> "Children":
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        cancelled: asyncio.CancelledError | None = None
        while self._children:
            last = self._children[-1]
            peers = [child for child in self._children if child.role == last.role] if last.role else [last]
            try:
                await asyncio.gather(*map(self.end, peers))
            except asyncio.CancelledError as again:  # which has ended them the faster
                cancelled = again
            self._children = [child for child in self._children if child not in peers]
        await self._guard.aclose()
        if cancelled is not None:
            raise cancelled

    async def start(
        self,
        name: str,
        command: Sequence[str | Path],
        log: Path,
        environment: Mapping[str, str] | None = None,
        pass_fds: Sequence[int] = (),
        role: str = "",
        is_spoken_to: bool = False,
    ) -> Child:
        """Start a command, with output to the file `log` and a home in its folder. Raises OSError.

        With `is_spoken_to` its standard input and output are pipes to this process instead.
        """
        log = _absolute(log)
        with log.open("ab") as output:
            process = await asyncio.create_subprocess_exec(
                *command,
                stdin=asyncio.subprocess.PIPE if is_spoken_to else asyncio.subprocess.DEVNULL,
                stdout=asyncio.subprocess.PIPE if is_spoken_to else output,
                stderr=output,
                cwd=log.parent,
                env=child_environment(environment or {}, home=str(log.parent)),
                pass_fds=pass_fds,
                start_new_session=True,  # Ctrl-C reaches the owner alone, which then ends its children in order
                preexec_fn=partial(die_with_parent, os.getpid()) if HAS_DEATH_SIGNAL else None,
            )
        child = self.adopt(Child(name, process, log, role))
        if not HAS_DEATH_SIGNAL:
            await self._guard.watch(process)
        return child

    def adopt(self, child: Child) -> Child:
        """Own a child that was started elsewhere, and return it."""
        self._children.append(child)
        return child

    async def end(self, child: Child) -> None:
        """End a child: SIGTERM, and SIGKILL after `GRACE_S`. A child that has ended already is fine."""
        if child.ended:
            return
        # first, for a process that is stopped sees no other signal; after the other one it may have ended, and would be
        # reaped here, behind the back of who waits for it
        child.signal(signal.SIGCONT)
        child.signal(signal.SIGTERM)
        try:
            async with asyncio.timeout(GRACE_S):
                await child.process.wait()
        except (TimeoutError, asyncio.CancelledError):
            await _kill(child)

    async def end_at_once(self) -> None:
        """End all children by SIGKILL, without the order and the grace of those that are at work."""
        await asyncio.gather(*map(_kill, self.alive()))

    async def kill(self, child: Child) -> None:
        """End a child by SIGKILL, and forget it, so that it never counts as fallen."""
        self._children.remove(child)
        try:
            await _kill(child)
        except BaseException:
            self._children.append(child)
            raise

    async def discard(self, child: Child) -> None:
        """End a child, and forget it."""
        await self.end(child)
        self._children.remove(child)

    def alive(self) -> list[Child]:
        """The children that run."""
        return [child for child in self._children if not child.ended]

    def fallen(self) -> list[Child]:
        """The children that have ended of their own accord, and were not meant to."""
        return [child for child in self._children if child.ended and not child.may_end]


async def _kill(child: Child) -> None:
    """End a child by SIGKILL, and wait for its end whatever is cancelled: its loop must not be closed before."""
    child.signal(signal.SIGKILL)
    was_cancelled = False
    while not child.ended:
        try:
            await child.process.wait()
        except asyncio.CancelledError:  # a second Ctrl-C, and the end of the loop, which cancels every task
            was_cancelled = True
    if was_cancelled:
        raise asyncio.CancelledError


def _absolute(path: Path) -> Path:
    """The absolute path: a child works in a folder of its own, where a relative one leads elsewhere."""
    return path.absolute()


def die_with_parent(parent: int) -> None:
    """Ask the kernel to end this child when its parent ends, even by SIGKILL; runs in the child before its program."""
    _LIBC.prctl(_PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it was gone already
        os._exit(1)
