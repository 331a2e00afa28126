"""The Redis of a simulated network: connections that speak RESP2 and RESP3, and the faults of its process."""

import asyncio
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Literal

import hiredis

from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.engine import Engine
from loadtest.sim.wire.fakeredis_seam import Executor
from loadtest.sim.wire.network import Network, Port
from loadtest.sim.wire.refusals import CommandRefusal
from loadtest.sim.wire.resp import ErrorReply, NoReply, Reply, packed_push, packed_reply
from loadtest.sim.wire.transport import VirtualTransport

PUBSUB_UNSENT_BYTES_MAX = 32 * 1024 * 1024
"""Bytes that may wait for a subscriber that does not read; beyond it Redis closes the connection, as by default."""
_NOT_ALL_THERE = object()


@dataclass(frozen=True, slots=True)
class StoredEntry:
    """An entry as a test sees it."""

    value: object
    """The bytes of a string; another type as fakeredis keeps it."""
    ends_s: float | None
    """The moment at which it expires, by the server's clock; None for never."""


class VirtualRedis:
    """A Redis that listens in a network, with its data and its faults.

    Its clock is the loop's time, `epoch_s` ahead. `port` makes what goes wrong on the way (`Port.set_trouble`).
    """

    def __init__(
        self, network: Network, host: str = "redis", port: int = 6379, epoch_s: float = 0.0, seed: int = 0
    ) -> None:
        self._loop: VirtualLoop = network.loop
        self._outside = network.outside
        self._epoch_s, self._error_s = epoch_s, 0.0
        self._rng = Random(f"{seed}/resets")
        self._engine = Engine(self.now_s, self._call_later, seed)
        self.port: Port = network.listen(host, port, lambda: _Connection(self))
        self.url = f"redis://{host}:{port}/0"
        self._connections: dict[_Connection, None] = {}
        self._is_paused = False
        self._reset_share = 0.0
        self._deaf: frozenset[str] = frozenset()
        self.when_executed: Callable[[str, Sequence[bytes], Reply | NoReply], None] | None = None
        """Called with the host, the words and the reply of each command that was executed, in their order."""

    def tell_evicted(self, told: Callable[[bytes], None]) -> None:
        """Call that with each key that is evicted from now on."""
        self._engine.when_evicted = told

    def now_s(self) -> float:
        """The time by the server's own clock, seconds since the epoch."""
        return self._loop.now_s + self._epoch_s + self._error_s

    def publish(self, channel: bytes, message: bytes) -> None:
        """Publish a message that no client has sent."""
        self._engine.publish(channel, message)

    # What tests and figures ask.

    @property
    def counts(self) -> Counter[str]:
        """The commands that clients have sent so far, by name; those that scripts call are not among them."""
        return self._engine.counts

    @property
    def executed(self) -> int:
        """The number of commands so far, those too that scripts called: INFO's total_commands_processed."""
        return self.counts.total() + self._engine.called

    def entries(self, database: int = 0) -> Mapping[bytes, StoredEntry]:
        """The entries of a database that have not expired."""
        return {key: StoredEntry(*entry) for key, entry in self._engine.entries(database).items()}

    def ends_s(self, key: bytes) -> float | None:
        """The moment at which an entry of database 0 expires, by the server's clock; None without one or an end."""
        return self._engine.ends_s(key)

    def hears(self, host: str) -> bool:
        """Whether what is published now reaches a subscription of that host."""
        is_heard = any(one.executor.subscribed and one.transport.is_sound for one in self._of(host))
        return is_heard and host not in self._deaf and not self.port.trouble(host).is_silent

    def subscriptions(self, host: str) -> int:
        """The number of the host's connections that are subscribed to something."""
        return sum(one.executor.subscribed > 0 for one in self._of(host))

    def _of(self, host: str) -> "Iterable[_Connection]":
        return (connection for connection in self._connections if connection.host == host)

    @property
    def stored(self) -> int:
        """The number of entries in database 0."""
        return len(self._engine.entries())

    # Faults of the process.

    def go_away(self, is_emptied: bool = True) -> None:
        """Reset every connection and refuse new ones; what is `is_emptied` comes back without entries and scripts."""
        self.port.is_open = False
        self.port.reset_all()
        if is_emptied:
            self._engine.flush()
            self._engine.forget_scripts()

    def come_back(self) -> None:
        """Accept connections again."""
        self.port.is_open = True

    def pause(self) -> None:
        """Stand still as a stopped process does: connections are accepted by the system, and commands pile up."""
        self._is_paused = True
        for connection in self._connections:
            connection.transport.pause_reading()

    def go_on(self) -> None:
        """Execute what has piled up, the connection first whose commands have waited for the longest."""
        self._is_paused = False
        for connection in sorted(self._connections, key=lambda one: one.transport.unread_since_s):
            connection.go_on()

    def refuse(self, refusals: Iterable[CommandRefusal] = ()) -> None:
        """Answer commands with these errors from now on, instead of executing them; none by default."""
        self._engine.refusals = tuple(refusals)

    def reset_under(self, share: float) -> None:
        """Reset the connection of this share of the commands, of which half are executed; 0 ends it."""
        self._reset_share = share

    def flush(self) -> None:
        """Drop every entry."""
        self._engine.flush()

    def keep_order(self) -> None:
        """Keep entries in the order of their use from now on, for a room that is limited later with `allkeys-lru`."""
        self._engine.keeps_order = True

    def limit(self, entries_max: int | None, policy: Literal["allkeys-lru", "noeviction"] = "allkeys-lru") -> None:
        """Limit the room for entries; with `allkeys-lru` those that have none are evicted at once. None ends it."""
        self._engine.limit(entries_max, evicts=policy == "allkeys-lru")

    def set_clock(self, by_s: float) -> None:
        """Set the clock so many seconds ahead of the right time."""
        self._error_s = by_s

    def deafen(self, hosts: Iterable[str] = ()) -> None:
        """Withhold messages of pub/sub from these hosts from now on, though their commands are answered."""
        self._deaf = frozenset(hosts)

    # What its connections ask.

    def made(self, connection: "_Connection") -> Executor:
        """Take a connection on."""
        self._connections[connection] = None
        if self._is_paused:
            connection.transport.pause_reading()
        return self._engine.open(connection)

    def lost(self, connection: "_Connection", executor: Executor) -> None:
        """Forget a connection."""
        self._connections.pop(connection, None)
        executor.leave()

    def is_deaf(self, host: str) -> bool:
        return host in self._deaf

    @property
    def is_paused(self) -> bool:
        return self._is_paused

    def execute(self, executor: Executor, words: Sequence[bytes]) -> Reply | NoReply:
        """Execute a command of a connection, or reset that. Raises ConnectionResetError then."""
        if self._reset_share and self._rng.random() < self._reset_share:
            if self._rng.random() < 0.5:
                self._carry_out(executor, words)
            raise ConnectionResetError
        return self._carry_out(executor, words)

    def _carry_out(self, executor: Executor, words: Sequence[bytes]) -> Reply | NoReply:
        reply = executor.execute(words)
        if self.when_executed is not None:
            self.when_executed(executor.connection.host, words, reply)
        if self._engine.waiting:
            self._engine.serve_waiting()
        return reply

    def tell_changes(self) -> None:
        """Tell the connections that track keys of what has changed."""
        self._engine.tell_changes()

    def _call_later(self, delay_s: float, callback: Callable[[], None]) -> object:
        return self._loop.call_at(self._loop.now_s + delay_s, callback, context=self._outside)


