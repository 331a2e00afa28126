"""Local tiers: the copies of entries that a pod keeps in its own memory, in front of the cache (a near cache, an L1).

A copy is answered without a command to Redis, and without waiting. The price is that pods may differ: another pod may
have replaced the entry meanwhile. Three ways bound that, see `CopyInvalidation`. With all of them a copy's own time is
the hard bound, because a message may be lost. A gap in the subscription empties a tier that relies on it.

A copy may also be out of date before it is kept: its entry was replaced, and the message overtook the reply with it.
So a tier notes each key that is looked for, and keeps only what no message has contradicted since.
"""

from collections import OrderedDict
from collections.abc import Callable
from enum import StrEnum
from math import inf, isnan
from typing import NamedTuple

from app.entry import Entry
from app.strategy import Clock

OVERHEAD_BYTES = 450
"""Bytes that a copy takes beside its body: key, times and places in the map, measured on CPython 3.11."""


class CopyInvalidation(StrEnum):
    """The way in which a pod learns that its copy of an entry is out of date."""

    NONE = "none"  # by its time alone
    PUBSUB = "pubsub"  # who stores or deletes an entry publishes that, see `LocalTiers.announcement`
    TRACKING = "tracking"  # Redis tells of every key that changes (CLIENT TRACKING in BCAST mode)


class _Copy(NamedTuple):
    entry: Entry
    until_s: float  # by the pod's own monotonic clock, which is never set
    bytes: int


class LruTier:
    """The copies of one strategy in one pod; the one that was used longest ago makes room.

    Implements `app.strategy.LocalTier`.
    """

    def __init__(self, clock: Clock, entries_max: int, bytes_max: int, hears: bool) -> None:
        """Start empty; with `hears` other pods' writes are told to it."""
        self._clock, self._entries_max, self._bytes_max = clock, entries_max, bytes_max
        self._hears = hears
        self._copies: OrderedDict[str, _Copy] = OrderedDict()
        self._looked_for: OrderedDict[str, float] = OrderedDict()
        """The keys that are looked for, at most `entries_max`, and the oldest read time that may be kept of each."""
        self.bytes = 0
        self.hits = 0
        """How many answers came from a copy."""
        self.invalidated = 0
        """How many copies were dropped because their entry had been replaced or deleted."""
        self.emptied = 0
        """How often a gap in the subscription has emptied the tier."""

    def __len__(self) -> int:
        return len(self._copies)

    def get(self, key: str) -> Entry | None:
        copy = self._copies.get(key)
        if copy is not None:
            entry, clock = copy.entry, self._clock
            if clock.monotonic_s() < copy.until_s and entry.is_servable(clock.now_s()):
                self._copies.move_to_end(key)
                self.hits += 1
                return entry
            self._drop(key, copy)
        if self._hears and key not in self._looked_for:
            if len(self._looked_for) >= self._entries_max:
                self._looked_for.popitem(last=False)
            self._looked_for[key] = -inf
        return None

    def put(self, key: str, entry: Entry, for_s: float = inf) -> None:
        if self._hears and entry.read_at_s < self._looked_for.pop(key, inf):
            return  # it has been replaced since it was looked for, or nobody knows
        clock, size = self._clock, len(entry.body) + len(key) + OVERHEAD_BYTES
        keep_for_s = min(for_s, entry.keep_until_s - clock.now_s())
        before = self._copies.get(key)
        if before is not None:
            if before.entry.read_at_s > entry.read_at_s:
                return
            self._drop(key, before)
        if keep_for_s <= 0 or size > self._bytes_max:
            return
        while len(self._copies) >= self._entries_max or self.bytes + size > self._bytes_max:
            self._drop(*next(iter(self._copies.items())))
        self._copies[key] = _Copy(entry, clock.monotonic_s() + keep_for_s, size)
        self.bytes += size

    def invalidate(self, key: str, replaced_by_s: float = inf) -> None:
        """Drop the copy of a key whose entry was replaced by one that was read at `replaced_by_s`, or is gone.

        A copy that is just as new stays: it is the pod's own, or was read since.
        """
        copy = self._copies.get(key)
        if copy is not None and copy.entry.read_at_s < replaced_by_s:
            self._drop(key, copy)
            self.invalidated += 1
        if key in self._looked_for:
            if replaced_by_s == inf:
                del self._looked_for[key]  # until it is looked for again
            else:
                self._looked_for[key] = max(self._looked_for[key], replaced_by_s)

    def empty(self) -> None:
        """Drop every copy, because messages may have been lost."""
        self.emptied += bool(self._copies)
        self._copies.clear()
        self._looked_for.clear()
        self.bytes = 0

    def _drop(self, key: str, copy: _Copy) -> None:
        del self._copies[key]
        self.bytes -= copy.bytes


