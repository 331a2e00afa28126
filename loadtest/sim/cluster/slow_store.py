"""The slow store of virtual time, its faults, and each pod's connections to it."""

import asyncio
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from random import Random

from app.strategy import OriginFailed
from loadtest.sim.cluster.events import Observers, StoreReadBegan
from loadtest.sim.cluster.pod_cache import PauseGate

TEXT_CHARS = 16


class SlowStore:
    """The store that all pods read from; its faults are set from outside, at any time."""

    def __init__(self, items: int, seed: int, observers: Observers | None = None) -> None:
        self.items = items
        self.reading = 0
        self._observers = observers or Observers()
        self._is_observed = self._observers.hear(StoreReadBegan)
        self.fails_share = 0.0
        self.times = 1.0
        self._hangs_until: asyncio.Event | None = None
        self._rng = Random(f"{seed}/store")

    def hang(self) -> None:
        """Make reads that begin from now on wait for `go_on`."""
        if self._hangs_until is None:
            self._hangs_until = asyncio.Event()

    def go_on(self) -> None:
        if self._hangs_until is not None:
            self._hangs_until.set()
            self._hangs_until = None

    @contextmanager
    def one_more(self) -> Iterator[None]:
        """Count a read while it is under way."""
        self.reading += 1
        if self._is_observed:
            self._observers.emit(StoreReadBegan(self.reading))
        try:
            yield
        finally:
            self.reading -= 1

    async def select(self, item_id: int, latency_ms: float) -> tuple[str, int] | None:
        """Implements `app.origin.Store`."""
        fails = self.fails_share > 0 and self._rng.random() < self.fails_share
        if self._hangs_until is not None:
            await self._hangs_until.wait()
        await asyncio.sleep(latency_ms * self.times / 1000)
        if fails:
            raise OriginFailed("the store failed (a fault of the scenario)")
        if item_id >= self.items:
            return None
        text = f"{item_id:0{TEXT_CHARS}d}"
        return text, zlib.crc32(text.encode())


class PodStore:
    """One pod's connections to the store. Implements `app.origin.Store`."""

    def __init__(self, store: SlowStore, gate: PauseGate) -> None:
        self._store = store
        self._gate = gate

    async def select(self, item_id: int, latency_ms: float) -> tuple[str, int] | None:
        with self._store.one_more():
            if not self._gate.is_open:
                await self._gate.passed()
            found = await self._store.select(item_id, latency_ms)
            if not self._gate.is_open:
                await self._gate.passed()
            return found

    async def aclose(self) -> None:
        """Do nothing: the store keeps no connections."""