class _Connection(asyncio.Protocol):
    """A connection as the server has it. Implements `loadtest.sim.wire.fakeredis_seam.ExpectsReplies`."""

    transport: VirtualTransport
    executor: Executor
    host = ""

    def __init__(self, redis: VirtualRedis) -> None:
        self._redis = redis
        self._commands = hiredis.Reader(notEnoughData=_NOT_ALL_THERE)
        self._out: list[bytes] | None = None
        self._loop = asyncio.get_running_loop()
        self.is_waiting = False
        """Whether its command blocks, so that the next one has to wait."""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, VirtualTransport)
        self.transport, self.host = transport, transport.host
        self.executor = self._redis.made(self)

    def connection_lost(self, error: Exception | None) -> None:
        self._redis.lost(self, self.executor)

    def data_received(self, data: bytes) -> None:
        self._commands.feed(data)
        self._work()

    def _work(self) -> None:
        """Execute the commands that are there; their replies leave together, as a real server's do."""
        self._out = out = []
        try:
            while not (self.is_waiting or self._redis.is_paused or self.transport.is_closing()):
                words = self._commands.gets()
                if words is _NOT_ALL_THERE:
                    break
                self._answer(words)
        except hiredis.ProtocolError as error:
            out.append(packed_reply(ErrorReply(f"ERR Protocol error: {error}"), 2))
            self._end_with(self.transport.close)
        except ConnectionResetError:
            self._end_with(self.transport.reset)
        self._redis.tell_changes()
        self._out = None
        if out:
            self.transport.write(b"".join(out))

    def _end_with(self, end: Callable[[], None]) -> None:
        out, self._out = self._out, None
        if out:
            self.transport.write(b"".join(out))
            out.clear()
        end()

    def _answer(self, words: object) -> None:
        if not isinstance(words, list) or not all(type(word) is bytes for word in words):
            raise hiredis.ProtocolError("expected an array of bulk strings")
        if not words:
            return
        reply = self._redis.execute(self.executor, words)
        if isinstance(reply, NoReply):
            self.is_waiting = self.executor.is_waiting
            if self.is_waiting:
                self.transport.pause_reading()
            return
        self._send(packed_reply(reply, self.executor.protocol))

    def _send(self, data: bytes) -> None:
        if self._out is None:
            self.transport.write(data)
        else:
            self._out.append(data)

    def push(self, message: Sequence[Reply]) -> None:
        is_published = message[0] in _PUBLISHED
        if is_published and self._redis.is_deaf(self.host):
            return
        self._send(packed_push(message, self.executor.protocol))
        if is_published and self.transport.get_write_buffer_size() > PUBSUB_UNSENT_BYTES_MAX:
            self.transport.abort()

    def release(self, reply: Reply) -> None:
        self.is_waiting = False
        self._send(packed_reply(reply, self.executor.protocol))
        if not self._redis.is_paused:
            self.go_on()

    def go_on(self) -> None:
        """Read on, and execute what has been read already."""
        if not self.is_waiting:
            self.transport.resume_reading()
            self._work()

    def end(self) -> None:
        self._loop.call_soon(self.transport.close)


_PUBLISHED = frozenset({b"message", b"pmessage", b"smessage"})
