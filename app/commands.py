"""Commands to Redis, each with its bytes, its bounds and whoever is to have the reply."""

import asyncio
import math
from abc import ABC, abstractmethod
from collections.abc import Callable
from contextlib import suppress
from typing import Generic, TypeVar, cast

from hiredis import pack_command

from app.strategy import CacheAway

T = TypeVar("T")
Word = str | int | bytes
Pack = Callable[[], bytes]


class ServerRefused(CacheAway):
    """Redis answered with an error."""


class ConnectionGone(CacheAway):
    """The connection to Redis is over, and what was under way on it has failed."""


class Malformed(Exception):
    """A reply that is none to its command: what follows on that connection cannot be told apart any more."""


class Command(ABC):
    """A command on its way. Its reply is read in any case, and dropped where its caller has gone."""

    __slots__ = ("due_s", "is_failed", "is_late", "name", "sent_s", "tries_left")

    def __init__(self, name: str) -> None:
        self.name = name
        self.sent_s = 0.0
        """The moment of its sending, monotonic seconds."""
        self.due_s = math.inf
        """The end of its time-out, in attentive time."""
        self.tries_left = 0
        """How often it may be sent again because its connection was lost."""
        self.is_late = False
        """Whether its time-out is over; a reply that comes after it is dropped."""
        self.is_failed = False
        """Whether it has been counted as failed."""

    @abstractmethod
    def pack(self) -> bytes:
        """The bytes to write now; empty where every caller has gone, so that nothing is sent."""

    @abstractmethod
    def answer(self, reply: object) -> None:
        """Hand the reply, which is no error, to whoever waits. Raises `Malformed` for one of another form."""

    @abstractmethod
    def fail(self, why: CacheAway) -> None:
        """Hand the failure to whoever waits still; later replies and failures are dropped."""

    @abstractmethod
    def give_up(self, now_s: float) -> bool:
        """Fail those whose time is over, and tell whether there were any; the command itself goes on."""

    def pack_again(self, error: str) -> bool:
        """Whether the command has another form to be sent in after this error of Redis, which it takes on."""
        return False


class Call(Command, Generic[T]):
    """A command with one caller, which has the reply as a future."""

    __slots__ = ("_is_for_caller", "_pack_without_script", "_packed", "_read", "_until_s", "reply")

    def __init__(
        self,
        name: str,
        pack: Pack,
        read: Callable[[object], T],
        until_s: float = math.inf,
        pack_without_script: Pack | None = None,
        is_for_caller: bool = False,
    ) -> None:
        """`read` makes the answer of a reply, or raises `Malformed`. The caller waits until `until_s`.

        With `is_for_caller` it is not sent once the caller has gone: a lock that is taken then only blocks others.

        Words that cannot be packed raise here, in their caller: in the pipe they would be in the way of others.
        `pack_without_script` is the form for a Redis that does not have the script which the other one names.
        """
        super().__init__(name)
        self._packed, self._read, self._until_s = pack(), read, until_s
        self._pack_without_script, self._is_for_caller = pack_without_script, is_for_caller
        self.reply: asyncio.Future[T] = asyncio.get_running_loop().create_future()

    def pack(self) -> bytes:
        return b"" if self._is_for_caller and self.reply.done() else self._packed

    def answer(self, reply: object) -> None:
        said = self._read(reply)
        if not self.reply.done():
            self.reply.set_result(said)

    def fail(self, why: CacheAway) -> None:
        if not self.reply.done():
            self.reply.set_exception(why)

    def give_up(self, now_s: float) -> bool:
        if now_s < self._until_s or self.reply.done():
            return False
        self.reply.set_exception(out_of_time())
        return True

    def pack_again(self, error: str) -> bool:
        if self._pack_without_script is None or not error.startswith("NOSCRIPT"):
            return False
        self._packed, self._pack_without_script = self._pack_without_script(), None
        return True


def out_of_time() -> CacheAway:
    """The failure of a caller whose time for the cache is over before there was a reply."""
    return CacheAway("no answer within what time the request had for the cache (cache_budget_ms, redis_timeout_ms)")


def bytes_of(words: tuple[Word, ...]) -> bytes:
    """The command of these words in Redis's protocol."""
    return cast(bytes, pack_command(words))  # type: ignore[arg-type]  # hiredis's stub means one word


def packed(*words: Word) -> Pack:
    """The command of these words, as its bytes when they are wanted."""
    return lambda: bytes_of(words)


# What the replies of commands are read with. Each raises `Malformed`.


def ok(reply: object) -> bool:
    """True for the reply OK."""
    if reply != b"OK":
        raise Malformed(f"OK was to be answered, not {reply!r:.80}")
    return True


def flag(reply: object) -> bool:
    """The reply of one of the lab's scripts, 0 or 1, as a bool."""
    if reply not in (0, 1):
        raise Malformed(f"0 or 1 was to be answered, not {reply!r:.80}")
    return reply == 1


def lock(reply: object) -> int:
    """The reply to the script of a lock: 1 taken, 0 refused, below 0 a mark that has so many ms to go."""
    if type(reply) is not int or reply > 1:
        raise Malformed(f"1, 0 or less was to be answered, not {reply!r:.80}")
    return reply


def seconds(reply: object) -> float:
    """The reply to TIME as seconds since the epoch."""
    if isinstance(reply, list) and len(reply) == 2:
        with suppress(TypeError, ValueError):
            return float(reply[0]) + float(reply[1]) / 1e6
    raise Malformed(f"the time was to be answered, not {reply!r:.80}")


def two_counts(reply: object) -> tuple[int, int]:
    """The reply to MGET of two counters, with 0 for one that is not there."""
    if isinstance(reply, list) and len(reply) == 2:
        with suppress(TypeError, ValueError):
            before, current = (0 if number is None else int(number) for number in reply)
            return before, current
    raise Malformed(f"two counters were to be answered, not {reply!r:.80}")


def fields(reply: object) -> list[tuple[bytes, bytes]]:
    """The reply to HGETALL as the fields of the hash with their values."""
    if isinstance(reply, list) and len(reply) % 2 == 0 and all(isinstance(word, bytes) for word in reply):
        return [*zip(reply[::2], reply[1::2], strict=True)]
    raise Malformed(f"a hash was to be answered, not {reply!r:.80}")


def anything(reply: object) -> object:
    """Any reply as it is."""
    return reply
