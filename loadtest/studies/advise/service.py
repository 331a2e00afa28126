"""One's own service, in the numbers that decide which strategy it needs."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Self

from app.latency import Latency
from app.payload import stated
from app.pooler import SIZE_MAX
from loadtest.workload.scenario import Scenario
from loadtest.workload.traffic import IDS_MAX, MEASURED_MAX, RATE_MAX, SUM_ERROR_MAX, Keys

TTL_S_MIN, TTL_S_MAX = 0.05, 86_400.0
PODS_MAX = 1_000
"""The most pods of a service that is advised; a deploy replaces them one after the other."""
ZIPF_MAX = 5.0
LATENCY_MS_MAX = 60_000.0


class BadService(ValueError):
    """A number that no service can have; the text names the field, the value and the bound."""


@dataclass(frozen=True, slots=True)
class Service:
    """A service behind a cache: its load, its TTL, its origin, and what its users may be asked to bear.

    Popularity is uniform, Zipf's law by `zipf`, or the `shares` of the most popular keys as measured.
    """

    keys: int
    """The number of keys that are asked for."""
    rate_per_s: float
    """Requests per second, all pods together."""
    ttl_s: float
    origin: str
    """The latency of a read of the origin in ms: fixed(350), uniform(20, 50) or lognormal(200, 0.5)."""
    zipf: float | None = None
    shares: tuple[float, ...] = ()
    """The shares of the requests for the most popular keys, in order; the rest goes evenly to the other keys."""
    pool: int | None = None
    """Connections to the origin that all pods share; None where they are not known, and taken for enough."""
    pods: int = 1
    max_age_s: float | None = None
    """The oldest answer that is allowed, seconds since it was read; None allows the TTL and no more."""
    max_wait_ms: float | None = None
    """The longest p99 that is allowed in the steady state, ms; None for no bound."""
    payload: str = "fixed(512)"
    """Bytes of an item's text, as a distribution."""
    absent_share: float = 0.0
    """The share of the requests that is for items that do not exist."""
    guessed: tuple[str, ...] = ()
    """The fields that were not stated, and have a default or an estimate."""

    def __post_init__(self) -> None:
        """Check every number. Raises `BadService`."""
        _check("keys", self.keys, 1, IDS_MAX)
        _check("rate_per_s", self.rate_per_s, 1e-3, RATE_MAX)
        _check("ttl_s", self.ttl_s, TTL_S_MIN, TTL_S_MAX)
        _check("pods", self.pods, 1, PODS_MAX)
        _check("absent_share", self.absent_share, 0.0, 0.99)
        if self.zipf is not None:
            _check("zipf", self.zipf, 1e-3, ZIPF_MAX)
        if self.pool is not None:
            _check("pool", self.pool, 1, SIZE_MAX)
        if self.max_age_s is not None:
            _check("max_age_s", self.max_age_s, TTL_S_MIN, 10 * TTL_S_MAX)
        if self.max_wait_ms is not None:
            _check("max_wait_ms", self.max_wait_ms, 0.1, LATENCY_MS_MAX)
        try:
            latency = Latency.parse(self.origin)
            stated(self.payload)
        except ValueError as error:
            raise BadService(f"origin or payload: {error}") from None
        _check("origin", latency.mean_ms, 0.01, LATENCY_MS_MAX, "ms on average")
        self._check_shares()

    def _check_shares(self) -> None:
        if not self.shares:
            return
        if self.zipf is not None:
            raise BadService("shares and zipf: state one of them")
        total, most = sum(self.shares), min(self.keys, MEASURED_MAX)
        if len(self.shares) > most:
            raise BadService(f"shares: at most {most:,} of them, not {len(self.shares):,}")
        if min(self.shares) < 0 or not 0 < total <= 1 + SUM_ERROR_MAX:
            raise BadService(f"shares: each from 0, and together at most 1, not {total:g}")

    @property
    def allowed_age_s(self) -> float:
        """The oldest answer that is allowed, seconds."""
        return self.ttl_s if self.max_age_s is None else self.max_age_s

    @property
    def latency(self) -> Latency:
        """The origin's latency."""
        return Latency.parse(self.origin)

    @property
    def popularity(self) -> Keys:
        """The keys and their popularity, as a scenario has them."""
        measured = list(self.shares) or None
        return Keys(count=self.keys, zipf=self.zipf, measured=measured, absent_share=self.absent_share)

    def changed(self, **fields: Any) -> Self:
        """The service with other numbers. Raises `BadService`."""
        return replace(self, **fields)

    def as_dict(self) -> dict[str, Any]:
        """The fields as JSON can hold them."""
        return {**asdict(self), "shares": list(self.shares), "guessed": list(self.guessed)}

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> "Service":
        """The service that `as_dict` describes. Raises `BadService`, or TypeError for an unknown field."""
        tuples = {name: tuple(stated.get(name, ())) for name in ("shares", "guessed")}
        return cls(**{**stated, **tuples})

    @classmethod
    def of_scenario(cls, scenario: Scenario) -> "Service":
        """The service that a scenario describes, in the figures that both have. Raises `BadService`."""
        keys, load = scenario.keys, scenario.load
        if load.rate_per_s is None:
            raise BadService(f"{scenario.name}: load.rate_per_s: the advice needs a rate, in an open or a closed loop")
        shares: tuple[float, ...] = tuple(keys.measured or ())
        if keys.hot_share is not None:
            shares = (keys.hot_share,)  # the other keys are equally popular
        return cls(
            keys=keys.count,
            rate_per_s=load.rate_per_s,
            ttl_s=scenario.cache.ttl_s,
            origin=scenario.origin.latency,
            zipf=keys.zipf,
            shares=shares,
            pool=scenario.connections_together,
            pods=scenario.pods,
            payload="fixed(512)" if scenario.payload is None else scenario.payload.bytes,
            absent_share=keys.absent_share,
        )


def _check(name: str, value: float, low: float, high: float, unit: str = "") -> None:
    is_number = isinstance(value, int | float) and not isinstance(value, bool) and math.isfinite(value)
    if not is_number or not low <= value <= high:
        shown = f"{value:,g}" if is_number else repr(value)
        raise BadService(f"{name}: must be from {low:,g} to {high:,g}{' ' * bool(unit)}{unit}, not {shown}")
