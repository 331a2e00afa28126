"""The request path, from an id to an answer: a strategy with its own keys, origin pool and metrics.

It is the same in every world: `app.endpoint` puts HTTP around it, and the simulation virtual time.
"""

import json
import logging
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import NamedTuple, Protocol

from app.budget import Budget, current
from app.flights import FlightBounds, FlightEvents, PodFlights
from app.settings import Settings
from app.strategy import (
    CLOCK_ERROR_S_MAX,
    Cache,
    CacheAway,
    Clock,
    Entry,
    Lab,
    Loaded,
    LoadReason,
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


class Answer(NamedTuple):
    """An answer to a request: the code, status, body and age of an HTTP response."""

    code: int
    status: Status
    body: bytes
    age_s: float | None = None  # None where nothing could be answered, or nothing is known of its age
    ttl_s: float = 0.0  # what is left of the freshness; negative where it is over

    @property
    def cache_status(self) -> str:
        """The `Cache-Status` header of RFC 9211, with the age of the answer in seconds as `age`."""
        if self.age_s is None:
            return _HEAD[self.status]
        return f"{_HEAD[self.status]}; ttl={int(self.ttl_s)}; age={self.age_s:.3f}"


LoadItem = Callable[[int, str, LoadReason], Awaitable[Loaded]]
"""Reads an item from the origin, for a key: `app.origin.Origin.read`. Raises `OriginFailed` or `Shed`."""


class RunnerEvents(FlightEvents, Protocol):
    """The observer of a strategy runner: its metrics in the service."""

    def answered(self, status: Status, duration_s: float, age_s: float | None) -> None: ...

    def task_died(self, task: str) -> None: ...


class StrategyRunner:
    """One strategy at work in one pod. Raises ValueError when a parameter is out of its bounds."""

    def __init__(
        self,
        strategy: type[Strategy],
        settings: Settings,
        cache: Cache,
        clock: Clock,
        load_item: LoadItem,
        events: RunnerEvents,
        instance_id: str,
    ) -> None:
        """`instance_id` differs from that of any other process with the same name and seed, before or now.

        The tokens of locks begin with it, and must differ.
        """
        rng = Random(f"{settings.seed}/{settings.pod}/{strategy.name}")
        self._tasks = Tasks(events.task_died)
        self._budget_s = settings.cache_budget_ms / 1000
        self._flights = PodFlights(cache, clock, rng, self._tasks, _bounds_of(settings), events, instance_id)
        params = settings.params.get(strategy.name, {})
        self._strategy = strategy(Lab(cache, clock, rng, self._flights, settings.ttl_s, params))
        self._clock = clock
        self._load_item = load_item
        self._events = events
        self._key_prefix = f"lab:{strategy.name}:"

    async def aclose(self) -> None:
        """Cancel the flights that have not ended."""
        await self._tasks.aclose()

    @property
    def in_flight(self) -> int:
        """The number of keys that are being loaded."""
        return len(self._flights)

    async def answer(self, item_id: int) -> Answer:
        """The answer for an id of the key space. Only its own cancellation is raised."""
        monotonic_s = self._clock.monotonic_s
        began_s = monotonic_s()
        current.set(Budget(self._budget_s))
        key = f"{self._key_prefix}{item_id}"
        load = partial(self._load_item, item_id, key)
        try:
            try:
                lookup = await self._strategy.get_or_load(key, load)
            except CacheAway:
                lookup = await self._flights.collapse_here(key, load)
            _check(lookup)
        except Shed as bound:
            return self._refuse(Status.SHED, 503, str(bound), began_s)
        except OriginFailed as reason:
            return self._refuse(Status.ERROR, 503, str(reason), began_s)
        except Exception as error:  # a strategy that is being written may raise anything
            log.exception("%s failed on %s", self._strategy.name, key)
            return self._refuse(Status.ERROR, 500, f"{self._strategy.name} raised {error!r}", began_s)
        now_s, entry = self._clock.now_s(), lookup.entry
        age_s: float | None = now_s - entry.read_at_s
        if now_s < entry.read_at_s:
            age_s = _shown(now_s - entry.read_at_s)
        self._events.answered(lookup.status, monotonic_s() - began_s, age_s)
        return Answer(404 if entry.absent else 200, lookup.status, entry.body, age_s, entry.fresh_until_s - now_s)

    def _refuse(self, status: Status, code: int, reason: str, began_s: float) -> Answer:
        self._events.answered(status, self._clock.monotonic_s() - began_s, None)
        return Answer(code, status, json.dumps({"error": status, "reason": reason}).encode())


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
    )
