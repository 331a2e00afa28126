"""The settings of the nets, as `LAB_NETS` and as the table `[nets]` of a scenario."""

from enum import StrEnum
from typing import Literal, Self

from pydantic import Field, model_validator

from app.stated_table import StatedTable


class Net(StrEnum):
    """The names of the nets, as metrics and records carry them."""

    FAILURE_MARK = "failure-mark"
    STALE_IF_ERROR = "stale-if-error"
    BREAKER = "breaker"
    QUEUE = "queue"
    LIMIT = "limit"
    RATE_LIMIT = "rate-limit"
    CLIENT_RATE_LIMIT = "client-rate-limit"
    SOFT_TIMEOUT = "soft-timeout"
    HARD_TIMEOUT = "hard-timeout"


class BreakerNet(StatedTable):
    """The `[nets.breaker]` table: a circuit breaker round the origin, of each strategy in each pod."""

    failures_share: float = Field(0.5, gt=0, le=1)
    """The share of failed loads in the window from which on the breaker opens."""
    loads_min: int = Field(10, ge=1, le=100_000)
    """The fewest loads in the window that say anything."""
    window_s: float = Field(10.0, ge=0.1, le=3_600)
    """The length of the sliding window, seconds."""
    open_s: float = Field(1.0, ge=0.01, le=600)
    """How long the breaker stays open before it lets probes through, seconds."""
    open_s_max: float | None = Field(None, ge=0.01, le=3_600)
    """The bound up to which `open_s` doubles with each round of probes that fails; None for no doubling."""
    probes: int = Field(1, ge=1, le=1_000)
    """Loads at once that a half-open breaker lets through; as many in a row have to succeed before it closes."""

    @model_validator(mode="after")
    def _doubles_upwards(self) -> Self:
        if self.open_s_max is not None and self.open_s_max < self.open_s:
            raise ValueError(f"open_s_max ({self.open_s_max:g}) must be at least open_s ({self.open_s:g})")
        return self


class LimitNet(StatedTable):
    """The `[nets.limit]` table: an adaptive limit of the loads under way, of each strategy in each pod."""

    kind: Literal["aimd", "gradient"] = "gradient"
    """The policy: `aimd` goes by loads that fail or are slow, `gradient` by latency against the lowest one seen."""
    initial: int = Field(20, ge=1, le=10_000)
    """The limit at the start, loads."""
    least: int = Field(1, ge=1, le=10_000)
    """The lowest limit, loads."""
    most: int = Field(256, ge=1, le=10_000)
    """The highest limit, loads."""
    backoff: float = Field(0.9, ge=0.5, lt=1)
    """The factor of `aimd` on a load that failed or was slow."""
    slow_ms: float = Field(1_000.0, ge=1, le=600_000)
    """The time from which on `aimd` takes a load for slow."""
    tolerance: float = Field(1.5, ge=1, le=10)
    """The growth of latency over the lowest one that `gradient` takes for no queue."""

    @model_validator(mode="after")
    def _bounds_fit(self) -> Self:
        if not self.least <= self.initial <= self.most:
            raise ValueError(
                f"least ({self.least}) <= initial ({self.initial}) <= most ({self.most}) must hold: state all three"
            )
        return self


class Nets(StatedTable):
    """The nets of a pod. Each is off unless it is set, but for the failure that pods share."""

    failure_mark_ms: float = Field(100.0, ge=0, le=60_000)
    """How long a failed load of a key answers whoever would wait for that key, in every pod; 0: not at all."""
    stale_if_error_s: float = Field(0.0, ge=0, le=86_400)
    """How long past its time an entry may still answer where the load of a new one fails (RFC 5861)."""
    breaker: BreakerNet | None = None
    """The circuit breaker round the origin; None where there is none."""
    queue_max: int | None = Field(None, ge=0, le=100_000)
    """Reads that may wait for a connection, in the place of the setting `origin_queue_max`."""
    limit: LimitNet | None = None
    """The adaptive limit of loads under way; None where there is none."""
    rate_limit_per_s: float | None = Field(None, gt=0, le=1_000_000)
    """Requests per second that a pod takes for each strategy; beyond it, 429."""
    rate_limit_per_client_per_s: float | None = Field(None, gt=0, le=1_000_000)
    """Requests per second that a pod takes from each client for each strategy; beyond it, 429."""
    burst_s: float = Field(1.0, ge=0.01, le=600)
    """The size of both rate limits' buckets, in seconds of their rate: what may come at once after silence."""
    clients_max: int = Field(10_000, ge=1, le=1_000_000)
    """Clients that a pod keeps a bucket for; one more takes the place of the one that was seen longest ago."""
    client_header: str = Field("", pattern=r"^[a-z0-9-]{0,64}$")
    """The request header that tells clients apart, in lower case; empty: the address of the peer."""
    soft_timeout_ms: float | None = Field(None, ge=1, le=600_000)
    """The time after which an old entry answers, where there is one, while the load goes on."""
    hard_timeout_ms: float | None = Field(None, ge=1, le=600_000)
    """The time after which a request fails, while the load goes on."""

    @model_validator(mode="after")
    def _soft_before_hard(self) -> Self:
        soft_ms, hard_ms = self.soft_timeout_ms, self.hard_timeout_ms
        if soft_ms is not None and hard_ms is not None and soft_ms > hard_ms:
            raise ValueError(f"soft_timeout_ms ({soft_ms:g}) must be at most hard_timeout_ms ({hard_ms:g})")
        return self
