"""A Redis in virtual time: the state that all pods share."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from random import Random
from typing import Literal, Protocol

from app.strategy import Clock, Entry
from loadtest.sim.cluster.events import Observers, RedisFlushed
from loadtest.sim.cluster.redis_numbers import RedisNumbers
from loadtest.sim.cluster.redis_trouble import Trouble


class Listener(Protocol):
    """A pod's connection, as the server sees it."""

    def hear(self, key: str, was_deleted: bool) -> None:
        """Receive the notification of an entry that was stored, or of one that was deleted."""
        ...

    def hear_settings(self) -> None:
        """Receive the notification of a setting that was set."""
        ...

    def hear_all(self) -> None:
        """Wake every waiter after a gap in the notifications."""
        ...

    def find_server(self) -> None:
        """Find out again whether commands are simply executed."""
        ...

    def hear_announced(self, message: str) -> None:
        """Receive what a pod has published for local tiers."""
        ...

    def hear_changed(self, key: str | None) -> None:
        """Receive that a key has changed, as CLIENT TRACKING tells it; None for all keys."""
        ...


MARK = "!"
A_MILLISECOND_S = 0.001


@dataclass(frozen=True, slots=True)
class _Lock:
    token: str  # or the mark of a failed load, see `app.scripts.MARK`
    until_s: float


