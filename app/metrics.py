"""Every metric of a pod, and the observers that feed them.

Children exist from the start, so that a panel shows 0 and not a gap. They are bound once, and counting is an addition
to a plain number (see `app.counters`). Labels are bounded: strategies, statuses, reasons, commands.
"""

import inspect
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Any, Protocol, TypeVar

from prometheus_client import CollectorRegistry

from app.contender_names import version_of
from app.counters import Count, CounterFamily, Family, GaugeFamily, HistogramFamily
from app.exposition import Exposition
from app.ledger import AskedRead
from app.local_tier_metrics import LocalTierMetrics
from app.nets.breaker import BreakerState
from app.nets.nets import Net
from app.nets.origin_guard import OriginGuard
from app.peers.peers import PeerOutcome
from app.prefixes import prefixes_of
from app.settings import Settings
from app.strategy import LoadReason, Shed, Status, Strategy
from app.strategy_groups import CONTENDER_MARK, CONTENDERS, MARK, MARKED, WRONG

# Closer together around an origin's usual latency (20 to 300 ms), where p99 has to be right to 10 %.
DURATION_BUCKETS_S = (
    0.001, 0.0025, 0.005, 0.01, 0.02, 0.03, 0.04, 0.05, 0.065, 0.08, 0.1, 0.125, 0.15, 0.175,
    0.2, 0.22, 0.24, 0.27, 0.3, 0.4, 0.6, 1.0, 2.0, 5.0,
)  # fmt: skip
AGE_BUCKETS_S = (0.1, 0.5, 1.0, 2.0, 3.0, 4.0, 5.0, 6.0, 8.0, 10.0, 12.5, 15.0, 20.0, 30.0, 60.0)
BATCH_BUCKETS = (1, 2, 4, 8, 16, 32, 64, 128, 256)
SAID_CHARS_MAX = 300
"""The length at which a strategy's own first sentence is cut, in a label."""
COMMANDS = (
    *("mget", "set", "put", "delete", "lock", "renew", "unlock", "mark", "time", "hello"),
    *("count", "counted", "settings", "set_setting"),
)
TASKS = (
    "clock",
    "notifications",
    "standstills",
    "connection",
    "flight",
    "lease",
    "read",
    "pooler",
    "request",
    "counts",
    "settings",
    "peer",
    "peers",
)

F = TypeVar("F", bound=Family[Any])


