"""The candidates of an advice: every strategy, with settings that keep its promise within the age allowed.

Nothing is known of a parameter but its bounds and what it does to the strategy's mechanism. One that makes the oldest
answer older takes a part of the age that is allowed beyond the TTL. Of the others a few values around the default are
tried, and every word.
"""

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

from app.parameters import Parameter
from app.strategy import Mechanism, MechanismKind, Strategy

FACTORS = (0.5, 2.0)
"""The multiples of a default that are tried of a number that costs no age."""
NEAR = 0.1
"""The share by which a number has to differ from the first one to be worth a run; of the age beyond the TTL, too."""
BISECTIONS = 40
_SLACK = 1e-9

Values = dict[str, float | str]


@dataclass(frozen=True, slots=True)
class Candidate:
    """A strategy with settings that are to be tried."""

    strategy: str
    parameters: tuple[tuple[str, float | str], ...] = ()
    """The settings that differ from the defaults, in the order in which the strategy declares them."""
    oldest_s: float = math.nan
    """The oldest answer by its own promise, seconds."""

    @property
    def params(self) -> Values:
        """The settings as a scenario has them."""
        return dict(self.parameters)

    @property
    def label(self) -> str:
        """The strategy with its settings, in words."""
        said = ", ".join(
            f"{name} {value}" if isinstance(value, str) else f"{name} {value:g}" for name, value in self.parameters
        )
        return f"{self.strategy} ({said})" if said else self.strategy


@dataclass(frozen=True, slots=True)
class Excluded:
    """A strategy that no setting makes allowed."""

    strategy: str
    why: str


def first_of(strategy: type[Strategy], ttl_s: float, allowed_s: float) -> Candidate | Excluded:
    """The strategy as its author has set it, with as little less age as the bound needs."""
    defaults = {name: one.default for name, one in strategy.parameters().items()}
    if _oldest_s(strategy, ttl_s, defaults) <= allowed_s + _SLACK:
        return _candidate(strategy, ttl_s, defaults)
    aging = _aging(strategy, ttl_s)
    low, high = 0.0, 1.0
    if _oldest_s(strategy, ttl_s, _scaled(strategy, defaults, aging, 0.0)) > allowed_s + _SLACK:
        oldest_s = _oldest_s(strategy, ttl_s, _scaled(strategy, defaults, aging, 0.0))
        return Excluded(strategy.name, f"its answers may be {oldest_s:,.3g} s old, whatever its settings")
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_young = _oldest_s(strategy, ttl_s, _scaled(strategy, defaults, aging, middle)) <= allowed_s
        low, high = (middle, high) if is_young else (low, middle)
    values = _rounded(_scaled(strategy, defaults, aging, low), aging)
    if _needs_age(strategy, ttl_s, defaults) and not _window_s(strategy, ttl_s, values):
        oldest_s = _oldest_s(strategy, ttl_s, defaults)
        why = f"it answers past the TTL, up to {oldest_s:,.3g} s as it is set, and {allowed_s:,.3g} s are allowed"
        return Excluded(strategy.name, why)
    return _candidate(strategy, ttl_s, values)


def others_of(strategy: type[Strategy], ttl_s: float, allowed_s: float) -> list[Candidate]:
    """Other settings of the strategy that keep within the age allowed, one parameter changed at a time."""
    base = first_of(strategy, ttl_s, allowed_s)
    if isinstance(base, Excluded):
        return []
    declared, aging = strategy.parameters(), _aging(strategy, ttl_s)
    start: Values = {name: one.default for name, one in declared.items()} | base.params
    found: dict[Candidate, None] = {}
    for name, one in declared.items():
        for values in _variants(strategy, name, one, start, aging, ttl_s, allowed_s):
            if _oldest_s(strategy, ttl_s, values) > allowed_s + _SLACK:
                continue
            if _needs_age(strategy, ttl_s, start) and not _window_s(strategy, ttl_s, values):
                continue
            found[_candidate(strategy, ttl_s, values)] = None
    return [one for one in found if one != base and not _is_near(one.params, base.params)]


def keeps_to(ttl_s: float, candidate: Candidate) -> bool:
    """Whether the candidate promises no answer older than the TTL."""
    return candidate.oldest_s <= ttl_s * (1 + 1e-9)


def _is_near(one: Values, other: Values) -> bool:
    """Whether two settings are the same but for a tenth of a number."""
    if one.keys() != other.keys():
        return False
    pairs = [(one[name], other[name]) for name in one]
    return all(
        a == b
        or (isinstance(a, float) and isinstance(b, float) and min(a, b) >= (1 - NEAR) * max(a, b) and min(a, b) > 0)
        for a, b in pairs
    )


