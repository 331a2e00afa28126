"""The vocabulary: everything that a strategy sees.

A strategy imports this module and the standard library, nothing else. Time, randomness, the cache and background work
reach it through `Lab`; the origin reaches it as a `Loader` that is already counted, timed and limited. So the same
file runs behind HTTP, in a container and in virtual time.

Times are seconds on the cache's clock (see `Clock`); durations carry their unit in their name. The words are those of
RFC 9111 (fresh, stale, age), RFC 9211 (hit, collapsed) and RFC 5861 (stale-while-revalidate).
"""

import math
from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from random import Random
from typing import ClassVar, Protocol, Self

from app.entry import CLOCK_ERROR_S_MAX, Entry, Loaded, LoadReason, Lookup, Status
from app.mechanism import Mechanism, MechanismKind
from app.parameters import HasParameters, Parameter, parameter

__all__ = [
    "CLOCK_ERROR_S_MAX",
    "Cache",
    "CacheAway",
    "Clock",
    "Entry",
    "Flights",
    "Lab",
    "LoadReason",
    "Loaded",
    "Loader",
    "LocalTier",
    "Lookup",
    "Mechanism",
    "MechanismKind",
    "Notification",
    "OriginFailed",
    "Parameter",
    "PeerAway",
    "Peers",
    "Shed",
    "Status",
    "Strategy",
    "parameter",
]


class CacheAway(Exception):
    """The cache cannot be reached, did not answer in time, or refused."""


class OriginFailed(Exception):
    """The origin was asked and gave no answer; the text says why."""

    retry_after_s: float | None = None
    """The seconds after which another try may do better; None where that is unknown."""


class Shed(Exception):
    """A bound was reached and the request is turned away; the text names the bound."""

    retry_after_s: float | None = None
    """The seconds after which another try may do better; None where that is unknown."""


class PeerAway(Exception):
    """Another pod refuses, is silent, or answers what is no reply; it is left alone for a while."""


Loader = Callable[[LoadReason], Awaitable[Loaded]]
"""Asks the origin for the item of this request. Raises `OriginFailed` or `Shed`."""


class Clock(Protocol):
    """The cache's time, the same on every pod."""

    def now_s(self) -> float:
        """Seconds since the epoch."""
        ...

    def monotonic_s(self) -> float:
        """Seconds since some beginning of this pod's own, for durations: it is never set."""
        ...


class Notification(Protocol):
    """A subscription to the entry of one key: it wakes its waiter when a new one may be in the cache."""

    @property
    def deletions(self) -> int:
        """The deletes of the key since entering that this pod has heard of: a message can be late, or lost."""
        ...

    async def wait(self, timeout_s: float) -> bool:
        """True once a notification came, False after `timeout_s` without one."""
        ...


class Cache(Protocol):
    """The entries and locks that all pods share.

    Every method may raise `CacheAway`, and nothing else for whatever the cache does. The time that they take together
    is bounded for each request, see `app.budget`.
    """

    async def get(self, key: str) -> Entry | None:
        """The entry, with times that are finite and in order; None where there is none that may be served.

        An entry may not be served past its `keep_until_s` by the caller's clock, nor when it was read more than
        `CLOCK_ERROR_S_MAX` in the future.
        """
        ...

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        """Store the entry until its `keep_until_s`, a moment on the cache's clock.

        It is not served for longer, however late the command is executed, and whatever that clock is set to meanwhile.
        With a token: only while that token holds the key's lock, in one step with releasing it and notifying its
        waiters. False when the write was refused: the lease is over, the key was deleted, or the cache is full.
        """
        ...

    async def delete(self, key: str) -> bool:
        """Drop the entry and end the key's lock, in one step, wake its waiters, and tell whether there was an entry.

        A load that began before can store nothing under its token any more. A request that comes once a pod has heard
        of the delete does not join such a load. Not stopped is a `put` without a token that is on its way. The mark of
        a failed load stays: loads fail as they did.
        """
        ...

    async def lock(self, key: str, token: str, lease_s: float) -> bool:
        """Take the key's lock for `lease_s`; False while another token holds it.

        Raises `OriginFailed` where a load under the lock has failed a moment ago, in whatever pod: there is no use in
        another one yet.
        """
        ...

    async def renew(self, key: str, token: str, lease_s: float) -> bool:
        """Extend the lease; False when this token does not hold the lock any more."""
        ...

    async def unlock(self, key: str, token: str) -> bool:
        """Release the lock and notify its waiters; False when this token does not hold it."""
        ...

    def count(self, key: str, window_s: float) -> None:
        """Count one access to the key. It sends nothing and never waits; see `app.counts` for what it costs.

        Accesses are not counted while the cache is away, nor beyond `counted_keys_max` keys between two batches.
        Raises ValueError for a window out of bounds.
        """
        ...

    async def counted(self, key: str, window_s: float) -> float:
        """The accesses to the key in the last `window_s` seconds that all pods have counted with this window.

        It is an estimate, see `app.sliding_window`: other pods' accesses count once their batch has been sent, each
        `count_flush_ms`. Raises ValueError for a window out of bounds.
        """
        ...

    def setting(self, key: str, name: str) -> float | None:
        """The value that is set for the longest prefix of the key, as this pod knows it; None where none stands.

        The first use of a pod learns nothing yet, and has it look. From then on it follows changes within moments, or
        within `settings_poll_ms` of use where a notification was lost.
        """
        ...

    async def set_setting(self, prefix: str, name: str, value: float, for_s: float) -> bool:
        """Set a value for all keys with the prefix, in every pod; it ends by itself after `for_s` seconds.

        False where as many as can stand at once are there already. Raises ValueError naming a bound.
        """
        ...

    def notification(self, key: str) -> AbstractContextManager[Notification]:
        """Listen for notifications about the key. A notification that comes after entering is not missed by `wait`."""
        ...


