"""One end of a simulated TCP connection, with the semantics of asyncio's own transports.

What is written arrives at the other end in order, each message after one way of the network. A receiver that does not
read fills its system's buffer; then the sender's transport buffers, and pauses its protocol.
"""

import asyncio
import errno
import math
import os
from collections import deque
from collections.abc import Callable
from contextvars import Context
from typing import Any, Protocol

from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.messages import ConnectionSign, Message, SlicedMessage
from loadtest.sim.wire.trouble import WELL, LinkTrouble
from loadtest.sim.wire.virtual_socket import VirtualSocket
from loadtest.sim.wire.write_buffer import WriteBuffer

WINDOW_BYTES = 4 * 1024 * 1024
"""Bytes of one direction that the two systems hold for a receiver that does not read: about what Linux grants."""
SLOW_READ_S = 0.01
"""The time between two reads of a process that reads slowly, seconds; it reads a byte at least."""
READ_BYTES_MAX = 256 * 1024
"""Bytes that a protocol gets in one piece at most, as from asyncio's own transports."""


class Noticing(Protocol):
    """The CPU of a host, which may be busy when bytes arrive; see `loadtest.sim.cluster.pod_cpu.PodCpu`."""

    def call_noticed(self, callback: Callable[[], object]) -> None:
        """Call back once the host's loop has noticed what has just arrived."""
        ...


