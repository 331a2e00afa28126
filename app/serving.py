"""The server of a pod: its listener, its limit of open files, and its graceful end."""

import asyncio
import logging
import os
import socket
import threading
import time
from functools import partial
from types import FrameType

import uvicorn
from fastapi import FastAPI

from app.client_protocol import ClientProtocol
from app.connections import REFUSING_MAX, Connections
from app.draining import LOOK_EVERY_S, Draining
from app.http_protocol import BoundedProtocol
from app.nets.rate_limit import RateLimit
from app.settings import Settings

log = logging.getLogger(__name__)

SPARE_FILES = 32
"""Files kept free for the loop, the log, the listener, the store's own, and short-lived ones."""
FILES_MAX = 65_536
"""The limit of open files where the system sets none."""
OVERTIME_S = 1.0
"""How long after the grace a pod whose loop is blocked is ended by force."""


def raise_file_limit() -> int:
    """Raise the limit of open files as far as the system allows; the new limit."""
    try:
        import resource
    except ImportError:  # not a POSIX system
        return FILES_MAX
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = FILES_MAX if hard == resource.RLIM_INFINITY else hard
    if soft == resource.RLIM_INFINITY or soft >= wanted:
        return FILES_MAX if soft == resource.RLIM_INFINITY else soft
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))
    except (ValueError, OSError):
        return soft
    return wanted


def connections_within(files: int, held: int, most: int) -> int:
    """The connections, up to `most`, that fit beside the `held` files of the pools. Raises ValueError for none."""
    room = files - held - REFUSING_MAX - SPARE_FILES
    if room < 1:
        raise ValueError(
            f"{files} open files are allowed here, and the pools alone may need {held}: allow more (ulimit -n), or "
            "lower LAB_ORIGIN_CONNECTIONS"
        )
    return min(most, room)


def listen(host: str, port: int) -> socket.socket:
    """A bound socket, IPv4 where the name has both. Raises OSError naming the address."""
    host = host.strip("[]")
    shown = f"[{host}]:{port}" if ":" in host else f"{host}:{port}"
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE)
        family, kind, protocol, _, address = min(found, key=lambda one: one[0] != socket.AF_INET)
        listener = socket.socket(family, kind, protocol)
    except (OSError, UnicodeError) as error:
        raise OSError(f"cannot listen on {shown}: {getattr(error, 'strerror', None) or error}") from error
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
    except OSError as error:
        listener.close()
        raise OSError(f"cannot listen on {shown}: {error.strerror or error}") from error
    return listener


def url_of(listener: socket.socket) -> str:
    host, port, *_ = listener.getsockname()
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


class PodServer(uvicorn.Server):
    """A uvicorn server that ends within its grace.

    On SIGTERM the pod is not ready any more. For up to half of the grace it answers what still comes, each time as the
    connection's last. Then it accepts nothing more, and finishes the requests in flight.
    """

    def __init__(self, app: FastAPI, settings: Settings, connections: Connections) -> None:
        self._grace_s = settings.grace_s
        self._connections = connections
        # The lab's own metrics count requests; what uvicorn would add to each answer is left out (see `make hitpath`).
        # Only a limit per client has to know whose a request is.
        has_rate_limit = RateLimit.of(settings.nets, time.monotonic) is not None
        protocol = ClientProtocol if has_rate_limit else BoundedProtocol
        super().__init__(
            uvicorn.Config(
                app,
                http=partial(protocol, connections),  # type: ignore[arg-type]  # it is called, never looked into
                ws="none",
                log_level="warning",
                access_log=False,
                proxy_headers=False,
                server_header=False,
                date_header=False,
                timeout_keep_alive=settings.keep_alive_ms / 1000,  # type: ignore[arg-type]  # a delay like any
            )
        )

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        if not self.should_exit:
            self._connections.is_draining = True
            end = threading.Timer(self._grace_s + OVERTIME_S, self._end_by_force)
            end.daemon = True
            end.start()
        super().handle_exit(sig, frame)

    def _end_by_force(self) -> None:
        """End the process, from a thread of its own, because the loop may be blocked."""
        log.error("not ended %g s after the grace (grace_s): ending by force", OVERTIME_S)
        os._exit(1)

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        clock = asyncio.get_running_loop().time
        self._connections.is_draining = True
        give_up_s = clock() + self._grace_s
        await self._drain()
        cut = asyncio.get_running_loop().call_at(give_up_s, self._cut_off)
        await super().shutdown(sockets)
        cut.cancel()

    async def _drain(self) -> None:
        """Answer what still comes, until the pod stops to listen."""
        clock, state = asyncio.get_running_loop().time, self.server_state
        draining = Draining(self._grace_s, clock(), state.total_requests)
        while not draining.is_over(clock(), state.total_requests, bool(state.tasks)):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)

    def _cut_off(self) -> None:
        """Cancel the requests and abort the connections that are left at the end of the grace."""
        if self.server_state.tasks:
            log.warning("%d requests were still in flight after the grace (grace_s)", len(self.server_state.tasks))
            logging.getLogger("uvicorn.error").setLevel(logging.CRITICAL)  # else a trace for each
        for task in tuple(self.server_state.tasks):
            task.add_done_callback(self.server_state.tasks.discard)  # one that has not begun cannot do so itself
            task.cancel()
        for connection in list(self.server_state.connections):
            connection.transport.abort()