class Flights(Protocol):
    """At most one load per key at a time, over all pods or in this one. See `app.flights`."""

    async def collapse(self, key: str, load: Loader, fresh_for_s: float, keep_for_s: float | None = None) -> Lookup:
        """Load and store the key, or wait for the flight that does. Raises `OriginFailed` or `Shed`."""
        ...

    async def collapse_in_pod(
        self, key: str, load: Loader, fresh_for_s: float, keep_for_s: float | None = None
    ) -> Lookup:
        """Load and store the key, or wait for the flight of this pod that does; other pods do so for themselves.

        It takes no lock: a cache that is away costs the write, and nothing else. A failed load is remembered in this
        pod, by its failure mark alone. Raises `OriginFailed` or `Shed`.
        """
        ...

    def refresh(
        self,
        key: str,
        load: Loader,
        reason: LoadReason,
        seen: Entry,
        fresh_for_s: float,
        keep_for_s: float | None = None,
    ) -> None:
        """Replace the entry `seen` in the background, unless another flight does or has just done so. Never raises."""
        ...

    def refresh_alone(
        self, key: str, load: Loader, reason: LoadReason, fresh_for_s: float, keep_for_s: float | None = None
    ) -> None:
        """Replace the entry in the background, whoever else does: each call is a load, up to a bound. Never raises."""
        ...


class LocalTier(Protocol):
    """The copies of entries that a pod keeps in its own memory, in front of the cache. See `app.local_tier`.

    It never waits. A copy may be out of date until its time is over, which a strategy states in its mechanism
    (`Mechanism.lag_s`).
    """

    def get(self, key: str) -> Entry | None:
        """The copy, which then counts as used; None where there is none that may be served.

        None also says that the key is looked for from now on, see `put`.
        """
        ...

    def put(self, key: str, entry: Entry, for_s: float = math.inf) -> None:
        """Keep a copy for `for_s`, and never past its entry's `keep_until_s`. A newer copy is not replaced.

        Where pods tell each other of their writes, nothing is kept that was replaced since `get` looked for it.
        """
        ...


def _without_local_tiers(entries_max: int, invalidation: str) -> LocalTier:
    raise TypeError("this lab was made without local tiers")


class Peers(Protocol):
    """The pods behind the same cache, as this one sees them. See `app.peers.peers`."""

    @property
    def own_name(self) -> str:
        """The name of this pod, which is always among those that are there."""
        ...

    def owner_of(self, key: str) -> str:
        """The pod that the key belongs to: the first of `ranked`."""
        ...

    def ranked(self, key: str) -> Sequence[str]:
        """The pods in the order in which they are to load the key, at most `app.peers.peers.RANKS_MAX` of them.

        Pods that are away are left out. Where another pod asks, it is this pod alone, so that no key is routed twice.
        """
        ...

    async def load_at(self, pod: str, key: str) -> Lookup:
        """The lookup of another pod for the key, asked for once by all requests of this pod that wait for it.

        Raises `PeerAway`, and what the load at that pod raised: `OriginFailed` or `Shed`.
        """
        ...


