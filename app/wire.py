"""One connection to Redis, on which commands are sent at once and answered in that order."""

import asyncio
from collections import deque
from typing import Protocol, cast

from hiredis import Reader, ReplyError

from app.commands import Command, Malformed

_NO_REPLY = object()

REPLY_BYTES_MAX = 1 << 30
"""The most bytes of a reply: 256 entries of the largest size there may be, which are one MGET, fit in."""


class WireOwner(Protocol):
    """The owner of a connection, which hears how its commands end."""

    def answered(self, command: Command) -> None:
        """Hear that replies came, of which this command had the last one."""
        ...

    def refused(self, command: Command, error: str) -> None:
        """Hear of an error that Redis answered; the command has not been told."""
        ...

    def lost(self, wire: "Wire", error: Exception | None) -> None:
        """Hear, once, that the connection is over; what is `pending` will not be answered on it."""
        ...


class Wire(asyncio.Protocol):
    """A connection with the commands that wait for their reply on it, the oldest first.

    A reply belongs to the oldest one, whoever waits for it: so no reply can reach another caller. One that cannot be
    that command's, or that nothing asked for, ends the connection.
    """

    def __init__(self, owner: WireOwner) -> None:
        self.pending: deque[Command] = deque()
        self._owner = owner
        self._replies = Reader(notEnoughData=_NO_REPLY)
        self._unread_bytes = 0
        self._transport: asyncio.Transport | None = None
        self._is_paused = False
        self.is_over = False

    @property
    def unsent_bytes(self) -> int:
        """Bytes that the system does not take, because the other side does not read."""
        return self._transport.get_write_buffer_size() if self._is_paused and self._transport is not None else 0

    def send(self, command: Command) -> None:
        """Write the command, unless it has come to nothing; to be called once there is a connection."""
        if data := command.pack():
            self.pending.append(command)
            try:
                self._transport.write(data)  # type: ignore[union-attr]
            except RuntimeError:
                pass  # uvloop's, for a connection that has just ended: `lost` follows

    def break_off(self, why: Exception | None) -> None:
        """Close the connection at once; its owner hears of it before this returns."""
        if self._transport is not None:
            self._transport.abort()
        self._end(why)

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast(asyncio.Transport, transport)

    def data_received(self, data: bytes) -> None:
        pending, owner = self.pending, self._owner
        answered: Command | None = None
        try:
            self._replies.feed(data)
            while (reply := self._replies.gets()) is not _NO_REPLY:
                if not pending:
                    raise Malformed("a reply that nothing has asked for")
                command = pending[0]
                if type(reply) is ReplyError:
                    pending.popleft()
                    owner.refused(command, str(reply))
                else:
                    command.answer(reply)
                    pending.popleft()
                answered = command
        except Exception as error:  # the parser's, the decoder's or our own
            self.break_off(error if isinstance(error, Malformed) else Malformed(repr(error)))
            return
        if answered is not None:
            self._unread_bytes = 0
            owner.answered(answered)
        elif (unread := self._unread_bytes + len(data)) > REPLY_BYTES_MAX:
            self.break_off(Malformed(f"a reply of more than {REPLY_BYTES_MAX} bytes"))
        else:
            self._unread_bytes = unread

    def pause_writing(self) -> None:
        self._is_paused = True

    def resume_writing(self) -> None:
        self._is_paused = False

    def connection_lost(self, error: Exception | None) -> None:
        self._end(error)

    def _end(self, why: Exception | None) -> None:
        if not self.is_over:
            self.is_over = True
            self._owner.lost(self, why)