class VirtualTransport(asyncio.Transport):
    """An end of a connection; the network makes two and joins them."""

    peer: "VirtualTransport"

    def __init__(
        self,
        loop: VirtualLoop,
        names: tuple[tuple[str, int], tuple[str, int]],
        way_s: Callable[[], float],
        context: Context,
        outside: Context,
        cpu: Noticing | None,
        is_client: bool,
        host: str,
    ) -> None:
        """Make an end with its own and its peer's address, in which the protocol is called in that context.

        `way_s` draws the seconds that a message of this end takes; `host` is the client's, for both ends. The network's
        own timers are set `outside`.
        """
        own, peer = names
        super().__init__({"sockname": own, "peername": peer, "socket": VirtualSocket(own, peer)})
        self._loop, self._way_s, self._context, self._cpu = loop, way_s, context, cpu
        self._outside = outside
        self.is_client, self.host = is_client, host
        self.trouble = WELL
        """The state of the link; see `heed`."""
        self.is_torn = False
        """Whether bytes of the connection were lost, so that it can never go on."""
        self.made: asyncio.Future[None] | None = None
        """The wait of a client's end for its connection."""
        self.when_lost: Callable[[VirtualTransport], object] = lambda _: None
        """Called once this end is closed."""
        self._protocol: asyncio.BaseProtocol | None = None
        self._arriving: deque[Message] = deque()
        self._arrives_s = 0.0
        self._received: deque[bytes] = deque()
        self.unread_since_s = 0.0
        """The moment at which the oldest of the bytes came that were not read, or the last ones that were."""
        self._unread_bytes = 0
        """Bytes of the peer on their way to this protocol, including those that were lost on it."""
        self._end: ConnectionSign | None = None
        """The peer's end, which comes after all that was received."""
        self._is_started = self._is_paused = False
        self._is_closing = self._is_lost = self._is_told = self._is_black_hole = False
        self._has_written_eof = self._has_read_eof = False
        self._unsent = WriteBuffer(self._call_protocol)
        self._is_pumped = False
        self._reads_from_s = 0.0
        """The moment until which a process that reads slowly takes nothing more."""

    def start(self, protocol: asyncio.BaseProtocol) -> None:
        """Call the protocol's `connection_made`, and read from now on."""
        self._protocol = protocol
        self._call(protocol.connection_made, self)
        self._is_started = True
        self._loop.call_soon(self._deliver, context=self._outside)

    def heed(self, trouble: LinkTrouble) -> None:
        """Go on under another state of the link."""
        self.trouble = trouble
        self._loop.call_soon(self._deliver, context=self._outside)
        if self._unsent:
            self._loop.call_soon(self._pump, context=self._outside)

    # Writing.

    def write(self, data: Any) -> None:
        if not isinstance(data, bytes | bytearray | memoryview):
            raise TypeError(f"data argument must be a bytes-like object, not {type(data).__name__!r}")
        if self._has_written_eof:
            raise RuntimeError("Cannot call write() after write_eof()")
        if self._is_lost or not data:
            return
        sent = bytes(data)
        if not self._unsent and len(sent) <= self._room():
            self._send(sent)
            return
        self._unsent.put(sent)
        self._pump()
        self._unsent.look_if_too_full()

    def _room(self) -> int:
        """The bytes that the two systems take now."""
        if self.is_client and not self.trouble.client_sends:
            return 0
        return WINDOW_BYTES - self.peer._unread_bytes

    def _pump(self) -> None:
        """Send what waits, as far as the systems take it."""
        self._is_pumped = False
        if self._is_lost:
            return
        while self._unsent and (room := self._room()) > 0:
            self._send(self._unsent.take(room))
        self._unsent.look_if_drained()
        if not self._unsent:
            if self._is_closing:
                self._lose(None)
            elif self._has_written_eof:
                self._tell_peer(ConnectionSign.END)

    def _send(self, data: bytes) -> None:
        self.peer._unread_bytes += len(data)
        size = self.trouble.slice_bytes
        is_sliced = bool(size) and not self.is_client and len(data) > size
        self._tell_peer(SlicedMessage(data, size, self.trouble.slice_apart_s) if is_sliced else data)

    def _tell_peer(self, message: Message) -> None:
        """Send a message, which arrives after one way of the network and behind all before it."""
        trouble, peer = self.trouble, self.peer
        if trouble.is_silent and not (self.is_client and trouble.arrives):
            self.is_torn = peer.is_torn = True
            return
        peer._arriving.append(message)
        arrives_s = max(peer._arrives_s, self._loop.now_s + self._way_s() + trouble.extra_s)
        peer._arrives_s = arrives_s
        if isinstance(message, SlicedMessage):
            message.begin(arrives_s)
            peer._arrives_s += message.lasts_s
        self._loop.call_at(arrives_s, peer._arrive, context=self._outside)

    def write_eof(self) -> None:
        if self._is_closing or self._has_written_eof:
            return
        self._has_written_eof = True
        if not self._unsent:
            self._tell_peer(ConnectionSign.END)

    def can_write_eof(self) -> bool:
        return True

    def get_write_buffer_size(self) -> int:
        return self._unsent.size_bytes

    def get_write_buffer_limits(self) -> tuple[int, int]:
        return self._unsent.low_bytes, self._unsent.high_bytes

    def set_write_buffer_limits(self, high: int | None = None, low: int | None = None) -> None:
        self._unsent.set_limits(high, low)

    def _call_protocol(self, name: str) -> None:
        try:
            getattr(self._protocol, name)()
        except (SystemExit, KeyboardInterrupt):
            raise
        except BaseException as error:
            self._report(f"protocol.{name}() failed", error)

    # Reading.

    def _arrive(self) -> None:
        if self._cpu is None:
            self._take()
        else:
            self._cpu.call_noticed(self._take)

    def _take(self) -> None:
        """Take the next message from the network."""
        message = self._arriving.popleft()
        if isinstance(message, SlicedMessage):
            message = self._take_piece(message)
        if message is ConnectionSign.MADE:
            if self.made is not None and not self.made.done():
                self.made.set_result(None)
        elif self._is_lost:
            if message is not ConnectionSign.RESET and not self.peer._is_lost and not self._is_black_hole:
                self._tell_peer(ConnectionSign.RESET)  # as a system does for a connection that it no longer knows
        elif isinstance(message, bytes):
            if not self._received:
                self.unread_since_s = self._loop.now_s
            self._received.append(message)
            self._deliver()
        else:
            if self._end is not ConnectionSign.RESET:
                self._end = message
            self._deliver()

    def _take_piece(self, message: SlicedMessage) -> bytes:
        piece, next_s = message.take()
        if next_s is not None and not self._is_lost:
            self._arriving.appendleft(message)
            self._loop.call_at(max(next_s, self._loop.now_s), self._arrive, context=self._outside)
        return piece

    def _deliver(self) -> None:
        """Give the protocol what has arrived, for as long as it reads."""
        received = self._received
        while received and self._may_read():
            data, most = received.popleft(), self._read_bytes_max()
            if len(data) > most:
                received.appendleft(data[most:])
                data = data[:most]
            self._unread_bytes -= len(data)
            self._acknowledge()
            try:
                if isinstance(self._protocol, asyncio.BufferedProtocol):
                    self._call(_fill, self._protocol, data)
                else:
                    self._call(self._protocol.data_received, data)  # type: ignore[union-attr]
            except (SystemExit, KeyboardInterrupt):
                raise
            except BaseException as error:
                self._report("Fatal error: protocol.data_received() call failed.", error)
                self._force_close(error)
                return
            if self._is_slow:
                self._reads_from_s = self._loop.now_s + len(data) / self.trouble.server_bytes_per_s
                self._loop.call_at(self._reads_from_s, self._deliver, context=self._outside)
        if self._end is not None and not received and self._may_read():
            end, self._end = self._end, None
            if end is ConnectionSign.RESET:
                self._force_close(_broken_pipe() if self._has_read_eof else _reset())
                return
            self._has_read_eof = True
            if not self._call(self._protocol.eof_received):  # type: ignore[union-attr]
                self.close()

    @property
    def _is_slow(self) -> bool:
        """Whether the process of this end takes its time over what it reads."""
        return not self.is_client and self.trouble.server_bytes_per_s < math.inf

    def _read_bytes_max(self) -> int:
        """The bytes that the protocol gets now at most."""
        return max(1, int(self.trouble.server_bytes_per_s * SLOW_READ_S)) if self._is_slow else READ_BYTES_MAX

    def _may_read(self) -> bool:
        reads = self.trouble.client_reads if self.is_client else self.trouble.server_reads
        if self._is_slow and self._loop.now_s < self._reads_from_s:
            return False
        return reads and self._is_started and not self._is_paused and not self._is_closing

    def _acknowledge(self) -> None:
        """Let the peer send more, if it waits, once it can know that there is room."""
        peer = self.peer
        if peer._unsent and not peer._is_pumped:
            peer._is_pumped = True
            self._loop.call_at(
                self._loop.now_s + self._way_s() + self.trouble.extra_s, peer._pump, context=self._outside
            )

    def pause_reading(self) -> None:
        self._is_paused = True

    def resume_reading(self) -> None:
        if self._is_paused and not self._is_closing:
            self._is_paused = False
            self._loop.call_soon(self._deliver, context=self._outside)

    def is_reading(self) -> bool:
        return not self._is_paused and not self._is_closing

    # Ending.

    def close(self) -> None:
        if not self._is_closing:
            self._is_closing = True
            if not self._unsent:
                self._lose(None)

    def abort(self) -> None:
        self._force_close(None)

    def reset(self) -> None:
        """Break the connection off: the peer gets a reset, whatever is under way."""
        if not self._is_lost:
            self._force_close(None, ConnectionSign.RESET)

    def vanish(self, resets: bool = True) -> None:
        """End this end alone and without a word, so that the connection is half-open.

        A peer that writes is reset, as by a machine that was started again. Without `resets` its bytes are lost, as
        behind a firewall that has forgotten the connection. A peer that only listens never learns of either.
        """
        self._is_black_hole = not resets
        self._force_close(None, None)

    def tear(self) -> None:
        """End both ends with a reset, at once: the link has lost bytes of theirs."""
        for end in (self, self.peer):
            end._force_close(_reset(), None)

    def _force_close(self, error: BaseException | None, sign: ConnectionSign | None = ConnectionSign.END) -> None:
        if self._is_lost:
            return
        self._is_closing = True
        self._unsent.clear()
        self._lose(error, sign)

    def _lose(self, error: BaseException | None, sign: ConnectionSign | None = ConnectionSign.END) -> None:
        """End the connection here, and tell the peer unless it has told that it ended."""
        self._is_lost = True
        if isinstance(error, ConnectionResetError | BrokenPipeError):
            sign = None
        elif sign is ConnectionSign.END and self._received:
            sign = ConnectionSign.RESET  # as Linux does where bytes were not read
        elif sign is ConnectionSign.END and self._has_written_eof:
            sign = None
        if sign is not None and not self.peer._is_lost:
            self._tell_peer(sign)
        self._received.clear()
        if self.made is not None and not self.made.done():
            self.made.set_exception(_reset())
        self.when_lost(self)
        self._loop.call_soon(self._tell_lost, error, context=self._outside)

    def _tell_lost(self, error: BaseException | None) -> None:
        if self._is_told or self._protocol is None:
            return
        self._is_told = True
        self._call(self._protocol.connection_lost, error)

    def is_closing(self) -> bool:
        return self._is_closing

    @property
    def is_lost(self) -> bool:
        """Whether the connection is over at this end."""
        return self._is_lost

    @property
    def is_sound(self) -> bool:
        """Whether both ends know of the connection, and no bytes of it were lost."""
        return not (self._is_lost or self.is_torn or self.peer._is_lost)

    def set_protocol(self, protocol: asyncio.BaseProtocol) -> None:
        self._protocol = protocol

    def get_protocol(self) -> asyncio.BaseProtocol:
        assert self._protocol is not None, "the connection has not been made"
        return self._protocol

    def accepted(self) -> None:
        """Tell the client that its connection is there."""
        self._tell_peer(ConnectionSign.MADE)

    def _call(self, function: Callable[..., Any], *arguments: Any) -> Any:
        """Call the protocol in its own context."""
        return self._context.run(function, *arguments)

    def _report(self, message: str, error: BaseException) -> None:
        said = {"message": message, "exception": error, "transport": self, "protocol": self._protocol}
        self._loop.call_exception_handler(said)


def _reset() -> ConnectionResetError:
    return ConnectionResetError(errno.ECONNRESET, os.strerror(errno.ECONNRESET))


def _broken_pipe() -> BrokenPipeError:
    """The error of a connection whose other half had ended before, as Linux has it."""
    return BrokenPipeError(errno.EPIPE, os.strerror(errno.EPIPE))


def _fill(protocol: asyncio.BufferedProtocol, data: bytes) -> None:
    """Give data to a protocol that has a buffer of its own."""
    while data:
        buffer = memoryview(protocol.get_buffer(len(data)))
        if not buffer:
            raise RuntimeError("get_buffer() returned an empty buffer")
        taken = min(len(buffer), len(data))
        buffer[:taken] = data[:taken]
        protocol.buffer_updated(taken)
        data = data[taken:]
