"""A strategy's mechanism, in numbers: theory, the control of a comparison and the check of ages use it."""

import math
from dataclasses import dataclass
from enum import StrEnum
from typing import Self


class MechanismKind(StrEnum):
    """The way of requests that find no fresh entry, as theory tells them apart."""

    NONE = "none"  # each of them loads
    COLLAPSE = "collapse"  # one loads, the others wait for it
    STALE = "stale"  # one loads, the others are answered with the old entry
    EARLY = "early"  # one reader loads before the expiry, by chance, and the entry is replaced before there are any
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

    def __post_init__(self) -> None:
        """Check the numbers. Raises ValueError for those that no entry can have."""
        for name in ("stretch", "spread", "window_s", "beta"):
            if not 0 <= getattr(self, name) < math.inf:
                raise ValueError(f"Mechanism: {name} must be a finite number from 0, not {getattr(self, name)!r}")
        if self.spread > 2 * self.stretch:
            raise ValueError(f"Mechanism: a spread of {self.spread:g} around {self.stretch:g} TTLs goes below 0")

    @classmethod
    def none(cls, *, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """Each request that finds nothing loads: a herd at every expiry."""
        return cls(MechanismKind.NONE, stretch, spread)

    @classmethod
    def collapse(cls, *, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """One request loads over all pods, and the others wait for it."""
        return cls(MechanismKind.COLLAPSE, stretch, spread)

    @classmethod
    def stale(cls, *, window_s: float, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """The old entry is served for `window_s` past its freshness, while one load replaces it."""
        return cls(MechanismKind.STALE, stretch, spread, window_s)

    @classmethod
    def early(cls, *, beta: float, stretch: float = 1.0, spread: float = 0.0) -> Self:
        """A reader loads, once over all pods, an exponential head start of `beta` costs of a load before the expiry."""
        return cls(MechanismKind.EARLY, stretch, spread, beta=beta)

    @classmethod
    def unknown(cls, *, stretch: float = 1.0, spread: float = 0.0, window_s: float = 0.0) -> Self:
        """Theory has no formula for it; the numbers state how old an answer may be."""
        return cls(MechanismKind.UNKNOWN, stretch, spread, window_s)

    def least_ttl_s(self, ttl_s: float) -> float:
        """The shortest time that an entry is fresh, seconds, where the TTL is `ttl_s`."""
        return max(0.0, ttl_s * (self.stretch - self.spread / 2))

    def oldest_s(self, ttl_s: float) -> float:
        """The oldest answer from the cache that the strategy promises, seconds since the read of the origin began.

        An older one is a wrong answer; an answer by a load is as old as that load.
        """
        return ttl_s * (self.stretch + self.spread / 2) + self.window_s
