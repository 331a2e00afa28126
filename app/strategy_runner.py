"""The request path, from an id to an answer: a strategy with its own keys, origin pool and metrics.

It is the same in every world: `app.endpoint` puts HTTP around it, and the simulation virtual time.
"""

import json
import logging
from collections.abc import Callable, Coroutine
from functools import partial
from random import Random
from typing import Any, NamedTuple, Protocol

from app.budget import Budget, current
from app.contender_request import LibraryFailed
from app.flights import FlightBounds, FlightEvents, PodFlights
from app.local_tier import LruTier
from app.nets.nets import Net
from app.nets.origin_guard import LoadItem, OriginGuard
from app.nets.rate_limit import RateLimit
from app.nets.refusals import NetRefusal, RateLimited
from app.nets.retry_after import retry_headers, whole_seconds
from app.nets.seam import NetCache
from app.nets.timeouts import Timeouts
from app.peers.peers import PeerEvents, PodPeers, StrategyPeers, came_by_hop
from app.prefixes import keys_begin_with
from app.settings import Settings
from app.strategy import (
    CLOCK_ERROR_S_MAX,
    CacheAway,
    Clock,
    Entry,
    Lab,
    Loader,
    Lookup,
    OriginFailed,
    Shed,
    Status,
    Strategy,
)
from app.tasks import Tasks

log = logging.getLogger(__name__)

CACHE_NAME = "stampede-lab"
# RFC 9211: what each status says besides `detail`, which carries the status itself.
_HIT_OR_FORWARD = {
    Status.HIT: "hit",
    Status.STALE: "hit",
    Status.MISS: "fwd=miss",
    Status.COLLAPSED: "fwd=miss; collapsed",
    Status.SHED: "fwd=miss",
    Status.ERROR: "fwd=miss",
}
_HEAD = {status: f"{CACHE_NAME}; {text}; detail={status}" for status, text in _HIT_OR_FORWARD.items()}


_TRY_AGAIN = frozenset({429, 503})


GetOrLoad = Callable[[str, Loader], Coroutine[Any, Any, Lookup]]
"""The look-up of a strategy, or what is round it."""


class Answer(NamedTuple):
    """An answer to a request: the code, status, body and age of an HTTP response."""

    code: int
    status: Status
    body: bytes
    age_s: float | None = None  # None where nothing could be answered, or nothing is known of its age
    ttl_s: float = 0.0  # what is left of the freshness; negative where it is over
    retry_after_s: float | None = None  # of a refusal: when another try may do better, where that is known

    @property
    def stated_retry_s(self) -> int:
        """The seconds that the header `Retry-After` of the answer states; 0 where it has none."""
        return whole_seconds(self.retry_after_s) if self.age_s is None and self.code in _TRY_AGAIN else 0

    @property
    def headers(self) -> str:
        """The header lines: `Cache-Status` (RFC 9211) with the age in seconds as `age`, and `Retry-After`."""
        if self.age_s is None:
            retry = retry_headers(self.retry_after_s) if self.code in _TRY_AGAIN else ""
            return f"cache-status: {_HEAD[self.status]}\r\n{retry}"
        return f"cache-status: {_HEAD[self.status]}; ttl={int(self.ttl_s)}; age={self.age_s:.3f}\r\n"


class RunnerEvents(FlightEvents, PeerEvents, Protocol):
    """The observer of a strategy runner: its metrics in the service."""

    def answered(self, status: Status, duration_s: float, age_s: float | None) -> None: ...

    def asked_by_peer(self) -> None:
        """A question of another pod was answered, which counts among no answers to users."""
        ...

    def task_died(self, task: str) -> None: ...

    def value_corrupt(self) -> None:
        """The library of a contender answered bytes that no load gave."""
        ...

    def net_acted(self, net: Net) -> None:
        """A net had a part in an answer."""
        ...

    def prefix_asked(self, prefix: str) -> None:
        """A key with this prefix was asked for; only of a strategy that `counts_prefixes`."""
        ...