def _variants(
    strategy: type[Strategy],
    name: str,
    one: Parameter,
    start: Values,
    aging: Mapping[str, float],
    ttl_s: float,
    allowed_s: float,
) -> Iterator[Values]:
    if one.choices:
        yield from ({**start, name: word} for word in one.choices if word != start[name])
        return
    now = float(start[name])
    if name not in aging:
        tried = {now * factor for factor in FACTORS} if now else set()
        yield from ({**start, name: _short(min(max(value, one.low), one.high))} for value in sorted(tried))
        return
    # Age that is allowed costs nothing in the order until all else is equal: never a part of it where all can be had.
    without = {**start, **{other: aging[other] for other in aging if other != name}}
    for rest in (start, without):  # what is left of the age beside the others, and all of it
        value = _short(_most(strategy, name, rest, ttl_s, allowed_s))
        gained_s = _oldest_s(strategy, ttl_s, {**rest, name: value}) - _oldest_s(strategy, ttl_s, start)
        if value > aging[name] and (rest is without or gained_s >= NEAR * (allowed_s - ttl_s)):
            yield {**rest, name: value}


def _most(strategy: type[Strategy], name: str, values: Values, ttl_s: float, allowed_s: float) -> float:
    """The highest value of a parameter that keeps the promise within the age allowed, beside the other values."""
    one = strategy.parameters()[name]
    low, high = one.low, min(one.high, max(allowed_s, 2 * float(one.default), 1.0))
    if _oldest_s(strategy, ttl_s, {**values, name: high}) <= allowed_s:
        return high
    for _ in range(BISECTIONS):
        middle = (low + high) / 2
        is_young = _oldest_s(strategy, ttl_s, {**values, name: middle}) <= allowed_s
        low, high = (middle, high) if is_young else (low, middle)
    return low


def _aging(strategy: type[Strategy], ttl_s: float) -> dict[str, float]:
    """The numbers that make the oldest answer older as they grow, with the lowest value of each."""
    declared = strategy.parameters()
    defaults = {name: one.default for name, one in declared.items()}
    found = {}
    for name, one in declared.items():
        if one.choices or not math.isfinite(one.low):
            continue
        low, here = (_oldest_s(strategy, ttl_s, {**defaults, name: value}) for value in (one.low, float(one.default)))
        if here > low:
            found[name] = one.low
    return found


def _scaled(strategy: type[Strategy], values: Values, aging: Mapping[str, float], share: float) -> Values:
    return {**values, **{name: low + share * (float(values[name]) - low) for name, low in aging.items()}}


def _rounded(values: Values, names: Mapping[str, float]) -> Values:
    return {name: _short(float(value)) if name in names else value for name, value in values.items()}


def _short(value: float) -> float:
    """The value with two digits, rounded towards 0, so that no bound is passed."""
    if not value:
        return 0.0
    digits = 1 - math.floor(math.log10(abs(value)))
    factor = 10.0**digits
    return math.floor(value * factor + 1e-6) / factor


def _candidate(strategy: type[Strategy], ttl_s: float, values: Values) -> Candidate:
    declared = strategy.parameters()
    own = tuple((name, values[name]) for name, one in declared.items() if values[name] != one.default)
    return Candidate(strategy.name, own, _oldest_s(strategy, ttl_s, values))


def mechanism_of(strategy: type[Strategy], ttl_s: float, values: Mapping[str, float | str]) -> Mechanism | None:
    """The mechanism under these settings; None where they do not fit together."""
    try:
        return strategy.stated(ttl_s, values).mechanism()
    except ValueError:
        return None


def _oldest_s(strategy: type[Strategy], ttl_s: float, values: Values) -> float:
    mechanism = mechanism_of(strategy, ttl_s, values)
    return math.inf if mechanism is None else mechanism.oldest_s(ttl_s)


def _window_s(strategy: type[Strategy], ttl_s: float, values: Values) -> float:
    mechanism = mechanism_of(strategy, ttl_s, values)
    return 0.0 if mechanism is None else mechanism.window_s


def _needs_age(strategy: type[Strategy], ttl_s: float, values: Values) -> bool:
    """Whether the strategy is one that lives by answers past the TTL."""
    mechanism = mechanism_of(strategy, ttl_s, values)
    return mechanism is not None and mechanism.kind is MechanismKind.STALE
