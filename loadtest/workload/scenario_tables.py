"""The tables of a scenario beside its load, keys and faults: cache, origin, warm-up, live load, virtual time."""

from typing import Annotated, Literal

from pydantic import AfterValidator, BeforeValidator, Field

from app.latency import Latency
from app.payload import stated
from app.pooler import SIZE_MAX
from app.settings import ORIGIN_TIMEOUT_MS, Milliseconds
from app.slowdown import Slowdown
from app.tuner.tuner import EVERY_S
from app.warming.plan import WarmingPlan
from app.writes import Invalidation
from loadtest.workload.table import Table

RATE_REAL_MAX = 50_000
WRITES_MAX = 100_000
"""The most writes per second."""
WARMERS_MAX = 16
"""The most warmers at once."""


LIBRARY_REDIS = "fixed(0.5)"
"""The time of a library's command where the scenario's `virtual.redis` is 0, ms: about that of redis-py on loopback.

A library that polls without a pause would ask for ever at one moment.
"""


def _latency(text: str) -> str:
    Latency.parse(text)
    return text


LatencyText = Annotated[str, AfterValidator(_latency)]


class CacheTable(Table):
    """The `[cache]` table of a scenario."""

    ttl_s: float = Field(ge=0.05, le=86_400)
    """The TTL of an entry, in seconds; a strategy may draw or stretch it."""


class OriginTable(Table):
    """The `[origin]` table of a scenario."""

    latency: LatencyText
    """The time of a read, in ms: `fixed(200)`, `uniform(20, 50)`, `lognormal(median, sigma)` and others."""
    connections: int = Field(ge=1, le=256)
    """Connections of each pod for each strategy; enough not to shape the result, unless the scenario is about that."""
    connections_shared: int | None = Field(None, ge=1, le=SIZE_MAX)
    """Connections of all pods together for each strategy, handed out first come, first served.

    A read first takes one of its pod's connections, and with it queues for a shared one. None leaves each pod its own
    alone.
    """
    timeout_ms: Milliseconds = ORIGIN_TIMEOUT_MS
    """The time after which a load counts as failed, queueing included; what it brings later is not stored."""
    slowdown: Slowdown | None = None
    """How the latency grows with the reads under way, over all pods; None where load makes no read slower."""

    @property
    def longest_ms(self) -> float:
        """The longest latency of a read, under the greatest load, in ms."""
        return Latency.parse(self.latency).longest_ms * (1.0 if self.slowdown is None else self.slowdown.times_max)


class PayloadTable(Table):
    """The `[payload]` table: how long items' texts are, the same for each item in every world."""

    bytes: Annotated[str, BeforeValidator(stated)]
    """The length of an item's text: a number, `uniform(low, high)` or `lognormal(median, sigma)`."""


class WritesTable(Table):
    """The `[writes]` table: items that change while they are read, at random moments and as popular as for readers."""

    rate_per_s: float = Field(gt=0, le=WRITES_MAX)
    """Writes per second."""
    invalidation: Invalidation = Invalidation.DELETE
    """The fate of the entry of an item that was written."""


class TunerTable(Table):
    """The `[tuner]` table: a process beside the pods that sets a TTL for each prefix of the keys, by request rates."""

    every_s: float = Field(EVERY_S, ge=0.1, le=3_600)
    """Seconds between two rounds, in each of which it reads the rates and sets the TTLs."""


class Warm(Table):
    """The warm-up: what happens before the load begins."""

    keys: Literal["none", "burst"] = "none"
    """The keys that are asked for once each: `burst` asks for all at once, so that all entries are written together."""
    lead_s: float = Field(0, ge=0, le=60)
    """Seconds from the burst's end to the load, in virtual time; elsewhere it is what starting the load takes."""


class WarmingTable(WarmingPlan):
    """The `[warming]` table: warmers that fill the cache beside the pods while the load goes on.

    `until_s` is a second of the load here.
    """

    at_s: float = Field(0.0, ge=0, le=3_600)
    """The second of the load at which they begin."""
    warmers: int = Field(1, ge=1, le=WARMERS_MAX)
    """Warmers at once, each a process of its own, which share the keys; each of them has the whole rate."""

    @property
    def plan(self) -> WarmingPlan:
        """The plan of each of them."""
        return WarmingPlan.model_validate(self.model_dump(include=set(WarmingPlan.model_fields)))

    def why_not(self, duration_s: float, keys: int, ttl_s: float) -> str:
        """The bound of a scenario that the table breaks; empty where it fits."""
        if self.at_s >= duration_s:
            return f"warming.at_s must be less than duration_s ({duration_s:g})"
        if (self.keys or 0) > keys:
            return f"warming.keys must be at most keys.count ({keys:,})"
        if self.warmers > (self.keys or keys):
            return f"warming.warmers must be at most the number of keys that they share ({self.keys or keys:,})"
        if self.until_s is not None and not self.at_s < self.until_s <= self.at_s + ttl_s:
            return f"warming.until_s must be after at_s ({self.at_s:g}) and within a TTL of it ({self.at_s + ttl_s:g})"
        return ""


class Virtual(Table):
    """Properties that a machine and a network have by themselves, and that virtual time must be given."""

    network: LatencyText = "fixed(0.25)"
    """The delay one way between client and pod, and between pod and pooler: a distribution like the origin's, in ms."""
    redis: LatencyText = "fixed(0)"
    """The time of a command to Redis and back, in ms."""
    wire: bool = False
    """Whether pods run the service's own cache over a simulated wire, instead of a simulated cache that is faster."""
    redis_entries_max: int | None = Field(None, ge=1, le=100_000_000)
    """The entries that Redis has room for; then its policy decides."""
    redis_policy: Literal["allkeys-lru", "noeviction"] = "allkeys-lru"
    """The policy of a Redis without room: to evict what was not used for longest, or to refuse."""
    service_us: float = Field(0, ge=0, le=1_000_000)
    """Microseconds of CPU that a request takes in its pod, which serves one at a time; with 0 no CPU is ever full."""
    load_us: float = Field(0, ge=0, le=1_000_000)
    """Microseconds of CPU that a load takes in its pod, beyond those of the request that it is for."""

    def for_library(self) -> "Virtual":
        """The table for a library, which brings its own client: over the wire, and with a command taking time."""
        takes_none = Latency.parse(self.redis).longest_ms == 0
        return self.model_copy(update={"wire": True} | ({"redis": LIBRARY_REDIS} if takes_none else {}))


class Live(Table):
    """The live load of the stack, which never ends and goes to all its strategies at once."""

    rate_per_s: float | None = Field(None, gt=0, le=RATE_REAL_MAX)
    """Requests per second of all strategies together; by default as close to the load's own for each as can be."""
    strategies: list[str] = Field(default_factory=list)
    """The strategies that get the live load, or groups of them; those that run by default where none is named."""
    keys: int | None = Field(None, ge=1, le=1_000_000)
    """The number of keys, by default the scenario's; at a low rate, few keys have requests enough for a herd."""