class StrategyRunner:
    """One strategy at work in one pod. Raises ValueError when a parameter is out of its bounds."""

    def __init__(
        self,
        strategy: type[Strategy],
        settings: Settings,
        cache: NetCache,
        clock: Clock,
        load_item: LoadItem,
        events: RunnerEvents,
        instance_id: str,
        peers: PodPeers,
    ) -> None:
        """`instance_id` differs from that of any other process with the same name and seed, before or now.

        The tokens of locks begin with it, and must differ.
        """
        rng = Random(f"{settings.seed}/{settings.pod}/{strategy.name}")
        self._tasks = Tasks(events.task_died)
        self._budget_s = settings.cache_budget_ms / 1000
        bounds = _bounds_of(settings)
        self._flights = PodFlights(cache, clock, rng, self._tasks, bounds, events, instance_id)
        params = settings.params.get(strategy.name, {})
        its_peers, waits_s = StrategyPeers(peers, strategy.name, events), bounds.wait_s_max
        self._key_prefix = keys_begin_with(strategy.name)

        def local_tier(entries_max: int, invalidation: str) -> LruTier:
            bytes_max = settings.local_bytes_max
            return cache.local_tiers.open(self._key_prefix, clock, entries_max, bytes_max, invalidation)

        ttl_s = settings.ttl_s
        parts = (cache, clock, rng, self._flights, ttl_s, params, its_peers, instance_id, waits_s, local_tier)
        lab = Lab(*parts, redis_url=settings.redis_url)
        self._strategy = strategy(lab)
        self.local_tier = cache.local_tiers.of(self._key_prefix)
        """The local tier of the strategy; None where it has none."""
        self._cache, self._clock = cache, clock
        # The nets, each wired where it is set, so that one that is off is asked by nobody.
        nets = settings.nets
        self._stale_if_error_s = nets.stale_if_error_s
        self.rate_limit = RateLimit.of(nets, clock.monotonic_s)
        """The rate limits, which `turned_away` holds to; None where none is set, so that none need be asked."""
        self.guard = None
        if nets.breaker is not None or nets.limit is not None:
            self.guard = OriginGuard(load_item, nets, clock.monotonic_s)
        self._load_item = load_item if self.guard is None else self.guard.load
        self._timeouts = Timeouts.of(nets, self._tasks)
        self._get_or_load: GetOrLoad = self._strategy.get_or_load
        if self._timeouts is not None:
            self._get_or_load = self._get_in_time
        self._events = events
        if strategy.counts_prefixes:
            self._get_or_load = self._counting(self._get_or_load)

    async def aclose(self) -> None:
        """Cancel the flights that have not ended, and end what the strategy has opened."""
        try:
            await self._strategy.aclose()
        finally:
            await self._tasks.aclose()

    @property
    def in_flight(self) -> int:
        """The number of keys that are being loaded."""
        return len(self._flights)

    @property
    def marks(self) -> int:
        """The number of keys whose failed load is remembered."""
        return len(self._flights.marks)

    @property
    def marks_left(self) -> int:
        """The number of keys whose mark of a failed load has not ended."""
        return self._flights.marks.standing

    def turned_away(self, client: str) -> Answer | None:
        """The 429 for a request beyond a rate limit; None where the request is to be answered."""
        try:
            if self.rate_limit is not None:
                self.rate_limit.admit(client)
        except RateLimited as limited:
            return self._refuse(Status.SHED, 429, limited, self._clock.monotonic_s())
        return None

    async def answer(self, item_id: int) -> Answer:
        """The answer for an id of the key space. Only its own cancellation is raised."""
        monotonic_s = self._clock.monotonic_s
        began_s = monotonic_s()
        current.set(Budget(self._budget_s))
        key = f"{self._key_prefix}{item_id}"
        load = partial(self._load_item, item_id, key)
        try:
            try:
                lookup = await self._get_or_load(key, load)
            except CacheAway:
                lookup = await self._flights.collapse_here(key, load)
            _check(lookup)
        except (Shed, OriginFailed) as failed:
            old = await self._old_entry(key, Net.STALE_IF_ERROR)
            if old is None:
                return self._refuse(Status.SHED if isinstance(failed, Shed) else Status.ERROR, 503, failed, began_s)
            if isinstance(failed, NetRefusal):
                self._events.net_acted(failed.net)
            lookup = old
        except LibraryFailed as failed:  # has been logged
            if failed.is_corrupt:
                self._events.value_corrupt()
            return self._refuse(Status.ERROR, 500, failed, began_s)
        except Exception as error:  # a strategy that is being written may raise anything
            log.exception("%s failed on %s", self._strategy.name, key)
            raised = RuntimeError(f"{self._strategy.name} raised {error!r}")
            return self._refuse(Status.ERROR, 500, raised, began_s)
        now_s, entry = self._clock.now_s(), lookup.entry
        age_s: float | None = now_s - entry.read_at_s
        if now_s < entry.read_at_s:
            age_s = _shown(now_s - entry.read_at_s)
        self._events.answered(lookup.status, monotonic_s() - began_s, age_s)
        return Answer(404 if entry.absent else 200, lookup.status, entry.body, age_s, entry.fresh_until_s - now_s)

    async def load_for_peer(self, item_id: int, cache_s: float) -> Lookup:
        """The lookup that another pod asks for on a miss; it is loaded here, and no other pod is asked.

        `cache_s` is what that request has left of its time for the cache. It is no answer to a user: the pod that asks
        counts that, and applies rate limits, time-outs and old entries. Raises `OriginFailed` or `Shed`, and whatever a
        strategy that is being written may raise.
        """
        came_by_hop.set(True)
        current.set(Budget(min(cache_s, self._budget_s)))
        key = f"{self._key_prefix}{item_id}"
        load = partial(self._load_item, item_id, key)
        try:
            try:
                lookup = await self._strategy.get_or_load(key, load)
            except CacheAway:
                lookup = await self._flights.collapse_here(key, load)
        except (Shed, OriginFailed) as failed:
            if isinstance(failed, NetRefusal):
                self._events.net_acted(failed.net)
            raise
        finally:
            self._events.asked_by_peer()
        _check(lookup)
        return lookup

    def _counting(self, get_or_load: GetOrLoad) -> GetOrLoad:
        """The same look-up, which counts the prefix of the key."""
        end, asked = len(self._key_prefix) + 1, self._events.prefix_asked

        def counted(key: str, load: Loader) -> Coroutine[Any, Any, Lookup]:
            asked(key[:end])
            return get_or_load(key, load)

        return counted

    def _refuse(self, status: Status, code: int, why: Exception, began_s: float) -> Answer:
        if isinstance(why, NetRefusal):
            self._events.net_acted(why.net)
        self._events.answered(status, self._clock.monotonic_s() - began_s, None)
        body = json.dumps({"error": status, "reason": str(why)}).encode()
        return Answer(code, status, body, retry_after_s=getattr(why, "retry_after_s", None))

    async def _get_in_time(self, key: str, load: Loader) -> Lookup:
        """The strategy's lookup within the time-outs; it goes on when they are over. Raises `OriginFailed`."""

        async def work() -> Lookup:
            try:
                return await self._strategy.get_or_load(key, load)
            except CacheAway:
                return await self._flights.collapse_here(key, load)

        assert self._timeouts is not None
        return await self._timeouts.run(work, key, partial(self._old_entry, key))

    async def _old_entry(self, key: str, net: Net) -> Lookup | None:
        """The entry that answers in the place of a load, as the net would have it; None without one."""
        if net is Net.STALE_IF_ERROR and not self._stale_if_error_s:
            return None
        current.set(Budget(self._budget_s))  # its own: the load may have spent what there was
        try:
            entry = await self._cache.last_known(key)
        except CacheAway:
            return None
        if entry is None:
            return None
        self._events.net_acted(net)
        return Lookup(Status.HIT if entry.is_fresh(self._clock.now_s()) else Status.STALE, entry)


def _check(lookup: Lookup) -> None:
    """Raise TypeError unless it is a lookup indeed: a strategy that is being written may answer anything."""
    if not isinstance(lookup, Lookup):
        raise TypeError(f"get_or_load answered {lookup!r:.200}, not a Lookup")
    if not isinstance(lookup.status, Status) or not isinstance(lookup.entry, Entry):
        raise TypeError(f"get_or_load answered a Lookup of {lookup.status!r:.80} and {lookup.entry!r:.80}")


def _shown(age_s: float) -> float | None:
    """A negative age as answers carry it: 0 where clocks differ no more than they may, None where one was set."""
    return 0.0 if age_s >= -CLOCK_ERROR_S_MAX else None


def _bounds_of(settings: Settings) -> FlightBounds:
    return FlightBounds(
        lease_s=settings.lease_ms / 1000,
        wait_s_max=settings.wait_ms_max / 1000,
        poll_s=settings.poll_ms / 1000,
        refresh_pause_s=settings.refresh_pause_ms / 1000,
        flights_max=settings.flights_max,
        failure_mark_s=settings.nets.failure_mark_ms / 1000,
    )
