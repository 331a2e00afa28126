"""The pooler hands out the connections to the origin that all pods share: `python -m app.pooler --port 6432`.

A database grants a service so many connections, however many pods it has, and a pooler such as PgBouncer shares them
out. This one deals in permits. A pod asks for one per read, in lines of text over one TCP connection per strategy.
Permits are granted first come, first served over all pods. Whatever a connection holds or waits for ends with it at
once, so that a pod that is killed leaves nothing taken.

Permits in Redis would be lost whenever Redis is, and those of a dead pod would stay taken until a lease ends. Locked
files in a shared folder keep no order, and reach no second machine. While the pooler is away reads wait, within their
own time-out; see `app.pooler_client`.

The lines of a client:

- `join STRATEGY SIZE` comes once and first. Pods state the size of the pool, so that the pooler needs no settings; the
  newest statement counts, should pods differ while they are replaced.
- `take N` asks for a permit, by a number of the client's own.
- `give N` ends a claim, granted or not.
- `hold N` claims a permit that was granted over an earlier connection.

The pooler's only line is `grant N IN_USE`. It tells how many permits are held with this one, which a database notices
as the reads that are under way.
"""

import argparse
import asyncio
import signal
import socket
import sys
from collections.abc import Callable
from typing import NamedTuple

PORT = 6432
SIZE_MAX = 100_000
"""Permits of one strategy, at most."""
CLIENTS_MAX = 4_096
"""Connections of clients at once; one more is aborted."""
CLAIMS_MAX = 1_024
"""Permits that one connection may hold or wait for: more than a pod's own connections, each of which asks for one."""
LINE_BYTES_MAX = 200
"""The longest line; a client that sends a longer one is aborted."""


class Permit(NamedTuple):
    """A permit as a client holds it: the `number` to give it back by, and how many all clients held with it then."""

    number: int
    in_use: int


class Lines(asyncio.Protocol):
    """A protocol of lines of words, each way; a peer that sends anything else is aborted."""

    transport: asyncio.Transport
    _rest = b""

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self.transport = transport  # type: ignore[assignment] # of a stream it is one

    def data_received(self, data: bytes) -> None:
        *lines, self._rest = (self._rest + data).split(b"\n")
        try:
            if len(self._rest) > LINE_BYTES_MAX:
                raise ValueError("no end of the line")
            for line in lines:
                self.hear(line.decode("ascii").split())
        except ValueError:
            self.transport.abort()

    def pause_writing(self) -> None:
        """Abort a peer that has stopped to read."""
        self.transport.abort()

    def hear(self, words: list[str]) -> None:
        """Act on one line. Raises ValueError for one that makes no sense."""
        raise NotImplementedError

    def say(self, *words: object) -> None:
        self.transport.write(f"{' '.join(map(str, words))}\n".encode())


class SharedPool:
    """The permits of one strategy, first come, first served. A claim is known by its member and a number."""

    def __init__(self) -> None:
        self.size = 0
        self.held: dict[tuple[Member, int], None] = {}
        self.waiting: dict[tuple[Member, int], None] = {}  # in order

    def resize(self, size: int) -> None:
        """Set the number of permits. A larger pool grants at once; a smaller one shrinks as permits come back."""
        self.size = size
        self._grant()

    def hold(self, member: "Member", number: int) -> None:
        """Record a permit that was granted before this pooler began; for a while more than `size` may be held."""
        self.held[member, number] = None

    def take(self, member: "Member", number: int) -> None:
        self.waiting[member, number] = None
        self._grant()

    def give(self, member: "Member", number: int) -> None:
        """End a claim, whether it is held, or still waits, or neither."""
        self.waiting.pop((member, number), None)
        self.held.pop((member, number), None)
        self._grant()

    def leave(self, member: "Member") -> None:
        """End all claims of a member."""
        for claims in (self.waiting, self.held):
            for claim in [claim for claim in claims if claim[0] is member]:
                del claims[claim]
        self._grant()

    def _grant(self) -> None:
        while self.waiting and len(self.held) < self.size:
            member, number = claim = next(iter(self.waiting))
            del self.waiting[claim]
            self.held[claim] = None
            member.say("grant", number, len(self.held))


class Pooler:
    """The pools by strategy, and their members. `Member(pooler)` is the protocol of a connection."""

    def __init__(self) -> None:
        self.pools: dict[str, SharedPool] = {}
        self.members: dict[Member, str] = {}  # and its strategy; "" before it has joined

    def join(self, member: "Member", strategy: str, size: int) -> SharedPool:
        self.members[member] = strategy
        pool = self.pools.setdefault(strategy, SharedPool())
        pool.resize(size)
        return pool

    def leave(self, member: "Member") -> None:
        strategy = self.members.pop(member, "")
        if pool := self.pools.get(strategy):
            pool.leave(member)
            if strategy not in self.members.values():
                del self.pools[strategy]


class Member(Lines):
    """One connection of a pod, for one strategy, at the pooler's end."""

    def __init__(self, pooler: Pooler) -> None:
        self._pooler = pooler
        self._pool: SharedPool | None = None
        self._claims: set[int] = set()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        if len(self._pooler.members) >= CLIENTS_MAX:
            self.transport.abort()
        else:
            self._pooler.members[self] = ""

    def connection_lost(self, exc: Exception | None) -> None:
        self._pooler.leave(self)

    def hear(self, words: list[str]) -> None:
        match words:
            case ["join", strategy, size] if self._pool is None and 1 <= int(size) <= SIZE_MAX:
                self._pool = self._pooler.join(self, strategy, int(size))
            case ["take" | "hold" as verb, text] if self._pool and int(text) not in self._claims:
                number = int(text)
                self._claims.add(number)
                if len(self._claims) > CLAIMS_MAX:
                    raise ValueError("too many claims")
                (self._pool.take if verb == "take" else self._pool.hold)(self, number)
            case ["give", number] if self._pool:
                self._claims.discard(int(number))
                self._pool.give(self, int(number))
            case _:
                raise ValueError(f"this says nothing here: {words}")


async def serve(listener: socket.socket) -> None:
    """Serve the pooler on a bound socket until SIGTERM or SIGINT."""
    loop, over = asyncio.get_running_loop(), asyncio.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, over.set)
    pooler = Pooler()
    server = await loop.create_server(_members(pooler), sock=listener)
    print("the pooler listens", file=sys.stderr)
    await over.wait()
    server.close()
    for member in tuple(pooler.members):
        member.transport.abort()


def _members(pooler: Pooler) -> Callable[[], Member]:
    return lambda: Member(pooler)


def main() -> None:
    parser = argparse.ArgumentParser(
        prog="python -m app.pooler", description="Hands out the connections that pods share."
    )
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=PORT)
    parser.add_argument("--fd", type=int, help="serve on this inherited, bound socket instead")
    asked = parser.parse_args()
    try:
        listener = (
            socket.create_server((asked.host, asked.port)) if asked.fd is None else socket.socket(fileno=asked.fd)
        )
    except (OSError, OverflowError) as error:
        print(f"error: {error}", file=sys.stderr)
        sys.exit(2)
    asyncio.run(serve(listener))


if __name__ == "__main__":
    main()
