"""One way of the relay: a port, the connections that come in there, and those to Redis that belong to them."""

import asyncio
import socket
import struct
from collections.abc import Callable
from random import Random

from app.relay.flow import Flow
from app.relay.troubles import CutOff, Silence, Trouble, Troubles

CHANNELS_MAX = 4_096
"""Connections of one way at once; one more is reset."""
CONNECT_WITHIN_S = 5.0
"""Seconds within which Redis accepts a connection; beyond, the one that wanted it is reset."""
_AT_ONCE = struct.pack("ii", 1, 0)  # SO_LINGER: a close is a reset, and what is unsent is lost


class Way:
    """One way to Redis, with its troubles."""

    def __init__(self, host: str, port: int, seed: int = 0) -> None:
        self._to = host, port
        self.rng = Random(seed)
        self.troubles = Troubles()
        self.channels: set[Channel] = set()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._opening: set[asyncio.Task[None]] = set()

    async def listen(self, listener: socket.socket) -> asyncio.Server:
        loop = asyncio.get_running_loop()
        return await loop.create_server(lambda: Channel(self).client, sock=listener)

    def begin(self, trouble: Trouble, for_s: float) -> None:
        """Begin a trouble that ends by itself after `for_s`."""
        self.end(trouble.kind)
        self.troubles.put(trouble)
        self._timers[trouble.kind] = asyncio.get_running_loop().call_later(for_s, self.end, trouble.kind)
        if isinstance(trouble, CutOff):
            for channel in tuple(self.channels):
                channel.reset()

    def end(self, kind: str) -> None:
        """End a trouble; one that is not on is fine."""
        if (timer := self._timers.pop(kind, None)) is not None:
            timer.cancel()
        if isinstance(self.troubles.drop(kind), Silence):
            for channel in [channel for channel in self.channels if channel.is_torn]:
                channel.reset()

    def left_s(self, kind: str) -> float:
        """The seconds until a trouble ends by itself."""
        return self._timers[kind].when() - asyncio.get_running_loop().time()

    def open(self, channel: "Channel") -> None:
        """Connect a channel to Redis; it is reset where that is impossible."""
        task = asyncio.get_running_loop().create_task(self._open(channel), name="connect to Redis")
        self._opening.add(task)
        task.add_done_callback(self._opening.discard)

    async def _open(self, channel: "Channel") -> None:
        try:
            async with asyncio.timeout(CONNECT_WITHIN_S):
                await asyncio.get_running_loop().create_connection(lambda: channel.server, *self._to)
        except (OSError, TimeoutError):
            channel.reset()

    def close(self) -> None:
        """Reset every connection, and end every trouble."""
        for task in self._opening:
            task.cancel()
        for channel in tuple(self.channels):
            channel.reset()
        for kind in tuple(self.troubles.on):
            self.end(kind)


class Channel:
    """A pod's connection and the one to Redis that belongs to it."""

    def __init__(self, way: Way) -> None:
        self._way = way
        self.client, self.server = Side(self, self._commands_came), Side(self, self._replies_came)
        self._to_server, self._to_client = Flow(self.client, self.server), Flow(self.server, self.client)
        self.client.incoming, self.server.incoming = self._to_client, self._to_server
        self.is_torn = False
        """Whether bytes were lost, so that it is reset once it could go on."""

    def made(self, side: "Side") -> None:
        """Note that one of the two connections is there; reading begins with both."""
        way = self._way
        if side is self.server:
            if self not in way.channels:
                side.reset()  # the client has gone meanwhile
            else:
                self.client.hold(False)
        elif way.troubles.is_cut_off or len(way.channels) >= CHANNELS_MAX:
            side.reset()
        else:
            way.channels.add(self)
            side.hold(True)
            way.open(self)

    def lost(self, side: "Side", error: Exception | None) -> None:
        """Note that one of the two connections has ended; the other one ends once it has what was on its way."""
        if self not in self._way.channels:
            return
        if side is self.server and self._way.troubles.silence is not None:
            self.is_torn = True  # who asks into a black hole is not told
            return
        last = self._to_client if side is self.server else self._to_server
        if error is not None:
            self.reset()
        elif last.is_empty:
            self._close()
        else:
            last.when_empty = self._close

    def reset(self) -> None:
        """End both connections at once, by resets."""
        self._forget()
        self.client.reset()
        self.server.reset()

    def _close(self) -> None:
        self._forget()
        self.client.close()
        self.server.close()

    def _forget(self) -> None:
        self._way.channels.discard(self)
        self._to_server.drop()
        self._to_client.drop()

    def _commands_came(self, data: bytes) -> None:
        troubles = self._way.troubles
        if troubles.is_none:
            self._to_server.pass_on(data)
            return
        if troubles.silence is not None:
            self.is_torn = True
            if not troubles.silence.arrive:
                return
        if troubles.reset_share and self._way.rng.random() < troubles.reset_share:
            if self._way.rng.random() < 0.5:
                self.server.write(data)
            self._forget()
            self.client.reset()
            self.server.close()  # once it has sent what was written
            return
        self._to_server.pass_on(data, troubles.way_s)

    def _replies_came(self, data: bytes) -> None:
        troubles = self._way.troubles
        if troubles.is_none:
            self._to_client.pass_on(data)
        elif troubles.silence is not None:
            self.is_torn = True
        elif (slices := troubles.slices) is not None:
            self._to_client.pass_on_in_pieces(data, slices.bytes, slices.ms / 1000, troubles.way_s)
        else:
            self._to_client.pass_on(data, troubles.way_s)


class Side(asyncio.Protocol):
    """One of the two connections of a channel. Implements `app.relay.flow.End`."""

    incoming: Flow
    """The bytes that are written here."""

    def __init__(self, channel: Channel, came: Callable[[bytes], None]) -> None:
        """`came` is called with the bytes that arrive here."""
        self._channel, self._came = channel, came
        self._transport: asyncio.Transport | None = None
        self._is_held = False

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        if self._is_held:
            transport.pause_reading()
        self._channel.made(self)

    def data_received(self, data: bytes) -> None:
        self._came(data)

    def connection_lost(self, exc: Exception | None) -> None:
        self._channel.lost(self, exc)

    def pause_writing(self) -> None:
        self.incoming.sink_is_full(True)

    def resume_writing(self) -> None:
        self.incoming.sink_is_full(False)

    def write(self, data: bytes) -> None:
        if self._transport is not None and not self._transport.is_closing():
            self._transport.write(data)

    def hold(self, is_held: bool) -> None:
        self._is_held = is_held
        if self._transport is None or self._transport.is_closing():
            return
        (self._transport.pause_reading if is_held else self._transport.resume_reading)()

    def close(self) -> None:
        if self._transport is not None:
            self._transport.close()

    def reset(self) -> None:
        if self._transport is None or self._transport.is_closing():
            return
        self._transport.get_extra_info("socket").setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _AT_ONCE)
        self._transport.abort()