class Metrics:
    """The metrics of one pod, in a registry of their own.

    Implements `app.pod.PodEvents` and `app.cache.CacheEvents`.
    """

    def __init__(self) -> None:
        self.registry, self._families = CollectorRegistry(), list[Family[Any]]()
        self._exposition = Exposition(self._families)
        add = self._add
        runner = ("strategy",)
        self.requests = add(CounterFamily("lab_requests", "Answers, by how they were made", ("strategy", "status")))
        self.duration = add(
            HistogramFamily(
                "lab_request_duration_seconds", "From request to answer", runner, buckets=DURATION_BUCKETS_S
            )
        )
        self.age = add(
            HistogramFamily("lab_answer_age_seconds", "Since the origin was read", runner, buckets=AGE_BUCKETS_S)
        )
        reason = ("strategy", "reason")
        self.asked = add(CounterFamily("lab_origin_asked", "Reads asked for: started, shed, or waiting", reason))
        self.asked_again = add(
            CounterFamily(
                "lab_origin_asked_again", "Reads asked for while the pod waited for one of the same key", runner
            )
        )
        self.reads = add(CounterFamily("lab_origin_reads", "Reads that got a connection, by reason", reason))
        self.read_failures = add(CounterFamily("lab_origin_failures", "Reads without an answer in time", runner))
        self.shed = add(CounterFamily("lab_origin_shed", "Reads turned away at the pool's bound", runner))
        self.read_duration = add(
            HistogramFamily("lab_origin_read_duration_seconds", "With queueing", runner, buckets=DURATION_BUCKETS_S)
        )
        self.reading = add(GaugeFamily("lab_origin_reads_in_flight", "Reads that hold a connection", runner))
        self.reading_peak = add(
            GaugeFamily("lab_origin_reads_in_flight_peak", "Most reads at once, waiting ones too, of 1 to 2 s", runner)
        )
        self.waiting = add(GaugeFamily("lab_origin_readers_waiting", "Reads that wait for a connection", runner))
        self.connections = add(GaugeFamily("lab_origin_connections", "Size of the origin's pool", runner))
        self.connections_shared = add(
            GaugeFamily("lab_origin_connections_shared", "Size of the pool that pods share, where they do", runner)
        )
        self.locks = add(CounterFamily("lab_lock_requests", "Attempts at a key's lock", ("strategy", "taken")))
        self.lock_wait = add(
            HistogramFamily("lab_lock_wait_seconds", "Waits for another pod's load", runner, buckets=DURATION_BUCKETS_S)
        )
        self.refused = add(
            CounterFamily("lab_writes_refused", "Writes without a valid lock, or to a full cache", runner)
        )
        self.unstored = add(CounterFamily("lab_loads_unstored", "Loads without the cache", runner))
        self.peer_asks, self.peer_asked = (
            add(CounterFamily("lab_peer_asks", "Keys that another pod was asked to load", ("strategy", "outcome"))),
            add(CounterFamily("lab_peer_asked", "Questions of other pods, answered here", runner)),
        )
        self.net_acts = add(CounterFamily("lab_net_acts", "Answers in which a net had a part", ("strategy", "net")))
        self.breaker_state = add(
            GaugeFamily("lab_net_breaker_state", "The circuit breaker: 0 closed, 1 half-open, 2 open", runner)
        )
        self.breaker_opened = add(GaugeFamily("lab_net_breaker_opened", "How often the breaker has opened", runner))
        self.limit = add(GaugeFamily("lab_net_limit", "The adaptive limit of loads under way", runner))
        self.under_limit = add(GaugeFamily("lab_net_loads_under_way", "Loads that the limit counts", runner))
        self.marks = add(GaugeFamily("lab_net_failure_marks", "Keys whose failed load the pod remembers", runner))
        self.local_tiers = LocalTierMetrics(add)
        self.commands = add(CounterFamily("lab_cache_commands", "Commands sent to Redis", ("command",)))
        self.failures = add(CounterFamily("lab_cache_failures", "Commands that failed", ("command",)))
        self.corrupt = add(CounterFamily("lab_cache_corrupt_entries", "Stored bytes that are no entry")).labels()
        self.uncounted = add(
            CounterFamily("lab_counts_dropped", "Accesses that were not counted: too many keys, or Redis away")
        ).labels()
        self.batch = add(
            HistogramFamily("lab_cache_read_batch_keys", "Keys in an MGET", buckets=BATCH_BUCKETS)
        ).labels()
        self.away = add(
            GaugeFamily("lab_cache_away", "1 while Redis is not used: it fails, or is none that the lab supports")
        ).labels()
        self.open = add(GaugeFamily("lab_connections_open", "Connections of clients")).labels()
        self.open_most = add(GaugeFamily("lab_connections_max", "Connections that may be open at once")).labels()
        self.turned_away = add(CounterFamily("lab_connections_refused", "Connections beyond the most")).labels()
        self.deaths = add(CounterFamily("lab_task_deaths", "Background tasks that died of a fault", ("task",)))
        self.still = add(CounterFamily("lab_stood_still_seconds", "Standstills of the pod's loop")).labels()
        self.cpu = add(GaugeFamily("lab_cpu_seconds", "CPU time of this process so far, of all its threads")).labels()
        self.cpu.read = time.process_time  # prometheus_client's own needs a /proc
        self.code = add(GaugeFamily("lab_code_info", "1, of the fingerprint of the code that the pod runs", ("code",)))
        self.about = add(
            GaugeFamily(
                "lab_strategy_info",
                "1; `ordered` sorts the baseline first, `kind` is its mechanism's, `says` is its own first sentence",
                ("strategy", "ordered", "baseline", "kind", "says"),
            )
        )
        self.ttl = add(GaugeFamily("lab_ttl_seconds", "How long an entry is fresh")).labels()
        self.prefix_requests, self.prefix_ttl = self._of_prefixes()
        for name in TASKS:
            self.deaths.labels(name)
        self._sent, self._failed = (
            {name: family.labels(name) for name in COMMANDS} for family in (self.commands, self.failures)
        )

    def _add(self, family: F) -> F:
        self.registry.register(family)
        self._families.append(family)
        return family

    def _of_prefixes(self) -> tuple[CounterFamily, GaugeFamily]:
        labels = ("strategy", "prefix")  # of strategies that have them counted
        return (
            self._add(CounterFamily("lab_prefix_requests", "Requests by prefix of the key", labels)),
            self._add(GaugeFamily("lab_prefix_ttl_seconds", "The TTL that the tuner sets, or the run's own", labels)),
        )

    def text(self) -> bytes:
        """Every metric in Prometheus's text format, of `app.exposition.CONTENT_TYPE`."""
        return self._exposition.text()

    def tell(self, settings: Settings, strategies: Mapping[str, type[Strategy]]) -> None:
        """Set the metrics about the run itself: the TTL, and the strategies that are served, in this order."""
        self.ttl.set(settings.ttl_s)
        for place, (name, strategy) in enumerate(strategies.items()):
            said = " ".join((inspect.getdoc(strategy) or "").partition("\n\n")[0].split())
            if strategy.right_twin:
                said = f"{MARK} {MARKED}, right is {strategy.right_twin}: {said}"
            if strategy.library:
                said = f"{CONTENDER_MARK} {strategy.library} {version_of(strategy.library)}: {said}"
            self.about.labels(
                name,
                f"{place:02} {name}",
                str(strategy.is_baseline).lower(),
                _kind(strategy, settings),
                said[:SAID_CHARS_MAX],
            ).set(1)

    def watch(self, connections: "Openings") -> None:
        """Let the gauges of connections read these."""
        self.open.read = lambda: connections.open
        self.open_most.read = lambda: connections.most

    def watch_pool(self, strategy: str, pool: "Pool") -> None:
        """Let the gauges of the strategy's origin read this pool."""
        self.connections.labels(strategy).set(pool.connections)
        if pool.connections_shared is not None:
            self.connections_shared.labels(strategy).set(pool.connections_shared)
        self.reading.labels(strategy).read = lambda: pool.reading
        self.reading_peak.labels(strategy).read = lambda: pool.peak
        self.waiting.labels(strategy).read = lambda: pool.waiting

    def watch_prefixes(self, strategy: str, ttl_s: float, tuned_s: Callable[[str], float | None]) -> None:
        """Count requests by prefix, and let the gauges of TTLs read what is tuned, or else `ttl_s`.

        Those of prefixes that were not asked for read nothing, so that a pod without requests looks no setting up.
        """

        def read(prefix: str, requests: Count) -> float:
            found_s = tuned_s(prefix) if requests.number else None
            return ttl_s if found_s is None else found_s

        for prefix in prefixes_of(strategy):
            requests = self.prefix_requests.labels(strategy, prefix)
            self.prefix_ttl.labels(strategy, prefix).read = partial(read, prefix, requests)

    def watch_nets(self, strategy: str, nets: "NetsInUse") -> None:
        """Let the gauges of the strategy's nets read these, where they are set."""
        self.marks.labels(strategy).read = lambda: nets.marks
        if (guard := nets.guard) is None:
            return
        if (breaker := guard.breaker) is not None:
            order = (BreakerState.CLOSED, BreakerState.HALF_OPEN, BreakerState.OPEN)
            self.breaker_state.labels(strategy).read = lambda: order.index(breaker.state)
            self.breaker_opened.labels(strategy).read = lambda: breaker.opened
        if (limit := guard.limit) is not None:
            self.limit.labels(strategy).read = lambda: limit.loads
            self.under_limit.labels(strategy).read = lambda: guard.under_way

    def runner(self, strategy: str) -> "RunnerMetrics":
        return RunnerMetrics(self, strategy)

    def origin(self, strategy: str) -> "OriginMetrics":
        return OriginMetrics(self, strategy)

    def command_sent(self, command: str) -> None:
        self._sent[command].add()

    def command_failed(self, command: str) -> None:
        self._failed[command].add()

    def batch_read(self, keys: int) -> None:
        self.batch.observe(keys)

    def entry_corrupt(self) -> None:
        self.corrupt.add()

    def counts_dropped(self, accesses: int) -> None:
        self.uncounted.add(accesses)

    def task_died(self, task: str) -> None:
        self.deaths.labels(task).add()

    def stood_still(self, seconds: float) -> None:
        self.still.add(seconds)


