"""Reads of keys over the pipe: one alone is sent at once, and what is asked for meanwhile leaves together as one MGET.

Commands are coalesced and requests are not: every reader has its own place in the reply. A reader that is cancelled, or
whose time is over, gives up its place and nothing else.
"""

import asyncio
from collections import deque
from collections.abc import Callable, Iterable
from typing import Protocol

from app.commands import Command, ConnectionGone, Malformed, bytes_of, out_of_time
from app.strategy import CacheAway

Value = asyncio.Future[bytes | None]
_Read = tuple[bytes, float, Value]
"""The key as bytes, until when its reader waits (attentive time), and the stored bytes to come."""


class Sender(Protocol):
    """The sender of batches: `app.pipe.Pipe` in the service."""

    look_after: Callable[[float], None]

    def send(self, command: Command) -> None: ...


class ReadBatcher:
    """The reads of one pod, in batches of at most `batch_max` keys."""

    def __init__(
        self,
        sender: Sender,
        batch_max: int,
        in_flight_max: int,
        waiting_max: int,
        sent: Callable[[int], None] = lambda keys: None,
    ) -> None:
        """`sent` is called with the number of keys of each batch. More than one is in flight only if it is full."""
        self._sender = sender
        self._batch_max, self._in_flight_max, self._waiting_max = batch_max, in_flight_max, waiting_max
        self.sent = sent
        self._waiting: deque[_Read] = deque()
        self._in_flight = 0
        self._is_sending = False
        sender.look_after = self._give_up

    def read(self, key: str, until_s: float) -> Value:
        """The stored bytes to come, or None for a key without any. The call or the future raises `CacheAway`.

        The call raises the error of a key that is no text: in a batch it would be everybody's.
        """
        waiting = self._waiting
        if len(waiting) >= self._waiting_max:
            raise CacheAway(f"{self._waiting_max} reads are waiting (reads_waiting_max)")
        value: Value = asyncio.get_running_loop().create_future()
        waiting.append((key.encode(), until_s, value))
        if not self._in_flight or len(waiting) >= self._batch_max:
            self._send()
        return value

    def __len__(self) -> int:
        """Reads that wait to be sent, and batches that are under way."""
        return len(self._waiting) + self._in_flight

    def take(self) -> list[_Read]:
        """The reads of the next batch, which leave the queue; those whose reader has gone are left out."""
        waiting, batch = self._waiting, list[_Read]()
        while waiting and len(batch) < self._batch_max:
            read = waiting.popleft()
            if not read[2].done():
                batch.append(read)
        return batch

    def ended(self, why: CacheAway | None = None) -> None:
        """Hear that a batch is over, so that the next may be sent; without a connection what waits fails with it."""
        self._in_flight -= 1
        if isinstance(why, ConnectionGone):
            waiting, self._waiting = self._waiting, deque()
            _fail(waiting, why)
        if self._waiting:
            self._send()

    def _send(self) -> None:
        """Send a batch, and the next where it is turned away at once: one after another, none from within another."""
        if self._is_sending:
            return
        self._is_sending, in_flight = True, self._in_flight
        try:
            while self._in_flight == in_flight < self._in_flight_max and self._waiting:
                self._in_flight += 1
                self._sender.send(_ReadBatch(self))
        finally:
            self._is_sending = False

    def _give_up(self, now_s: float) -> None:
        _give_up(self._waiting, now_s)


class _ReadBatch(Command):
    """One MGET. It takes the reads that wait when it is written."""

    __slots__ = ("_is_over", "_owner", "_reads")

    def __init__(self, owner: ReadBatcher) -> None:
        super().__init__("mget")
        self._owner = owner
        self._reads: list[_Read] | None = None
        self._is_over = False

    def pack(self) -> bytes:
        if self._reads is None:
            self._reads = self._owner.take()
            if self._reads:
                self._owner.sent(len(self._reads))
        if not self._reads:
            self._end()
            return b""
        if len(self._reads) == 1:
            key = self._reads[0][0]
            return b"*2\r\n$4\r\nMGET\r\n$%d\r\n%b\r\n" % (len(key), key)
        return bytes_of(("MGET", *(key for key, _, _ in self._reads)))

    def answer(self, reply: object) -> None:
        reads = self._reads or []
        if not isinstance(reply, list) or len(reply) != len(reads):  # which value is whose cannot be told
            raise Malformed(f"{len(reads)} values were to be answered, not {reply!r:.80}")
        for (_, _, value), stored in zip(reads, reply, strict=True):
            if not value.done():
                value.set_result(stored)
        self._end()

    def fail(self, why: CacheAway) -> None:
        _fail(self._owner.take() if self._reads is None else self._reads, why)
        self._end(why)

    def give_up(self, now_s: float) -> bool:
        return _give_up(self._reads or (), now_s)

    def _end(self, why: CacheAway | None = None) -> None:
        if not self._is_over:
            self._is_over = True
            self._owner.ended(why)


def _fail(reads: Iterable[_Read], why: CacheAway) -> None:
    for _, _, value in reads:
        if not value.done():
            value.set_exception(type(why)(*why.args))


def _give_up(reads: Iterable[_Read], now_s: float) -> bool:
    """Fail the reads whose time is over, and tell whether there were any."""
    late = [read for read in reads if read[1] <= now_s and not read[2].done()]
    _fail(late, out_of_time())
    return bool(late)
