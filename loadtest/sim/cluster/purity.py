"""How long a strategy answers with an entry whatever else happens: asked of the strategy itself, once for each entry.

It is asked with a `Lab` in which everything is noted. The cache holds the one entry. The clock gives readings that can
be added, scaled and compared, and each comparison notes the moment at which it would come out otherwise.

If the strategy answers with the entry as a hit, and has touched nothing else, it does so until the first of those
moments. Two requests before it differ in nothing that the strategy could know.
"""

import math
from typing import Any, NoReturn

from app.settings import Settings
from app.strategy import Entry, Lab, Lookup, Status, Strategy
from loadtest.sim.cluster.stateless import is_stateless

NEVER_S = -math.inf
MARGIN_S = 1e-6
"""Seconds by which a moment that follows from arithmetic counts as earlier, so that no rounding makes it too late."""
ROUNDING = 1e-12
"""The relative error that is allowed for in sums: some thousand times the real one."""
_ITSELF = -1.0


class Impure(Exception):
    """A strategy has touched something of which no more is known."""


class _Notes:
    """The notes of one asking: whether only the entry and the clock were touched, and until when the answer holds."""

    def __init__(self) -> None:
        self.now_s, self.until_s, self.is_pure = 0.0, math.inf, True

    def refuse(self, *_: object) -> NoReturn:
        self.is_pure = False  # whatever the strategy makes of the error
        raise Impure

    def turns(self, at_s: float) -> None:
        self.until_s = min(self.until_s, at_s)


class Moment:
    """A reading of the clock, or what arithmetic made of it: a value now, and its slope over time."""

    __slots__ = ("_greatest", "_notes", "_slope", "_value")
    __hash__ = None  # type: ignore[assignment]

    def __init__(self, notes: _Notes, value: float, slope: float, greatest: float) -> None:
        """Note the moment; `greatest` is the greatest number that went into it, and below 0 for a reading itself."""
        self._notes, self._value, self._slope, self._greatest = notes, value, slope, greatest

    def __add__(self, other: Any) -> "Moment":
        if not isinstance(other, Moment):
            return self + Moment(self._notes, self._number(other), 0.0, 0.0)
        value = self._value + other._value
        greatest = max(self._greatest, other._greatest, abs(self._value), abs(other._value), abs(value))
        return Moment(self._notes, value, self._slope + other._slope, greatest)

    def __mul__(self, other: Any) -> "Moment":
        by = self._number(other)
        value, slope = self._value * by, self._slope * by
        return Moment(self._notes, value, slope, max(abs(value), max(self._greatest, abs(self._value)) * abs(by)))

    def __sub__(self, other: Any) -> "Moment":
        return self + (other * -1 if isinstance(other, Moment) else -self._number(other))

    def __rsub__(self, other: Any) -> "Moment":
        return (-self).__add__(other)

    def __truediv__(self, other: Any) -> "Moment":
        by = self._number(other)
        return self * (1 / by if by else self._notes.refuse())

    def __neg__(self) -> "Moment":
        return self * -1

    def __radd__(self, other: Any) -> "Moment":
        return self.__add__(other)

    def __rmul__(self, other: Any) -> "Moment":
        return self.__mul__(other)

    def __lt__(self, other: Any) -> bool:
        return self._apart(other) < 0

    def __le__(self, other: Any) -> bool:
        return self._apart(other) <= 0

    def __gt__(self, other: Any) -> bool:
        return self._apart(other) > 0

    def __ge__(self, other: Any) -> bool:
        return self._apart(other) >= 0

    def _apart(self, other: Any) -> float:
        """The difference to what it is compared with, whose change of sign is noted."""
        notes = self._notes
        if self._greatest < 0 and type(other) is float:  # the clock's own reading: exact
            if notes.now_s <= other:
                notes.turns(other)
            return self._value - other
        apart: Moment = self - other
        error = ROUNDING * max(apart._greatest, abs(apart._value))
        if not apart._slope:
            return apart._value if abs(apart._value) > error else notes.refuse()
        away_s = -apart._value / apart._slope
        error_s = MARGIN_S + ROUNDING * notes.now_s + error / abs(apart._slope)
        if away_s >= -error_s:
            notes.turns(notes.now_s + away_s - error_s)
        return apart._value

    def _number(self, other: Any) -> float:
        return float(other) if type(other) in (float, int) and math.isfinite(other) else self._notes.refuse()

    def _refuse(self, *_: object) -> NoReturn:
        self._notes.refuse()

    __eq__ = __ne__ = __bool__ = __float__ = __int__ = __index__ = __complex__ = _refuse
    __round__ = __trunc__ = __floor__ = __ceil__ = __abs__ = __pos__ = __pow__ = __rpow__ = _refuse
    __mod__ = __rmod__ = __divmod__ = __rdivmod__ = __floordiv__ = __rfloordiv__ = __rtruediv__ = _refuse
    __str__ = __repr__ = __format__ = __bytes__ = __reduce_ex__ = __len__ = __iter__ = __getattr__ = _refuse


class _Refused:
    """A part of the `Lab` that a pure answer does not touch."""

    def __init__(self, notes: _Notes) -> None:
        self._notes = notes

    def __getattr__(self, name: str) -> NoReturn:
        self._notes.refuse()


class _NotedClock(_Refused):
    def now_s(self) -> Moment:
        return Moment(self._notes, self._notes.now_s, 1.0, _ITSELF)

    monotonic_s = now_s


class _OneEntry(_Refused):
    key, entry = "", Entry(b"", 0.0, 0.0, 0.0, 0.0)

    async def get(self, key: str) -> Entry:
        return self.entry if key == self.key else self._notes.refuse()


class Purity:
    """A strategy as it is in every pod, that can be asked how long an answer holds."""

    def __init__(self, strategy: type[Strategy], settings: Settings) -> None:
        self._notes = notes = _Notes()
        self._cache = _OneEntry(notes)
        nothing: Any = _Refused(notes)
        clock: Any = _NotedClock(notes)
        cache: Any = self._cache
        params = settings.params.get(strategy.name, {})
        self._strategy = strategy(
            Lab(cache, clock, nothing, nothing, settings.ttl_s, {**params}, nothing, local_tier=notes.refuse)
        )
        self._load: Any = notes.refuse

    @classmethod
    def of(cls, strategy: type[Strategy], settings: Settings) -> "Purity | None":
        """The purity of the strategy; None where it may remember something, so that no answer is known beforehand."""
        return cls(strategy, settings) if is_stateless(strategy) else None

    def until_s(self, key: str, entry: Entry, now_s: float) -> float:
        """The moment up to which every request for the key, from now on, is answered with the entry as a hit.

        `NEVER_S` where that depends on anything but the time. Meanwhile the cache has to hold the entry.
        """
        notes, cache = self._notes, self._cache
        notes.now_s, notes.until_s, notes.is_pure = now_s, math.inf, True
        cache.key, cache.entry = key, entry
        try:
            asked = self._strategy.get_or_load(key, self._load)  # a plain function may run here, and raise
            asked.send(None)
        except StopIteration as answered:
            lookup = answered.value
            is_hit = type(lookup) is Lookup and lookup.status is Status.HIT and lookup.entry is entry
            return notes.until_s if is_hit and notes.is_pure else NEVER_S
        except Exception:  # of a strategy that is being written, or of one that was refused something
            return NEVER_S
        asked.close()
        return NEVER_S