def _kind(strategy: type[Strategy], settings: Settings) -> str:
    """The word by which dashboards group the strategy: that of its mechanism, unless it is a mistake or a contender."""
    if strategy.right_twin:
        return WRONG
    if strategy.library:
        return CONTENDERS
    return strategy.stated(settings.ttl_s, settings.params.get(strategy.name, {})).mechanism().kind


class Openings(Protocol):
    """The connections of a pod, as its gauges read them."""

    @property
    def open(self) -> int: ...

    @property
    def most(self) -> int: ...


class Pool(Protocol):
    """The pool of an origin, as its gauges read it."""

    @property
    def connections(self) -> int: ...

    @property
    def connections_shared(self) -> int | None:
        """The connections of all pods together; None where there is no such bound."""
        ...

    @property
    def reading(self) -> int: ...

    @property
    def waiting(self) -> int: ...

    @property
    def peak(self) -> int: ...


class NetsInUse(Protocol):
    """The nets of a strategy runner, as the gauges read them."""

    @property
    def marks(self) -> int: ...

    @property
    def guard(self) -> OriginGuard | None: ...


class OriginMetrics:
    """The metrics of one strategy's origin. Implements `app.origin.OriginEvents`."""

    def __init__(self, metrics: Metrics, strategy: str) -> None:
        self._asked = {reason: metrics.asked.labels(strategy, reason) for reason in LoadReason}
        self._reads = {reason: metrics.reads.labels(strategy, reason) for reason in LoadReason}
        self._failures = metrics.read_failures.labels(strategy)
        self._again = metrics.asked_again.labels(strategy)
        self._shed = metrics.shed.labels(strategy)
        self._duration = metrics.read_duration.labels(strategy)
        self.task_died = metrics.task_died

    def origin_asked(self, read: AskedRead, again: bool) -> None:
        self._asked[read.reason].add()
        if again:
            self._again.add()

    def origin_shed(self, read: AskedRead, error: Shed) -> None:
        self._shed.add()

    def origin_started(self, read: AskedRead) -> None:
        self._reads[read.reason].add()

    def origin_failed(self, read: AskedRead, error: BaseException) -> None:
        self._failures.add()

    def origin_ended(self, read: AskedRead, duration_s: float) -> None:
        self._duration.observe(duration_s)