@dataclass(frozen=True, slots=True)
class Lab:
    """Everything that a strategy may use: cache, clock, randomness, flights, TTL, its parameters, the other pods."""

    cache: Cache
    clock: Clock
    rng: Random
    flights: Flights
    ttl_s: float
    params: dict[str, float | str]
    peers: Peers
    instance_id: str = ""
    """The name of this process, unlike that of any other before or now."""
    wait_s_max: float = 5.0
    """The longest time for which a request may wait for another one's load, seconds (`wait_ms_max`)."""
    local_tier: Callable[[int, str], LocalTier] = _without_local_tiers
    """Opens the strategy's local tier, once, in its `__init__`: `local_tier(entries_max, invalidation)`.

    The invalidation is none, pubsub or tracking (`app.local_tier.CopyInvalidation`). Raises ValueError for other ones.
    """
    redis_url: str = ""
    """The URL of the Redis behind the cache, for a strategy that is `over_the_wire`."""

    def token(self) -> str:
        """A token for locks that no other call gets, in whatever pod."""
        return f"{self.instance_id}:{self.rng.getrandbits(64):016x}"

    async def store(self, key: str, loaded: Loaded, fresh_for_s: float, keep_for_s: float | None = None) -> Entry:
        """Store what was loaded, without a lock. A cache that is away costs the write, and the answer stands."""
        entry = loaded.as_entry(fresh_for_s, keep_for_s)
        try:
            await self.cache.put(key, entry)
        except CacheAway:
            pass  # counted where it happened; the next reader loads again
        return entry


_OF_EVERY_INSTANCE = frozenset({"lab", "ttl_s"})


class Strategy(HasParameters, ABC):
    """One way to keep a key in the cache. The module's name is the route, the label and the key prefix.

    A strategy may extend another: it has the parameters of both, and `beta: float = 2.0` gives an inherited one another
    default within its bounds.
    """

    is_baseline: ClassVar[bool] = False  # what the others are compared with
    runs_by_default: ClassVar[bool] = True
    """Whether it runs where no strategy is named. It is not inherited: whatever a user adds runs at once."""
    right_twin: ClassVar[str] = ""
    """The name of the strategy that is right where this one is wrong on purpose; empty for a right one."""
    library: ClassVar[str] = ""
    """The distribution of the library that it is made of, for a contender; empty for the lab's own."""
    over_the_wire: ClassVar[bool] = False
    """Whether it speaks to Redis itself, in the place of the lab's `Cache`."""
    not_virtual: ClassVar[str] = ""
    """The reason why it cannot run in virtual time; empty where it can."""
    counts_prefixes: ClassVar[bool] = False
    """Whether pods count its requests by prefix of the key (`app.prefixes`), which the tuner reads."""
    ttl_s: float

    def __init_subclass__(cls) -> None:
        """Name the strategy after its module. Raises TypeError where a parameter hides something else of the class."""
        cls.name = cls.__module__.rpartition(".")[2]
        cls.is_baseline = bool(vars(cls).get("is_baseline", False))  # a class that extends the baseline is not it
        cls.runs_by_default = bool(vars(cls).get("runs_by_default", True))
        for name, value in vars(cls).items():
            has = next((vars(base)[name] for base in cls.__mro__[1:] if name in vars(base)), None)
            hides = isinstance(value, Parameter) and has is not None and not isinstance(has, Parameter)
            if hides or name in _OF_EVERY_INSTANCE:
                raise TypeError(f"{cls.__name__}.{name}: every strategy has something else of that name already")

    def __init__(self, lab: Lab) -> None:
        self.lab = lab
        self._set(lab.ttl_s, lab.params)

    @classmethod
    def stated(cls, ttl_s: float, params: Mapping[str, float | str]) -> Self:
        """The strategy with its parameters and no lab: it can state its mechanism, and answers no request.

        Raises ValueError naming a parameter that is out of its bounds.
        """
        strategy = cls.__new__(cls)
        strategy._set(ttl_s, params)
        return strategy

    def _set(self, ttl_s: float, params: Mapping[str, float | str]) -> None:
        self.ttl_s = ttl_s
        for name, value in self.checked_params(params).items():
            setattr(self, name, value)

    def mechanism(self) -> Mechanism:
        """The mechanism of the strategy at an expiry, with numbers that follow from its parameters.

        It depends on `self.ttl_s` and the parameters alone, because theory asks for it where no lab runs. A strategy
        that serves past the TTL, or draws longer ones, says so here: an answer older than `Mechanism.oldest_s` is a
        wrong one.
        """
        return Mechanism.unknown()

    def oldest_s(self) -> float:
        """The mechanism's `oldest_s` under this TTL, seconds; infinite where no age makes an answer a wrong one."""
        return self.mechanism().oldest_s(self.ttl_s)

    def oldest_while_well_s(self) -> float:
        """The mechanism's `oldest_while_well_s` under this TTL, seconds."""
        return self.mechanism().oldest_while_well_s(self.ttl_s)

    def lag_s(self) -> float:
        """The mechanism's `lag_s`: how long answers may go on that are older than one seen before, seconds."""
        return self.mechanism().lag_s

    @abstractmethod
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        """The answer for the key. Raises `OriginFailed`, `Shed` or `CacheAway`."""

    async def aclose(self) -> None:
        """End what the strategy has opened itself; those that use the lab alone have nothing to end."""
