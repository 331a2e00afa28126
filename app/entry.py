"""Entries and lookups, the values of the vocabulary. A strategy imports them from `app.strategy`."""

import math
from dataclasses import dataclass
from enum import StrEnum


class Status(StrEnum):
    """How an answer was made."""

    HIT = "hit"  # from the cache, fresh
    MISS = "miss"  # this request read the origin
    STALE = "stale"  # from the cache, past its freshness: a load replaces it, or has failed
    COLLAPSED = "collapsed"  # waited for the load of another request
    SHED = "shed"  # turned away by a bound: 503
    ERROR = "error"  # the origin failed: 503


class LoadReason(StrEnum):
    """Why the origin was asked."""

    MISS = "miss"  # there was nothing to answer with
    REFRESH = "refresh"  # there was a stale entry
    EARLY = "early"  # the entry was still fresh
    WARM = "warm"  # a warmer fills the cache, and no request asked


CLOCK_ERROR_S_MAX = 1.0
"""How far two pods' ideas of the cache's time may be apart, seconds.

An entry that was read further in the future was dated by a clock that has been set since; it counts as absent.
"""


@dataclass(frozen=True, slots=True)
class Entry:
    """A cached answer.

    `read_at_s` is when the read of the origin began, so that no age is too young. `cost_s` is the time that its load
    took, from asking to answer (XFetch's delta).
    """

    body: bytes
    read_at_s: float
    fresh_until_s: float
    keep_until_s: float
    cost_s: float
    absent: bool = False  # the origin has no such item: a negative entry

    def is_fresh(self, now_s: float) -> bool:
        return now_s < self.fresh_until_s

    def age_s(self, now_s: float) -> float:
        """Seconds since the read of the origin began.

        It is below 0 by as much as the reader's clock is behind the writer's; `app.strategy_runner` decides what an
        answer shows then.
        """
        return now_s - self.read_at_s

    def is_servable(self, now_s: float) -> bool:
        """Whether a cache may serve it: before its `keep_until_s`, and not read in the future."""
        return now_s < self.keep_until_s and self.read_at_s <= now_s + CLOCK_ERROR_S_MAX

    def is_servable_on_error(self, now_s: float, stale_if_error_s: float) -> bool:
        """Whether it may answer where a load fails: before that long after its `keep_until_s` (RFC 5861)."""
        return now_s < self.keep_until_s + stale_if_error_s and self.read_at_s <= now_s + CLOCK_ERROR_S_MAX


@dataclass(frozen=True, slots=True)
class Loaded:
    """The origin's answer, with the time and the cost of the read.

    `updated_at_s` is when the item last changed, on the cache's clock; None where the origin does not say.
    """

    body: bytes
    read_at_s: float
    cost_s: float
    absent: bool = False
    keep_for_s_max: float = math.inf  # a negative answer has a short life of its own
    updated_at_s: float | None = None

    def as_entry(self, fresh_for_s: float, keep_for_s: float | None = None, anchored: bool = False) -> Entry:
        """The entry to cache: fresh for `fresh_for_s`, and kept for `keep_for_s` or just as long.

        Both count from the moment at which the read of the origin began. From any later moment, a pod that is slow to
        store would serve for longer. Raises ValueError unless 0 <= fresh_for_s <= keep_for_s, both finite.

        `anchored` ends the freshness with the next whole `fresh_for_s` since the item changed, which is never later.
        So entries that are read together expire as far apart as their items change.
        """
        if keep_for_s is None:
            keep_for_s = fresh_for_s
        if not 0 <= fresh_for_s <= keep_for_s < math.inf:
            raise ValueError(f"0 <= fresh_for_s <= keep_for_s must hold, not 0 <= {fresh_for_s!r} <= {keep_for_s!r}")
        read_at_s, longest_s = self.read_at_s, self.keep_for_s_max
        if anchored and self.updated_at_s is not None and fresh_for_s > 0:
            spent_s = (read_at_s - self.updated_at_s) % fresh_for_s
            fresh_for_s, keep_for_s = fresh_for_s - spent_s, keep_for_s - spent_s
        fresh_until_s = read_at_s + (longest_s if longest_s < fresh_for_s else fresh_for_s)
        keep_until_s = read_at_s + (longest_s if longest_s < keep_for_s else keep_for_s)
        # by position, because by name it would take twice as long
        return Entry(self.body, read_at_s, fresh_until_s, keep_until_s, self.cost_s, self.absent)


@dataclass(frozen=True, slots=True)
class Lookup:
    """A strategy's answer: an entry, and how the strategy got it."""

    status: Status
    entry: Entry
