"""The gate between a pod and the network, closed while the pod is paused."""

import asyncio


class PauseGate:
    """The gate between a pod and the network, closed while the pod is paused."""

    def __init__(self) -> None:
        self.is_open = True
        self._opened = asyncio.Event()

    def close(self) -> None:
        self.is_open = False
        self._opened.clear()

    def open(self) -> None:
        self.is_open = True
        self._opened.set()

    async def passed(self) -> None:
        """Wait until the gate is open."""
        while not self.is_open:
            await self._opened.wait()
