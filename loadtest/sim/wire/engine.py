"""The data of one Redis: its entries, its room, what has changed, and who waits."""

from collections import Counter
from collections.abc import Callable, Sequence
from random import Random
from typing import Any

from loadtest.sim.wire.fakeredis_seam import STILL, Executor, ExpectsReplies, Keyspace, Waiting, new_server, reply_of
from loadtest.sim.wire.refusals import CommandRefusal
from loadtest.sim.wire.tracking import Tracking
from loadtest.sim.wire.turn import Turn


class Engine:
    """The data of one Redis, and what its commands do with them. Implements `loadtest.sim.wire.turn.Timed`."""

    def __init__(
        self, time_s: Callable[[], float], call_later: Callable[[float, Callable[[], None]], object], seed: int
    ) -> None:
        """Start empty; `time_s` is the server's clock, seconds since the epoch."""
        self._time_s, self.call_later = time_s, call_later
        self.rng = Random(f"{seed}/redis")
        self.counts = Counter[str]()
        """The commands that clients have sent, by name."""
        self.called = 0
        """The commands that scripts have called."""
        self.when_evicted: Callable[[bytes], None] = lambda key: None
        """Called with each key that is evicted."""
        self.refusals: Sequence[CommandRefusal] = ()
        self.entries_max: int | None = None
        """The room for entries; None for as much as is wanted."""
        self.evicts = True
        """Whether the entry that was used longest ago is evicted where there is no room; else commands get OOM."""
        self.keeps_order = False
        """Whether entries are kept in the order of their use, which evicting needs."""
        self.tracking = Tracking()
        self.author = 0
        """The number of the client whose command is executed."""
        self._changed: dict[bytes, int] = {}
        self._is_flushed = False
        self.waiting: dict[Executor, Waiting] = {}
        """The connections whose command blocks, in the order in which they came."""
        self.now_s = time_s()
        self.server = new_server(lambda: Keyspace(self))

    def begin_turn(self) -> None:
        self.now_s = now_s = self._time_s()
        for keys in self._databases():
            keys.time = now_s

    def _databases(self) -> Sequence[Keyspace]:
        return tuple(self.server.dbs.values())

    def open(self, connection: ExpectsReplies) -> Executor:
        """The commands of a new connection."""
        return Executor(self, connection)

    def flush(self) -> None:
        """Drop every entry."""
        with Turn(self):
            for keys in self._databases():
                keys.clear()
        self.tell_changes()

    def forget_scripts(self) -> None:
        """Drop every script, as a restart does."""
        self.server.script_cache.clear()

    def entries(self, database: int = 0) -> dict[bytes, tuple[object, float | None]]:
        """The entries of a database that have not expired: their values, and when they end by the server's clock."""
        stored: Keyspace = self.server.dbs[database]
        return stored.alive(self._time_s())

    def ends_s(self, key: bytes) -> float | None:
        """The moment at which an entry of database 0 expires; None where there is none, or it never does."""
        stored: Keyspace = self.server.dbs[0]
        return stored.ends_s(key)

    def publish(self, channel: bytes, message: bytes) -> None:
        """Publish a message that no client has sent."""
        for listener in (*self.server.subscribers.get(channel, ()),):
            listener.put_response([b"message", channel, message])

    # Room.

    def limit(self, entries_max: int | None, evicts: bool) -> None:
        """Limit the room for entries, and evict at once those that have none."""
        self.entries_max, self.evicts = entries_max, evicts
        self.keeps_order = self.keeps_order or evicts
        if entries_max is not None and evicts:
            self._evict(entries_max)
            self.tell_changes()

    def has_room(self) -> bool:
        """Whether there is room for one more entry, if need be after an eviction."""
        if self.entries_max is None or sum(len(keys) for keys in self._databases()) < self.entries_max:
            return True
        if not (self.evicts and self.entries_max):
            return False
        self._evict(self.entries_max - 1)
        return True

    def _evict(self, entries: int) -> None:
        for keys in self._databases():
            for key in keys.evict_down_to(entries):
                self.when_evicted(key)

    # Changes.

    def note_change(self, key: bytes) -> None:
        """Note that a key changes by the command that is executed."""
        self._changed[key] = self.author

    def note_loss(self, key: bytes) -> None:
        """Note that a key is dropped by the server itself, or with its entry."""
        self._changed.setdefault(key, 0)

    def note_flush(self) -> None:
        self._is_flushed = True

    def tell_changes(self) -> None:
        """Tell the connections that track keys of what has changed since the last time."""
        is_flushed, changed = self._is_flushed, self._changed
        if not (is_flushed or changed):
            return
        self._is_flushed, self._changed = False, {}
        if self.tracking.is_asked:
            by_number: dict[int, Any] = {one.client_id: one for one in self.server.sockets}
            for number, keys in self.tracking.told(is_flushed, changed):
                if (listener := by_number.get(number)) is not None:
                    listener.hear_invalid(keys)

    # Waiting.

    def serve_waiting(self) -> None:
        """Give the connections whose command blocks what has come for them."""
        for executor, waiting in tuple(self.waiting.items()):
            with Turn(self):
                reply = executor.try_again(waiting)
            if reply is not STILL:
                executor.connection.release(reply_of(reply))
