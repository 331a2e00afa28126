"""A Redis in virtual time: the state that all pods share."""

import math
from dataclasses import dataclass
from typing import Literal, Protocol

from app.strategy import Clock, Entry


class Listener(Protocol):
    """One pod's connection, as the server sees it."""

    def hear(self, key: str) -> None:
        """A landing was announced."""
        ...

    def hear_all(self) -> None:
        """After a gap in the announcements."""
        ...

    def find_server(self) -> None:
        """The server went away, or came back."""
        ...


class Server(Protocol):
    """What a pod's cache sends its commands to. Every method is one atomic step, as a Redis command or script is."""

    @property
    def is_away(self) -> bool: ...

    def join(self, listener: Listener) -> None: ...

    def leave(self, listener: Listener) -> None: ...

    def get(self, key: str) -> Entry | None: ...

    def set(self, key: str, entry: Entry, keep_ms: int) -> bool: ...

    def put(self, key: str, entry: Entry, keep_ms: int, token: str) -> bool: ...

    def lock(self, key: str, token: str, lease_ms: int) -> bool: ...

    def renew(self, key: str, token: str, lease_ms: int) -> bool: ...

    def unlock(self, key: str, token: str) -> bool: ...


class Way:
    """To a server, for one pod: what stands in between overrides the commands. Its state is the server's own."""

    def __init__(self, server: Server) -> None:
        self._server = server

    @property
    def is_away(self) -> bool:
        return self._server.is_away

    def join(self, listener: Listener) -> None:
        self._server.join(listener)

    def leave(self, listener: Listener) -> None:
        self._server.leave(listener)


@dataclass(frozen=True, slots=True)
class _Lock:
    token: str
    until_s: float


class MemoryServer:
    """Implements `Server`. Expiries go by the server's clock, as in Redis: pods send durations.

    Beyond `entries_max` it evicts the entry that was used longest ago, or with `noeviction` refuses to store.
    """

    def __init__(
        self,
        clock: Clock,
        entries_max: int | None = None,
        policy: Literal["allkeys-lru", "noeviction"] = "allkeys-lru",
    ) -> None:
        self._clock = clock
        self._entries_max, self._evicts = entries_max, policy == "allkeys-lru"
        self._entries: dict[str, tuple[Entry, float]] = {}
        self._locks: dict[str, _Lock] = {}
        self._listeners: dict[Listener, None] = {}
        self._is_away = False

    @property
    def is_away(self) -> bool:
        """Set it to make every command of every pod raise `CacheAway`; what is stored stays, see `flush`."""
        return self._is_away

    @is_away.setter
    def is_away(self, is_away: bool) -> None:
        has_come_back = self._is_away and not is_away
        self._is_away = is_away
        for listener in self._listeners:
            listener.find_server()
            if has_come_back:
                listener.hear_all()

    def flush(self) -> None:
        """Drop every entry and every lock."""
        self._entries.clear()
        self._locks.clear()

    def join(self, listener: Listener) -> None:
        """From now on this pod hears of landings."""
        self._listeners[listener] = None

    def leave(self, listener: Listener) -> None:
        """From now on it does not."""
        self._listeners.pop(listener, None)

    def get(self, key: str) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        entry, until_s = found
        if self._clock.now_s() >= until_s:
            del self._entries[key]
            return None
        if self._entries_max is not None:
            self._entries[key] = self._entries.pop(key)  # the dict keeps the order of use
        return entry

    def set(self, key: str, entry: Entry, keep_ms: int) -> bool:
        if self._entries_max is not None and key not in self._entries and len(self._entries) >= self._entries_max:
            if not self._evicts:
                return False
            del self._entries[next(iter(self._entries))]
        self._entries.pop(key, None)
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
        self._announce(key)
        return True

    def _announce(self, key: str) -> None:
        for listener in tuple(self._listeners):
            listener.hear(key)

    def _hold(self, key: str, token: str, lease_ms: int) -> None:
        self._locks[key] = _Lock(token, self._clock.now_s() + lease_ms / 1000)

    def _valid_lock(self, key: str) -> _Lock | None:
        held = self._locks.get(key)
        return held if held is not None and self._clock.now_s() < held.until_s else None

    def _is_held_by(self, key: str, token: str) -> bool:
        held = self._valid_lock(key)
        return held is not None and held.token == token


def milliseconds(seconds: float) -> int:
    """As PX counts a lease: whole, and at least one."""
    return max(1, round(seconds * 1000))


def milliseconds_up(seconds: float) -> int:
    """As PX counts a life: no entry is dropped early."""
    return max(1, math.ceil(seconds * 1000))