class LocalTiers:
    """The local tiers of one pod, by the prefix of their keys, and the messages that concern them.

    A message is a key, and after a space the moment at which the new entry was read. Without a moment the entry is
    gone.
    """

    def __init__(self, opened: Callable[[], None] = lambda: None) -> None:
        """Start without any; `opened` is called after each that is opened."""
        self._opened = opened
        self._tiers: dict[str, LruTier] = {}
        self._announced: dict[str, LruTier] = {}
        self._tracked: dict[str, LruTier] = {}

    def open(
        self, prefix: str, clock: Clock, entries_max: int, bytes_max: int, invalidation: str = CopyInvalidation.NONE
    ) -> LruTier:
        """A new tier for keys that consist of this prefix and a name without a colon.

        Raises ValueError where there is one already, and for bounds below 1 or another word for the invalidation.
        """
        way = CopyInvalidation(invalidation)
        if prefix in self._tiers:
            raise ValueError(f"{prefix} has a local tier already")
        if entries_max < 1 or bytes_max < 1:
            raise ValueError(f"a local tier has room for an entry and a byte, not {entries_max} and {bytes_max}")
        tier = LruTier(clock, entries_max, bytes_max, way is not CopyInvalidation.NONE)
        self._tiers[prefix] = tier
        if way is CopyInvalidation.PUBSUB:
            self._announced[prefix] = tier
        elif way is CopyInvalidation.TRACKING:
            self._tracked[prefix] = tier
        self._opened()
        return tier

    def of(self, prefix: str) -> LruTier | None:
        """The tier of a prefix; None where the strategy has opened none."""
        return self._tiers.get(prefix)

    @property
    def are_announced(self) -> bool:
        """Whether any tier relies on what pods publish."""
        return bool(self._announced)

    @property
    def tracked(self) -> list[str]:
        """The prefixes of the keys whose every change Redis is to tell."""
        return [*self._tracked]

    def announcement(self, key: str, entry: Entry) -> str:
        """The message to publish when this entry is stored; empty where no tier asks for it. Deletions always are."""
        if not self._announced or _prefix(key) not in self._announced:
            return ""
        return f"{key} {entry.read_at_s!r}"

    def hear(self, message: str) -> None:
        """Take a message of a pod; one that no pod can have sent counts for nothing."""
        key, _, read_at_s = message.partition(" ")
        if (tier := self._announced.get(_prefix(key))) is None:
            return
        try:
            replaced_by_s = float(read_at_s) if read_at_s else inf
        except ValueError:
            replaced_by_s = inf
        tier.invalidate(key, inf if isnan(replaced_by_s) else replaced_by_s)

    def hear_changed(self, key: str) -> None:
        """Take Redis's message that a key has changed; it does not tell by whom, or to what."""
        if (tier := self._tracked.get(_prefix(key))) is not None:
            tier.invalidate(key)

    def hear_flushed(self) -> None:
        """Take Redis's message that every key is gone."""
        for tier in self._tracked.values():
            tier.empty()

    def written(self, key: str, entry: Entry | None) -> None:
        """Note that this pod has stored the entry, or deleted the key, or cannot know whether it has."""
        if self._tiers and (tier := self._tiers.get(_prefix(key))) is not None:
            tier.invalidate(key, inf if entry is None else entry.read_at_s)

    def miss_messages(self) -> None:
        """Empty every tier that relies on messages, because some may have been lost."""
        for tier in (*self._announced.values(), *self._tracked.values()):
            tier.empty()


def _prefix(key: str) -> str:
    return key[: key.rfind(":") + 1]
