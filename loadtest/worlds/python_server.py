"""A Python server on a port of the loopback, as a child process."""

import asyncio
import socket
import sys
import time
from dataclasses import dataclass
from pathlib import Path

from loadtest import ROOT
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.world import WorldFailed

HOST = "127.0.0.1"
START_WITHIN_S = 30.0


@dataclass(frozen=True, slots=True)
class Server:
    """A server's child process, its port and its URL."""

    child: Child
    port: int

    @property
    def pid(self) -> int:
        return self.child.pid

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self.port}"


def free_port() -> int:
    """A free port of the loopback, which another program may take before it is used."""
    with socket.socket() as probe:
        probe.bind((HOST, 0))
        return int(probe.getsockname()[1])


def bound(name: str, port: int = 0) -> socket.socket:
    """A socket for a server's port that no other program can take: a free one, or the stated one that it had before.

    Raises `WorldFailed`.
    """
    listener = socket.socket()
    try:
        if port:
            listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((HOST, port))
        # for its connections, of which some are left when it is gone; not before, lest it share a free port
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    except OSError as error:
        listener.close()
        raise WorldFailed(f"{name} cannot have port {port} again: {error.strerror}") from error
    return listener


async def start_server(
    children: Children,
    name: str,
    module: str,
    environment: dict[str, str],
    folder: Path,
    listener: socket.socket | None = None,
) -> Server:
    """Start `python -m module --fd N`, ready once it listens on the socket that it inherits. Raises `WorldFailed`.

    It gets a free port, or the `listener`, which is closed here.
    """
    with listener or bound(name) as its_own:
        port = its_own.getsockname()[1]
        child = await children.start(
            name,
            [sys.executable, "-m", module, "--fd", str(its_own.fileno())],
            folder / f"{name}.log",
            {**environment, "PYTHONPATH": str(ROOT)},
            pass_fds=[its_own.fileno()],
            role=module,
        )
    await wait_until_it_listens(child, port)
    return Server(child, port)


async def wait_until_it_listens(child: Child, port: int) -> None:
    """Wait until the child listens on its port. Raises `WorldFailed`."""
    give_up_s = time.monotonic() + START_WITHIN_S
    while not child.ended and time.monotonic() < give_up_s:
        try:
            _, writer = await asyncio.open_connection(HOST, port)
        except OSError:
            await asyncio.sleep(0.02)
        else:
            writer.close()
            return
    raise WorldFailed(f"{child.name} {child.how_it_ended} and does not listen:\n{child.last_words()}")
