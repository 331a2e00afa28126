"""A strategy's mechanism, in numbers: theory, the control of a comparison and the check of ages use it."""

import math
from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Self


class MechanismKind(StrEnum):
    """The way of requests that find no fresh entry, as theory tells them apart."""

    NONE = "none"  # each of them loads
    COLLAPSE = "collapse"  # one loads, the others wait for it
    COLLAPSE_IN_POD = "collapse in pod"  # one loads in each pod, the others there wait for it
    STALE = "stale"  # one loads, the others are answered with the old entry
    EARLY = "early"  # one reader loads before the expiry, by chance, and the entry is replaced before there are any
    REFRESH_AHEAD = "refresh ahead"  # one reader loads once a share of the freshness is over, before the expiry
    UNKNOWN = "unknown"  # something that theory has no formula for


@dataclass(frozen=True, slots=True)
class Mechanism:
    """A strategy's mechanism with the numbers that theory needs, made by the constructor of its kind.

    An entry's freshness lasts `stretch` TTLs on average, drawn evenly from a range that is `spread` TTLs wide. A
    `stretch` other than 1 saves loads just by older answers, so that a comparison runs a control of the same mean.
    """

    kind: MechanismKind
    stretch: float = 1.0
    spread: float = 0.0
    window_s: float = 0.0  # how long past its freshness an entry may be served
    beta: float = 0.0  # the mean head start of an early load, in costs of a load
    ahead: float = 0.0  # the share of its freshness that an entry has left from where on a reader replaces it
    leader_waits: bool = False  # whether the request that loads in place of a stale answer waits for its load
    pause_s: float = 0.0  # how long no load of a key begins after another one, even where that brought nothing
    error_window_s: float = 0.0  # how much longer it may be served where the load of a new one fails
    lag_s: float = 0.0  # how long pods may go on with copies of an entry that has been replaced

    def __post_init__(self) -> None:
        """Check the numbers. Raises ValueError for those that no entry can have."""
        for name in ("stretch", "spread", "window_s", "beta", "ahead", "pause_s", "error_window_s", "lag_s"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"Mechanism: {name} must be a finite number from 0, not {getattr(self, name)!r}")
        if self.spread > 2 * self.stretch:
            raise ValueError(f"Mechanism: a spread of {self.spread:g} around {self.stretch:g} TTLs goes below 0")
        if self.ahead > 1:
            raise ValueError(f"Mechanism: ahead is a share of the freshness, 1 at most, not {self.ahead:g}")

    @classmethod
    def none(cls, *, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """Each request that finds nothing loads: a herd at every expiry."""
        return cls(MechanismKind.NONE, stretch, spread)

    @classmethod
    def collapse(cls, *, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """One request loads over all pods, and the others wait for it."""
        return cls(MechanismKind.COLLAPSE, stretch, spread)

    @classmethod
    def collapse_in_pod(cls, *, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """One request loads in each pod that is asked, and the others of that pod wait for it."""
        return cls(MechanismKind.COLLAPSE_IN_POD, stretch, spread)

    @classmethod
    def stale(cls, *, window_s: float, stretch: float = 1.0, spread: float = 0.0, leader_waits: bool = False) -> Self:
        """The old entry is served for `window_s` past its freshness, while one load replaces it.

        With `leader_waits` the request that loads is no stale answer: it waits for its load.
        """
        return cls(MechanismKind.STALE, stretch, spread, window_s, leader_waits=leader_waits)

    @classmethod
    def early(cls, *, beta: float, stretch: float = 1.0, spread: float = 0.0, window_s: float = 0.0) -> Self:
        """A reader loads, once over all pods, an exponential head start of `beta` costs of a load before the expiry.

        Where that is too late, the old entry is served for `window_s` past its freshness: always, with a `beta` of 0.
        """
        if not beta:
            return cls.stale(window_s=window_s, stretch=stretch, spread=spread)
        return cls(MechanismKind.EARLY, stretch, spread, window_s, beta)

    @classmethod
    def refresh_ahead(cls, *, ahead: float, stretch: float = 1.0) -> Self:
        """The first reader who finds a share `ahead` of the freshness left, or less, loads, once over all pods."""
        return cls(MechanismKind.REFRESH_AHEAD, stretch, ahead=ahead)

    @classmethod
    def unknown(cls, *, stretch: float = 1.0, spread: float = 0.0, window_s: float = 0.0) -> Self:
        """Theory has no formula for it; the numbers state how old an answer may be."""
        return cls(MechanismKind.UNKNOWN, stretch, spread, window_s)

    def with_pause(self, pause_s: float) -> Self:
        """The mechanism in which no load of a key begins within `pause_s` of another one, whatever that brought."""
        return replace(self, pause_s=pause_s)

    def on_error(self, window_s: float) -> Self:
        """The mechanism that serves an entry for `window_s` more where the load of a new one fails (RFC 5861)."""
        return replace(self, error_window_s=window_s)

    def lagging(self, lag_s: float) -> Self:
        """The same with copies in the pods, which may be behind each other: reads are monotonic but for `lag_s`.

        An answer older than one that was seen more than `lag_s` before it was asked for is a wrong one.
        """
        return replace(self, lag_s=lag_s)

    def leaders_max(self, pods: int) -> int | None:
        """The most loads of one key at once in so many pods; None where each request may load, or nothing is known."""
        match self.kind:
            case MechanismKind.NONE | MechanismKind.UNKNOWN:
                return None
            case MechanismKind.COLLAPSE_IN_POD:
                return pods
        return 1

    def least_ttl_s(self, ttl_s: float) -> float:
        """The shortest time that an entry is fresh and not replaced, seconds, where the TTL is `ttl_s`."""
        return max(0.0, ttl_s * (self.stretch * (1 - self.ahead) - self.spread / 2))

    def oldest_s(self, ttl_s: float) -> float:
        """The oldest answer from the cache that the strategy promises, seconds since the read of the origin began.

        An older one is a wrong answer; an answer by a load is as old as that load.
        """
        return self.oldest_while_well_s(ttl_s) + self.error_window_s

    def oldest_while_well_s(self, ttl_s: float) -> float:
        """The oldest answer from the cache while no load fails, seconds since the read of the origin began."""
        return ttl_s * (self.stretch + self.spread / 2) + self.window_s
