"""The vocabulary: everything that a strategy sees.

A strategy imports this module and the standard library, nothing else. Time, randomness, the cache and background work
reach it through `Lab`; the origin reaches it as a `Loader` that is already counted, timed and limited. That is what
lets the same file run behind HTTP, in a container and in virtual time.

Times are seconds on the cache's clock (see `Clock`); durations carry their unit in their name. The words are those of
RFC 9111 (fresh, stale, age), RFC 9211 (hit, collapsed) and RFC 5861 (stale-while-revalidate).
"""

import math
import sys
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, replace
from enum import StrEnum
from random import Random
from typing import Any, ClassVar, Protocol


class Status(StrEnum):
    """How an answer was made."""

    HIT = "hit"  # from the cache, fresh
    MISS = "miss"  # this request read the origin
    STALE = "stale"  # from the cache, past its freshness, while somebody refreshes it
    COLLAPSED = "collapsed"  # waited for the load of another request
    SHED = "shed"  # turned away by a bound: 503
    ERROR = "error"  # the origin failed: 503


class Why(StrEnum):
    """Why the origin was asked."""

    MISS = "miss"  # there was nothing to answer with
    REFRESH = "refresh"  # there was a stale entry
    EARLY = "early"  # the entry was still fresh


class Remedy(StrEnum):
    """What a strategy does about requests that find no fresh entry: what theory predicts its figures from."""

    NONE = "none"  # each of them loads
    COLLAPSE = "collapse"  # one loads, the others wait for it
    STALE = "stale"  # one loads, the others are answered with the old entry
    EARLY = "early"  # somebody loads before there are any


CLOCK_ERROR_S_MAX = 1.0
"""How far two pods' ideas of the cache's time may be apart. An entry that seems to have been read further in the future
than this was dated by a clock that has been set since; it counts as none."""


class CacheAway(Exception):
    """The cache cannot be reached, did not answer in time, or refused."""


class OriginFailed(Exception):
    """The origin was asked and gave no answer; the text says why."""


class Shed(Exception):
    """A bound was reached and the request is turned away; the text names the bound."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer. `read_at_s` is when the read of the origin began, so that no age is too young; `cost_s` is what
    its load took, from asking to answer (XFetch's delta)."""

    body: bytes
    read_at_s: float
    fresh_until_s: float
    keep_until_s: float
    cost_s: float
    absent: bool = False  # the origin has no such item: a negative entry

    def is_fresh(self, now_s: float) -> bool:
        return now_s < self.fresh_until_s

    def age_s(self, now_s: float) -> float:
        """Seconds since the read of the origin began: below 0 by as much as the reader's clock is behind the writer's,
        which is no age. Who shows it decides, see `app.arm`."""
        return now_s - self.read_at_s

    def is_servable(self, now_s: float) -> bool:
        """Whether a cache may hand it out: not past its `keep_until_s`, and not from the future."""
        return now_s < self.keep_until_s and self.read_at_s <= now_s + CLOCK_ERROR_S_MAX


@dataclass(frozen=True, slots=True)
class Loaded:
    """What the origin answered."""

    body: bytes
    read_at_s: float
    cost_s: float
    absent: bool = False
    keep_for_s_max: float = math.inf  # a negative answer has a short life of its own

    def as_entry(self, fresh_for_s: float, keep_for_s: float | None = None) -> Entry:
        """The entry to cache: fresh for `fresh_for_s` and kept for `keep_for_s` (or just as long), both from the
        moment at which the read of the origin began. From any later moment, a pod that is slow to store would serve for
        longer. Raises ValueError unless 0 <= fresh_for_s <= keep_for_s, both finite.
        """
        if keep_for_s is None:
            keep_for_s = fresh_for_s
        if not 0 <= fresh_for_s <= keep_for_s < math.inf:
            raise ValueError(f"0 <= fresh_for_s <= keep_for_s must hold, not 0 <= {fresh_for_s!r} <= {keep_for_s!r}")
        return Entry(
            body=self.body,
            read_at_s=self.read_at_s,
            fresh_until_s=self.read_at_s + min(fresh_for_s, self.keep_for_s_max),
            keep_until_s=self.read_at_s + min(keep_for_s, self.keep_for_s_max),
            cost_s=self.cost_s,
            absent=self.absent,
        )


