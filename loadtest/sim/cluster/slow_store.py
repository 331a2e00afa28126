"""The slow store of virtual time, its faults, and each pod's connections to it."""

import asyncio
import zlib
from functools import lru_cache, partial
from random import Random
from typing import NamedTuple

from app.item import Found
from app.payload import Payload
from app.store_trouble import StoreTrouble
from app.strategy import OriginFailed
from loadtest.sim.cluster.events import Observers, StoreReadBegan
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cpu import PodCpu, outside
from loadtest.sim.kernel.loop import VirtualLoop

TEXT_CHARS = 16
ITEMS_KEPT_MAX = 1 << 17
"""The items whose text and checksum are kept, because they are read again and again."""


class Written(NamedTuple):
    """The version of an item, and the moment of its last write, in seconds; None where it has never been written."""

    version: int
    at_s: float | None


_NEVER_WRITTEN = Written(0, None)


class SlowStore(StoreTrouble):
    """The store that all pods read from; its faults are set from outside, at any time."""

    def __init__(
        self,
        items: int,
        seed: int,
        observers: Observers | None = None,
        versions: dict[int, Written] | None = None,
        payload: Payload | None = None,
    ) -> None:
        """Make a store of so many items, with `versions` of those that were written; None where none can be.

        Their texts are short, as they take no time, unless a `payload` is stated.
        """
        super().__init__(Random(f"{seed}/store"))
        self.items, self.versions, self._payload, self._seed = items, versions, payload, seed
        self.reading = 0
        self._observers = observers or Observers()
        self._is_observed = self._observers.hear(StoreReadBegan)

    def read_began(self) -> None:
        self.reading += 1
        if self._is_observed:
            self._observers.emit(StoreReadBegan(self.reading))

    def read_ended(self) -> None:
        self.reading -= 1

    def item(self, item_id: int, written: Written | None = None) -> Found:
        """An item as it was when its read began; `written` is stated where items can be written."""
        if item_id >= self.items:
            return None
        found = _item(item_id) if self._payload is None else _text(item_id, self._payload.bytes_of(self._seed, item_id))
        return found if written is None else (*found, *written)

    async def write(self, item_id: int, at_s: float) -> Found:
        """Implements `app.writes.WrittenStore`; a write takes no time."""
        assert self.versions is not None, "a store whose items are written keeps versions"
        self.versions[item_id] = written = Written(self.version_of(item_id).version + 1, at_s)
        return self.item(item_id, written)

    def version_of(self, item_id: int) -> Written:
        """The version of an item where items can be written."""
        assert self.versions is not None, "a store whose items are written keeps versions"
        return self.versions.get(item_id, _NEVER_WRITTEN)


@lru_cache(ITEMS_KEPT_MAX)
def _item(item_id: int) -> tuple[str, int]:
    return _text(item_id, TEXT_CHARS)


def _text(item_id: int, chars: int) -> tuple[str, int]:
    text = f"{item_id:0{chars}d}"
    return text, zlib.crc32(text.encode())


class PodStore:
    """One pod's connections to the store. Implements `app.origin.Store`."""

    def __init__(self, store: SlowStore, gate: PauseGate, cpu: PodCpu | None = None) -> None:
        """Connect a pod; with a `cpu`, answers are noticed when that is free, and cost it what a load does."""
        self._store = store
        self._gate = gate
        self._cpu = cpu
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self._loop = loop

    def select(self, item_id: int, latency_ms: float) -> asyncio.Future[Found]:
        loop, store = self._loop, self._store
        read = _Read(loop=loop)
        read.store = store
        if store.versions is not None:
            read.written = store.version_of(item_id)
        store.read_began()
        if self._gate.is_open and not store.hangs:
            self._go(read, item_id, latency_ms, store.fails_share > 0 and store.fails())
        else:
            read.waits = loop.create_task(self._go_later(read, item_id, latency_ms), name=f"read {item_id}")
        return read

    async def _go_later(self, read: "_Read", item_id: int, latency_ms: float) -> None:
        await self._gate.passed()
        fails = self._store.fails()
        await self._store.going_on()
        self._go(read, item_id, latency_ms, fails)

    def _go(self, read: "_Read", item_id: int, latency_ms: float, fails: bool) -> None:
        """Take the time that the read takes, then answer."""
        loop = self._loop
        back_s = loop.now_s + latency_ms * self._store.times / 1000
        if self._cpu is None:
            read.waits = loop.call_at(back_s, self._come_back, read, item_id, fails)
        else:
            read.waits = outside(loop.call_at, back_s, self._come_back, read, item_id, fails)

    def _come_back(self, read: "_Read", item_id: int, fails: bool) -> None:
        read.waits = None  # a timer that has fired holds the read: a ring, which only the collector would undo
        if not (self._gate.is_open or fails):
            coming = self._come_back_later(read, item_id)
            read.waits = read.get_loop().create_task(coming, name=f"read {item_id}")
        elif self._cpu is None:
            self._end(read, item_id, fails)
        else:
            self._cpu.call_noticed(partial(self._end, read, item_id, fails), self._cpu.load_s)

    async def _come_back_later(self, read: "_Read", item_id: int) -> None:
        await self._gate.passed()
        self._come_back(read, item_id, False)

    def _end(self, read: "_Read", item_id: int, fails: bool) -> None:
        if read.done():
            return  # it was cancelled before the pod noticed
        self._store.read_ended()
        if fails:
            read.set_exception(OriginFailed("the store failed (a fault of the scenario)"))
        else:
            read.set_result(self._store.item(item_id, read.written))

    async def aclose(self) -> None:
        """Do nothing: the store keeps no connections."""


class _Read(asyncio.Future[Found]):
    """A read of the store under way: cancelling it ends what it waits for."""

    store: SlowStore
    written: Written | None = None  # the version at its beginning, where items can be written
    waits: asyncio.Handle | asyncio.Task[None] | None = None

    def cancel(self, msg: object = None) -> bool:
        is_cancelled = super().cancel(msg=msg)
        if is_cancelled:
            self.store.read_ended()
            if self.waits is not None:
                self.waits.cancel()
        return is_cancelled
