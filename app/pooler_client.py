"""A pod's client of the pooler, for one strategy: it takes a permit for each read, and gives it back.

While the pooler is away, reads wait as for any connection, and fail at their own time-out (`origin_timeout_ms`). The
client connects again at a steady pace, and then states, in order, the permits that it holds and waits for. So a pooler
that was restarted costs a moment and no answer.
"""

import asyncio
import itertools
from collections.abc import Awaitable, Callable

from app.pooler import Lines, Permit
from app.strategy import OriginFailed
from app.tasks import Tasks

CONNECT_S_MAX = 1.0
"""How long one attempt to connect may take."""
AGAIN_S = 0.25
"""The pause between two attempts to connect."""

Connect = Callable[[Callable[[], asyncio.Protocol]], Awaitable[object]]
"""Opens a connection to the pooler, with the protocol that the callable makes. Raises OSError."""


def over_tcp(address: str) -> Connect:
    """The `Connect` of a pooler at `host:port`."""
    host, _, port = address.rpartition(":")
    host = host.strip("[]")

    async def connect(make: Callable[[], asyncio.Protocol]) -> object:
        return await asyncio.get_running_loop().create_connection(make, host, int(port))

    return connect


class PoolerClient:
    """The client of one strategy; it connects when the first permit is asked for, and stays connected."""

    def __init__(
        self, strategy: str, size: int, connect: Connect, died: Callable[[str], None] = lambda kind: None
    ) -> None:
        """`size` is that of the pool, for all pods together.

        `died` is called with the kind of each background task that died of a fault.
        """
        self.size = size
        self.why_away = ""
        """The failure of the last attempt to reach the pooler; empty while connected, and before the first attempt."""
        self._strategy, self._connect = strategy, connect
        self._tasks = Tasks(died)
        self._numbers = itertools.count(1)
        self._waiting: dict[int, asyncio.Future[Permit]] = {}  # in order
        self._held: dict[int, None] = {}
        self._line: _Line | None = None
        self._is_over = False

    async def acquire(self) -> Permit:
        """A permit, whose number is to be given to `release`. Raises `OriginFailed` once this is closed.

        A caller that is cancelled meanwhile holds none, and leaves the queue.
        """
        if self._is_over:
            raise OriginFailed("the pod ends")
        if not len(self._tasks):
            self._tasks.keep(self._stay_connected, "pooler")
        number = next(self._numbers)
        granted: asyncio.Future[Permit] = asyncio.get_running_loop().create_future()
        self._waiting[number] = granted
        self._say("take", number)
        try:
            permit = await granted
        except BaseException:
            self.release(number)  # also if it was granted in this very moment
            raise
        return permit

    def release(self, number: int) -> None:
        self._waiting.pop(number, None)
        self._held.pop(number, None)
        self._say("give", number)

    async def aclose(self) -> None:
        """Close the connection, which frees every permit that is still held."""
        self._is_over = True
        await self._tasks.aclose()

    def granted(self, permit: Permit) -> None:
        """Hand a permit that the pooler granted to its waiter."""
        if (waiter := self._waiting.pop(permit.number, None)) is not None:  # else it has been given back already
            self._held[permit.number] = None
            if not waiter.done():
                waiter.set_result(permit)

    def _say(self, *words: object) -> None:
        if self._line is not None:
            self._line.say(*words)

    async def _stay_connected(self) -> None:
        while True:
            line = _Line(self)
            try:
                async with asyncio.timeout(CONNECT_S_MAX):
                    await self._connect(lambda line=line: line)  # type: ignore[misc]
                self._greet(line)
                await line.lost
                self.why_away = "it hung up"
            except TimeoutError:
                self.why_away = f"no connection within {CONNECT_S_MAX:g} s"
            except OSError as error:
                self.why_away = str(error)
            finally:
                self._line = None
                line.hang_up()
            await asyncio.sleep(AGAIN_S)

    def _greet(self, line: "_Line") -> None:
        self.why_away, self._line = "", line
        self._say("join", self._strategy, self.size)
        for number in self._held:
            self._say("hold", number)
        for number in self._waiting:
            self._say("take", number)


class _Line(Lines):
    """One connection to the pooler, at the pod's end."""

    def __init__(self, client: PoolerClient) -> None:
        self._client = client
        self._is_open = False
        self.lost: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        super().connection_made(transport)
        self._is_open = True

    def connection_lost(self, exc: Exception | None) -> None:
        self._is_open = False
        if not self.lost.done():
            self.lost.set_result(None)

    def hang_up(self) -> None:
        if self._is_open:
            self.transport.abort()

    def hear(self, words: list[str]) -> None:
        match words:
            case ["grant", number, in_use]:
                self._client.granted(Permit(int(number), int(in_use)))
            case _:
                raise ValueError(f"no word of a pooler: {words}")