@dataclass(frozen=True, slots=True)
class Lookup:
    """What a strategy answers: an entry, and how it came by it."""

    status: Status
    entry: Entry


Loader = Callable[[Why], Awaitable[Loaded]]
"""Asks the origin for the item of this request. Raises `OriginFailed` or `Shed`."""


class Clock(Protocol):
    """The cache's time, the same on every pod."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some beginning of this pod's own, for durations: nobody sets it."""
        ...


class Landing(Protocol):
    """Tells when a new entry for a key may be in the cache."""

    async def wait(self, timeout_s: float) -> bool:
        """True once a landing was announced, False after `timeout_s` without one."""
        ...


class Cache(Protocol):
    """What all pods share. Every method may raise `CacheAway`, and nothing else for whatever the cache does; how long
    they take together is bounded for each request, see `app.budget`."""

    async def get(self, key: str) -> Entry | None:
        """The entry, unless there is none, or it is past its `keep_until_s` by the clock of whoever asks, or it seems
        to have been read more than `CLOCK_ERROR_S_MAX` from now. Its times are finite and in order."""
        ...

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        """Store the entry until its `keep_until_s`, a moment on the cache's clock: it is not served for longer, however
        late the command is executed, and whatever that clock is set to meanwhile.

        With a token: only while that token holds the key's lock, in one step with releasing it and announcing the
        landing. False when the write was refused, because the lock is somebody else's by now or the cache is full.
        """
        ...

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        """Take the key's lock for `lease_s`; False while another token holds it."""
        ...

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        """Extend the lease; False when this token does not hold the lock any more."""
        ...

    async def unlock(self, key: str, token: str) -> bool:
        """Give the lock back and wake who waits for it; False when this token does not hold it."""
        ...

    def landing(self, key: str) -> AbstractContextManager[Landing]:
        """Listen for landings of the key. Whatever is announced after entering is not missed by `wait`."""
        ...


class Flights(Protocol):
    """At most one load per key at a time, over all pods. See `app.flights`."""

    async def collapse(self, key: str, load: Loader, fresh_for_s: float, keep_for_s: float | None = None) -> Lookup:
        """Load the key, or wait for whoever is loading it. Raises `OriginFailed` or `Shed`."""
        ...

    def refresh(
        self, key: str, load: Loader, why: Why, seen: Entry, fresh_for_s: float, keep_for_s: float | None = None
    ) -> None:
        """Replace the entry `seen` in the background, unless somebody is at it or has just done it. Never raises."""
        ...


@dataclass(frozen=True, slots=True)
class Lab:
    """A strategy's way to the world."""

    cache: Cache
    clock: Clock
    rng: Random
    flights: Flights
    ttl_s: float
    tune: dict[str, float | str]

    async def store(self, key: str, loaded: Loaded, fresh_for_s: float, keep_for_s: float | None = None) -> Entry:
        """Write what was loaded without any coordination. A cache that is away costs the write, not the answer."""
        entry = loaded.as_entry(fresh_for_s, keep_for_s)
        try:
            await self.cache.put(key, entry)
        except CacheAway:
            pass  # counted where it happened; the next reader loads again
        return entry


@dataclass(frozen=True, slots=True)
class Tunable:
    """A number or a word of a strategy that a run may set, with its bounds."""

    default: float | str
    why: str
    low: float = -math.inf
    high: float = math.inf
    choices: Sequence[str] = ()

    def check(self, value: object) -> float | str:
        """The value as a finite number, or as one of the words. Raises ValueError saying what is allowed."""
        if self.choices:
            if value not in self.choices:
                raise ValueError(f"must be one of {', '.join(self.choices)}, not {value!r}")
            return str(value)
        if isinstance(value, bool) or not isinstance(value, int | float) or not abs(value) <= sys.float_info.max:
            raise ValueError(f"must be a finite number from {self.low:g} to {self.high:g}, not {value!r}")
        if not self.low <= value <= self.high:
            raise ValueError(f"must be a number from {self.low:g} to {self.high:g}, not {value!r}")
        return float(value)