class SimulatedRedis:
    """A Redis with the entries and locks of all pods, whose every command is one atomic step.

    Implements `loadtest.sim.cluster.depth.FaultyRedis`.

    Expiries go by the server's own clock, as in Redis: entries at an absolute moment of it (PXAT), leases after a
    duration (PX).

    Beyond `entries_max` it evicts the entry that was used longest ago, or with `noeviction` refuses to store.
    """

    def __init__(
        self,
        clock: Clock,
        entries_max: int | None = None,
        policy: Literal["allkeys-lru", "noeviction"] = "allkeys-lru",
        seed: int = 0,
        observers: Observers | None = None,
        may_fill_up: bool = False,
    ) -> None:
        """Start empty; `observers` receive the events of its pods' commands, see `loadtest.sim.cluster.pod_cache`.

        With `may_fill_up` the order of use is kept from the beginning, for a room that is limited later: see `fill_up`.
        """
        self.observers = observers or Observers()
        self._true_s = clock.now_s
        self.time_s: Callable[[], float] = clock.now_s
        """The time by the server's clock; see `set_clock`."""
        self._as_built = self._entries_max, self._evicts = entries_max, policy == "allkeys-lru"
        self.keeps_order = may_fill_up or entries_max is not None
        """Whether an entry that is read counts as used, which decides what is evicted first."""
        self._entries: dict[str, tuple[Entry, float]] = {}
        self._locks: dict[str, _Lock] = {}
        self.numbers = RedisNumbers(lambda: self.time_s())  # noqa: PLW0108 - `set_clock` replaces it
        self._listeners: dict[Listener, int] = {}
        """The pods' connections, each with its place in the order of joining."""
        self._joined = itertools.count()
        self._followers: dict[Listener, None] = {}
        """The pods with local tiers, which are told of writes."""
        self._far: set[Listener] = set()
        """Those that notifications take time to reach: they are told of every key."""
        self._waiting: dict[str, dict[Listener, int]] = {}
        """The other ones, by the keys that they have waiters for: a notification costs what it wakes."""
        self.trouble = Trouble(Random(f"{seed}/trouble"), self._tell_listeners)
        self.meet = self.trouble.meet

    @property
    def is_well(self) -> bool:
        """Whether commands are simply executed, and need not go through `meet`."""
        return self.trouble.is_none

    @property
    def is_away(self) -> bool:
        """Whether every command of every pod raises `CacheAway`; what is stored stays, see `flush`."""
        return self.trouble.is_away

    @is_away.setter
    def is_away(self, is_away: bool) -> None:
        if is_away:
            self.trouble.go_away()
        elif self.trouble.is_away:
            self.trouble.come_back()
            for listener in self._listeners:
                listener.hear_all()

    @property
    def locks_left(self) -> int:
        """The number of locks and marks whose time is not over."""
        return sum(self.time_s() < lock.until_s for lock in self._locks.values())

    def now_s(self) -> float:
        """Implements `FaultyRedis.now_s`; the pods' commands ask `time_s`, which is a call less."""
        return self.time_s()

    def pause(self) -> None:
        self.trouble.pause()

    def go_on(self) -> None:
        self.trouble.go_on()

    def refuse(self, error: str, commands: frozenset[str]) -> None:
        self.trouble.refuse(error, commands)

    def reset(self, share: float) -> None:
        self.trouble.reset(share)

    def publish_foreign(self) -> None:
        """Refuse it: a notification is a call here, and scenarios with such a fault are turned away before."""
        raise NotImplementedError("messages of others are a fault of the wire")

    def set_clock(self, by_s: float) -> None:
        """Set the clock so many seconds ahead of the true time."""
        true_s = self._true_s
        self.time_s = (lambda: true_s() + by_s) if by_s else true_s

    def _tell_listeners(self) -> None:
        for listener in self._listeners:
            listener.find_server()

    def flush(self) -> None:
        """Drop every entry and every lock, every counter and every setting."""
        self._entries.clear()
        self._locks.clear()
        self.numbers.flush()
        self._tell_changed(None)
        self.observers.emit(RedisFlushed())

    def join(self, listener: Listener) -> None:
        """Subscribe a pod to notifications."""
        self._listeners[listener] = next(self._joined)

    def leave(self, listener: Listener) -> None:
        """Unsubscribe a pod."""
        self._listeners.pop(listener, None)
        self._followers.pop(listener, None)
        self._far.discard(listener)

    def follow(self, listener: Listener) -> None:
        """Tell a pod of writes from now on, for its local tiers."""
        self._followers[listener] = None

    def announce(self, message: str) -> None:
        """Publish a message to the local tiers of all pods."""
        for listener in self._followers:
            listener.hear_announced(message)

    def _tell_changed(self, key: str | None) -> None:
        for listener in self._followers:
            listener.hear_changed(key)

    def place(self, listener: Listener, is_far: bool) -> None:
        """Note whether notifications take time to reach a pod, so that waiters may begin meanwhile."""
        (self._far.add if is_far else self._far.discard)(listener)

    def waiter_began(self, listener: Listener, key: str) -> None:
        """Note that a pod has one more waiter for a key."""
        if (waiting := self._waiting.get(key)) is None:
            self._waiting[key] = {listener: 1}
        else:
            waiting[listener] = waiting.get(listener, 0) + 1

    def waiter_ended(self, listener: Listener, key: str) -> None:
        waiting = self._waiting[key]
        if waiting[listener] > 1:
            waiting[listener] -= 1
        else:
            del waiting[listener]
            if not waiting:
                del self._waiting[key]

    def get(self, key: str) -> Entry | None:
        found = self._entries.get(key)
        if found is None:
            return None
        entry, until_s = found
        if self.time_s() >= until_s:
            del self._entries[key]
            return None
        if self.keeps_order:
            self._entries[key] = self._entries.pop(key)  # the dict keeps the order of use
        return entry

    def set(self, key: str, entry: Entry, until_ms: int) -> bool:
        if self._entries_max is not None and not self._make_room(key, self._entries_max):
            return False
        self._entries.pop(key, None)
        self._entries[key] = (entry, until_ms / 1000)
        if self._followers:
            self._tell_changed(key)
        return True

    def _make_room(self, key: str, entries_max: int) -> bool:
        """Make room for an entry of this key; False where there is none, and nothing may be evicted."""
        if len(self._entries) - (key in self._entries) < entries_max:
            return True
        if not (self._evicts and entries_max):
            return False
        self._evict_down_to(entries_max - 1)
        return True

    def _evict_down_to(self, entries: int) -> None:
        for key in [*itertools.islice(self._entries, max(0, len(self._entries) - entries))]:
            del self._entries[key]
            self._tell_changed(key)

    @property
    def stored(self) -> int:
        """The number of entries that are stored, of which some may have expired."""
        return len(self._entries)

    def fill_up(self, entries_max: int, policy: Literal["allkeys-lru", "noeviction"]) -> None:
        """Limit the room; with `allkeys-lru` entries that have none are evicted at once."""
        built_max = self._as_built[0]
        self._entries_max = entries_max if built_max is None else min(entries_max, built_max)
        self._evicts = policy == "allkeys-lru"
        if self._evicts:
            self._evict_down_to(self._entries_max)

    def have_room(self) -> None:
        """Have the room and the policy that it was built with."""
        self._entries_max, self._evicts = self._as_built

    def put(self, key: str, entry: Entry, until_ms: int, token: str) -> bool:
        return self._is_held_by(key, token) and self.set(key, entry, until_ms) and self.unlock(key, token)

    def peek(self, key: str) -> tuple[Entry, float] | None:
        """The key's entry and the moment until which it is kept, by the server's clock; it changes nothing."""
        return self._entries.get(key)

    def kept_until_s(self, key: str) -> float | None:
        """The moment until which a key is stored, by the server's clock; None where nothing is stored."""
        found = self._entries.get(key)
        return None if found is None else found[1]

    def mark_rest_s(self, key: str, mark_s_max: float) -> float:
        """The seconds that the mark of a failed load has to go; 0 without one. One beyond the longest is dropped."""
        held = self._locks.get(key)
        if held is None or held.token != MARK:
            return 0.0
        rest_s = held.until_s - self.time_s()
        if rest_s <= 0 or rest_s > mark_s_max + A_MILLISECOND_S:
            del self._locks[key]
            return 0.0
        return rest_s

    def mark(self, key: str, token: str, for_ms: int) -> bool:
        if not self._is_held_by(key, token):
            return False
        self._hold(key, MARK, for_ms)
        self._notify(key)
        return True

    def delete(self, key: str) -> bool:
        held = self._locks.get(key)
        if held is not None and held.token != MARK:
            del self._locks[key]
        was_there = self._entries.pop(key, None) is not None
        self._notify(key, was_deleted=True)
        if self._followers:
            self.announce(key)
            self._tell_changed(key)
        return was_there

    def set_setting(self, prefix: str, name: str, value: float, for_ms: int) -> bool:
        is_set = self.numbers.set_setting(prefix, name, value, for_ms)
        if is_set:
            for listener in self._listeners:
                listener.hear_settings()
        return is_set

    def lock(self, key: str, token: str, lease_ms: int) -> bool:
        held = self._valid_lock(key)
        if held is None:
            self._hold(key, token, lease_ms)
        elif held.token != token and held.until_s - self.time_s() > 2 * lease_ms / 1000:
            self._hold(key, held.token, lease_ms)  # its clock was set back since, see `app.scripts.LOCK`
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
        self._notify(key)
        return True

    def _notify(self, key: str, was_deleted: bool = False) -> None:
        waiting = self._waiting.get(key)
        if waiting is None:
            if not self._far:
                return
            waiting = {}
        if self._far:
            told = [listener for listener in self._listeners if listener in self._far or listener in waiting]
        else:
            told = sorted(waiting.keys() & self._listeners.keys(), key=self._listeners.__getitem__)
        for listener in told:
            listener.hear(key, was_deleted)

    def _hold(self, key: str, token: str, lease_ms: int) -> None:
        self._locks[key] = _Lock(token, self.time_s() + lease_ms / 1000)

    def _valid_lock(self, key: str) -> _Lock | None:
        held = self._locks.get(key)
        return held if held is not None and self.time_s() < held.until_s else None

    def _is_held_by(self, key: str, token: str) -> bool:
        held = self._valid_lock(key)
        return held is not None and held.token == token


def milliseconds(seconds: float) -> int:
    """The milliseconds of a lease as PX counts them: whole, and at least one."""
    return max(1, round(seconds * 1000))
