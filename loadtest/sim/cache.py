"""A Redis in virtual time: one server's state, and each pod's way to it.

Both do what `app.cache` does with a real Redis, to the millisecond that PX counts in; one contract suite runs against
both.
"""

import asyncio
import math
from collections.abc import Callable
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import TypeVar

from app.landings import Landings, Waiter
from app.strategy import CacheAway, Clock, Entry
from app.tasks import Tasks

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class _Lock:
    token: str
    until_s: float


class MemoryServer:
    """What all pods share. Every method is one atomic step, as a Redis command or script is.

    Expiries go by the server's clock, as in Redis: pods send durations.
    """

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._entries: dict[str, tuple[Entry, float]] = {}
        self._locks: dict[str, _Lock] = {}
        self._pods: list[MemoryCache] = []
        self._is_away = False

    @property
    def is_away(self) -> bool:
        """Set it to make every command of every pod raise `CacheAway`; what is stored stays, see `flush`."""
        return self._is_away

    @is_away.setter
    def is_away(self, is_away: bool) -> None:
        has_come_back = self._is_away and not is_away
        self._is_away = is_away
        if has_come_back:
            for pod in self._pods:
                pod.hear_all()

    def flush(self) -> None:
        """Drop every entry and every lock."""
        self._entries.clear()
        self._locks.clear()

    def join(self, pod: "MemoryCache") -> None:
        """From now on this pod hears of landings."""
        self._pods.append(pod)

    def get(self, key: str) -> Entry | None:
        entry, until_s = self._entries.get(key, (None, math.inf))
        if self._clock.now_s() >= until_s:
            del self._entries[key]
            return None
        return entry

    def set(self, key: str, entry: Entry, keep_ms: int) -> bool:
        self._entries[key] = (entry, self._clock.now_s() + keep_ms / 1000)
        return True

    def put(self, key: str, entry: Entry, keep_ms: int, token: str) -> bool:
        return self._is_held_by(key, token) and self.set(key, entry, keep_ms) and self.unlock(key, token)

    def lock(self, key: str, token: str, lease_ms: int) -> bool:
        held = self._valid_lock(key)
        if held is None:
            self._hold(key, token, lease_ms)
        return held is None or held.token == token

    def renew(self, key: str, token: str, lease_ms: int) -> bool:
        if not self._is_held_by(key, token):
            return False
        self._hold(key, token, lease_ms)
        return True

    def unlock(self, key: str, token: str) -> bool:
        if not self._is_held_by(key, token):
            return False
        del self._locks[key]
        for pod in self._pods:
            pod.hear(key)
        return True

    def _hold(self, key: str, token: str, lease_ms: int) -> None:
        self._locks[key] = _Lock(token, self._clock.now_s() + lease_ms / 1000)

    def _valid_lock(self, key: str) -> _Lock | None:
        held = self._locks.get(key)
        return held if held is not None and self._clock.now_s() < held.until_s else None

    def _is_held_by(self, key: str, token: str) -> bool:
        held = self._valid_lock(key)
        return held is not None and held.token == token


class MemoryCache:
    """One pod's `app.strategy.Cache`. A command takes `latency_s`; it has its effect on the server half way."""

    def __init__(self, server: MemoryServer, clock: Clock, latency_s: float = 0.0) -> None:
        self._server = server
        self._clock = clock
        self._latency_s = latency_s
        self._landings = Landings()
        self._tasks = Tasks()
        self._is_cut_off = False
        server.join(self)

    @property
    def is_cut_off(self) -> bool:
        """As the server's `is_away`, for this pod alone."""
        return self._is_cut_off

    @is_cut_off.setter
    def is_cut_off(self, is_cut_off: bool) -> None:
        has_come_back = self._is_cut_off and not is_cut_off
        self._is_cut_off = is_cut_off
        if has_come_back:
            self.hear_all()

    async def get(self, key: str) -> Entry | None:
        return await self._ask(lambda: self._server.get(key))

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        keep_ms = max(1, math.ceil((entry.keep_until_s - self._clock.now_s()) * 1000))
        if token is None:
            return await self._ask(lambda: self._server.set(key, entry, keep_ms))
        return await self._ask(lambda: self._server.put(key, entry, keep_ms, token))

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        return await self._ask(lambda: self._server.lock(key, token, _milliseconds(lease_s)))

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        return await self._ask(lambda: self._server.renew(key, token, _milliseconds(lease_s)))

    async def unlock(self, key: str, token: str) -> bool:
        return await self._ask(lambda: self._server.unlock(key, token))

    def landing(self, key: str) -> AbstractContextManager[Waiter]:
        return self._landings.waiter(key)

    def hear(self, key: str) -> None:
        """The server announces a landing."""
        if self._is_cut_off:
            return
        if self._latency_s:
            asyncio.get_running_loop().call_later(self._latency_s / 2, self._landings.announce, key)
        else:
            self._landings.announce(key)

    def hear_all(self) -> None:
        """After a gap in the announcements."""
        self._landings.announce_all()

    async def _ask(self, command: Callable[[], T]) -> T:
        if not self._latency_s:
            return self._reach(command)
        # A command that is on its way has its effect, whether or not its caller stays for the answer.
        return await asyncio.shield(self._tasks.spawn(self._travel(command), "command"))

    async def _travel(self, command: Callable[[], T]) -> T:
        await asyncio.sleep(self._latency_s / 2)
        answer = self._reach(command)
        await asyncio.sleep(self._latency_s / 2)
        return self._reach(lambda: answer)

    def _reach(self, command: Callable[[], T]) -> T:
        if self._server.is_away or self._is_cut_off:
            raise CacheAway("the cache is away")
        return command()


def _milliseconds(seconds: float) -> int:
    return max(1, round(seconds * 1000))