def tunable(
    default: float | str,
    why: str,
    *,
    low: float = -math.inf,
    high: float = math.inf,
    choices: Sequence[str] = (),
) -> Any:
    """Declare a tunable as a class attribute: `beta: float = tunable(1.0, "…", low=0, high=100)`."""
    return Tunable(default, why, low, high, choices)


_OF_EVERY_INSTANCE = frozenset({"lab", "ttl_s"})


class Strategy(ABC):
    """One way to keep a key in the cache. The module's name is the route, the label and the key prefix.

    A strategy may extend another: it has the tunables of both, and `beta: float = 2.0` gives an inherited one another
    default within its bounds.
    """

    name: ClassVar[str]
    is_baseline: ClassVar[bool] = False  # what the others are compared with
    remedy: ClassVar[Remedy | None] = None  # None: theory has nothing to say of it

    def __init_subclass__(cls) -> None:
        """Raises TypeError when a tunable would hide something else that the class has."""
        cls.name = cls.__module__.rpartition(".")[2]
        cls.is_baseline = bool(vars(cls).get("is_baseline", False))  # whoever extends the baseline is not it
        for name, value in vars(cls).items():
            has = next((vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)), None)
            hides = isinstance(value, Tunable) and has is not None and not isinstance(has, Tunable)
            if hides or name in _OF_EVERY_INSTANCE:
                raise TypeError(f"{cls.__name__}.{name}: every strategy has something else of that name already")

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self.ttl_s = lab.ttl_s
        for name, value in self.tuned(lab.tune).items():
            setattr(self, name, value)

    @classmethod
    def tunables(cls) -> dict[str, Tunable]:
        """What a run may set: its own and those that it inherits, the inherited first."""
        found: dict[str, Tunable] = {}
        for base in reversed(cls.__mro__):
            for name, value in vars(base).items():
                if isinstance(value, Tunable):
                    found[name] = value
                elif name in found:
                    found[name] = replace(found[name], default=value)
        return found

    @classmethod
    def tuned(cls, tune: dict[str, float | str]) -> dict[str, float | str]:
        """Every tunable's value under `tune`. Raises ValueError naming the tunable and its bound."""
        declared = cls.tunables()
        if unknown := tune.keys() - declared.keys():
            known = ", ".join(declared) or "none"
            raise ValueError(f"{cls.name}.{min(unknown)}: no such tunable (there is {known})")
        values = {}
        for name, knob in declared.items():
            try:
                values[name] = knob.check(tune.get(name, knob.default))
            except ValueError as error:
                raise ValueError(f"{cls.name}.{name}: {error}") from None
        return values

    @classmethod
    def remedy_under(cls, tune: dict[str, float | str]) -> Remedy | None:
        """The remedy as it is tuned; `tune` is as `tuned` answers it."""
        return cls.remedy

    @classmethod
    def mean_stretch(cls, tune: dict[str, float | str]) -> float:
        """How long an entry is fresh on average, in TTLs. Other than 1, it saves loads just by being older, and a
        comparison needs a control of the same mean. `tune` is as `tuned` answers it."""
        return 1.0

    @classmethod
    def oldest_s(cls, ttl_s: float, tune: dict[str, float | str]) -> float:
        """The strategy's promise: how long ago the origin may have been read, at most, for what the cache answers,
        seconds. An answer beyond it is a wrong one; an answer by a load is as old as that load. `ttl_s` is the pod's,
        `tune` as `tuned` answers it. The default is the TTL: who serves past it, or draws longer TTLs, says how far.
        """
        return ttl_s

    @abstractmethod
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        """The answer for the key. Raises `OriginFailed`, `Shed` or `CacheAway`."""
