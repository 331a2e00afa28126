"""A pod as a child process, which can be ended and started again on the same port."""

import asyncio
import signal
import socket
from collections.abc import Mapping
from pathlib import Path

from loadtest.worlds.child_processes import Children
from loadtest.worlds.python_server import Server, bound, start_server

ENDS_WITHIN_S = 10.0
"""Seconds within which a pod that got SIGTERM has ended, its grace and its overtime included."""


class PodProcess:
    """A pod with its name and its settings, whose process may be another one later."""

    def __init__(self, children: Children, name: str, environment: Mapping[str, str], folder: Path) -> None:
        """The pod has its port from now on. Raises `WorldFailed`."""
        self._children, self._folder = children, folder
        self.name, self.environment = name, {**environment, "LAB_POD": name}
        self._listener: socket.socket | None = bound(name)
        self.port: int = self._listener.getsockname()[1]
        self._server: Server | None = None
        self.lives = 0
        """How many processes it has been, the present one included."""

    @property
    def url(self) -> str:
        assert self._server is not None, "it was started"
        return self._server.url

    @property
    def may_end(self) -> bool:
        """Whether its process was killed or asked to end, and no other has taken its place."""
        return self._server is not None and self._server.child.may_end

    @property
    def has_ended(self) -> bool:
        return self._server is not None and self._server.child.ended

    async def start(self) -> None:
        """Start the pod; one that was there before gets the port that it had. Raises `WorldFailed`."""
        listener, self._listener = self._listener or bound(self.name, self.port), None
        self.lives += 1
        self._server = await start_server(
            self._children, self.name, "app", self.environment, self._folder, listener=listener
        )

    def close(self) -> None:
        """Give the port up, should the pod never have been started."""
        if self._listener is not None:
            self._listener.close()

    async def start_again(self) -> None:
        """Start a pod that was asked to end, once it has ended; one that runs is fine. Raises `WorldFailed`."""
        assert self._server is not None, "it was started"
        child = self._server.child
        if not child.may_end:
            return
        try:
            async with asyncio.timeout(ENDS_WITHIN_S):
                await child.process.wait()
        except TimeoutError:
            pass  # it is ended here
        await self._children.kill(child)
        await self.start()

    async def kill(self) -> None:
        """End the pod by SIGKILL."""
        assert self._server is not None, "it was started"
        self._server.child.may_end = True
        self._server.child.signal(signal.SIGKILL)
        await self._server.child.process.wait()

    def terminate(self) -> None:
        """Ask the pod to end, as an orchestrator does."""
        assert self._server is not None, "it was started"
        self._server.child.may_end = True
        self._server.child.signal(signal.SIGTERM)

    def signal(self, number: signal.Signals) -> None:
        assert self._server is not None, "it was started"
        self._server.child.signal(number)
