"""The process of a live page, as the bench owns it: begun before the first run, and ended with the bench."""

import json
import os
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import IO, Any

from loadtest import ROOT
from loadtest.live.audience import LIVE_FAREWELL_S
from loadtest.worlds.ambient import child_environment
from loadtest.worlds.python_server import HOST

END_WITHIN_S = LIVE_FAREWELL_S + 5.0
"""Seconds within which the process has ended after the bench; then it is killed."""


class PortTaken(OSError):
    """A port that the page cannot have; the text says which, and why."""


class PageProcess:
    """A live page that runs; it learns here where the bench writes, and when that has ended."""

    def __init__(self, url: str, process: "subprocess.Popen[bytes]", log: IO[bytes]) -> None:
        self.url, self._process, self._log = url, process, log

    @property
    def pid(self) -> int:
        return self._process.pid

    def begin(self, folder: Path, names: Sequence[str], known: Sequence[str], baseline: str | None) -> None:
        """Tell it the bench's folder, the strategies in the order of the report, and all that have a colour."""
        self._tell({"folder": str(folder), "names": [*names], "known": [*known], "baseline": baseline})

    def why_ended(self) -> str:
        """The reason why it has ended before it was told to; empty where it runs."""
        if self._process.poll() is None:
            return ""
        self._log.seek(0)
        said = self._log.read().decode(errors="replace").strip().splitlines()
        return said[-1] if said else f"exit code {self._process.returncode}"

    def end(self) -> None:
        """Tell it that the bench has ended, and wait until its viewers have the report."""
        self._tell({"ended": True})
        with suppress(OSError):
            assert self._process.stdin is not None
            self._process.stdin.close()
        try:
            self._process.wait(END_WITHIN_S)
        finally:
            self.kill()

    def kill(self) -> None:
        """End it at once; one that has ended is fine."""
        self._process.kill()
        self._process.wait()

    def _tell(self, told: dict[str, Any]) -> None:
        assert self._process.stdin is not None
        with suppress(OSError):  # it has fallen, which the bench tells at its end
            self._process.stdin.write(json.dumps(told).encode() + b"\n")
            self._process.stdin.flush()


@contextmanager
def page_process(port: int = 0) -> Iterator[PageProcess]:
    """A live page on that port of the loopback, or on a free one, until the context ends. Raises `PortTaken`."""
    with _bound(port) as listener, tempfile.TemporaryFile() as log, tempfile.TemporaryDirectory() as home:
        process = subprocess.Popen(
            [sys.executable, "-m", "loadtest.live", f"--fd={listener.fileno()}", f"--parent={os.getpid()}"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=log,
            cwd=home,
            env=child_environment({"PYTHONPATH": str(ROOT)}, home=home),
            pass_fds=[listener.fileno()],
            start_new_session=True,  # Ctrl-C is for the bench, which then tells the page its end
        )
        page = PageProcess(f"http://{HOST}:{listener.getsockname()[1]}/", process, log)
        listener.close()  # the page has it, and shall be the only one
        try:
            yield page
        finally:
            try:
                page.end()
            except subprocess.TimeoutExpired:
                pass  # it is killed


def _bound(port: int) -> socket.socket:
    """A socket that listens on the loopback, so that a browser may come before the server is there."""
    listener = socket.socket()
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1 if port else 0)
        listener.bind((HOST, port))
        listener.listen()
    except OSError as error:
        listener.close()
        raise PortTaken(f"port {port} of {HOST} cannot be had: {error.strerror or error}") from error
    return listener