class RunnerMetrics:
    """The metrics of one strategy runner and its flights. Implements `app.strategy_runner.RunnerEvents`."""

    def __init__(self, metrics: Metrics, strategy: str) -> None:
        self._answers = {status: metrics.requests.labels(strategy, status) for status in Status}
        self._duration = metrics.duration.labels(strategy)
        self._age = metrics.age.labels(strategy)
        self._locks = {taken: metrics.locks.labels(strategy, str(taken).lower()) for taken in (True, False)}
        self._lock_wait = metrics.lock_wait.labels(strategy)
        self._refused = metrics.refused.labels(strategy)
        self._unstored = metrics.unstored.labels(strategy)
        self._peer_asks = {outcome: metrics.peer_asks.labels(strategy, outcome) for outcome in PeerOutcome}
        self._peer_asked = metrics.peer_asked.labels(strategy)
        self._net_acts = {net: metrics.net_acts.labels(strategy, net) for net in Net}
        self._strategy, self._by_prefix = strategy, metrics.prefix_requests
        self.task_died, self.value_corrupt = metrics.task_died, metrics.entry_corrupt

    def answered(self, status: Status, duration_s: float, age_s: float | None) -> None:
        self._answers[status].number += 1
        self._duration.observe(duration_s)
        if age_s is not None:
            self._age.observe(age_s)

    def lock_asked(self, taken: bool) -> None:
        self._locks[taken].add()

    def lock_waited(self, seconds: float) -> None:
        self._lock_wait.observe(seconds)

    def peer_asked(self, outcome: PeerOutcome) -> None:
        self._peer_asks[outcome].add()

    def asked_by_peer(self) -> None:
        self._peer_asked.add()

    def write_refused(self) -> None:
        self._refused.add()

    def load_unstored(self) -> None:
        self._unstored.add()

    def net_acted(self, net: Net) -> None:
        self._net_acts[net].add()

    def prefix_asked(self, prefix: str) -> None:
        self._by_prefix.labels(self._strategy, prefix).add()
