"""The checker of the invariants, with books of its own, so that it sees a fault of pods or of Redis."""

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.strategy import Clock, Entry, LoadReason, Status
from loadtest.figures.records import STATUS_NUMBERS, Answers, Floats
from loadtest.sim.cluster import events
from loadtest.sim.cluster.healthy_redis import HealthyRedis
from loadtest.sim.cluster.tolerances import Allowed
from loadtest.sim.cluster.violation import Invariant, Violation
from loadtest.workload.floors import Floors

STEPS_AFTER_LOAD = 4
"""Steps between a load and its answer that a late loop holds up: the write, a look, the release, the answer."""
ROUNDING_S = 0.002
"""The resolution of Redis's times: it counts whole milliseconds."""
NEVER_S = -math.inf
"""The moment of what has not happened yet."""


class _Lease(NamedTuple):
    token: str
    pod: str
    until_s: float


class Invariants:
    """An observer that keeps the earliest violation, since later ones may follow from it."""

    def __init__(
        self, clock: Clock, allowed: Allowed, server_s: Callable[[], float] | None = None, knows_truth: bool = False
    ) -> None:
        """Set up the checker; with `knows_truth` it knows the age of items in spite of wrong clocks."""
        self._now_s, self._allowed = clock.now_s, allowed
        self._server_s = server_s or clock.now_s
        self._leases: dict[str, _Lease] = {}
        self._marked_until_s: dict[str, float] = {}
        """The end of each mark of a failed load, by the server's clock."""
        self._newest_s: dict[str, float] = {}
        self._stored_s: dict[str, float] = {}
        self._released_s: dict[str, float] = {}
        self._deleted_s: dict[str, float] = {}
        """The moment at which each key was last deleted."""
        self._lag_s = allowed.lag_s + allowed.back_s
        self._seen = Floors[str](self._lag_s if allowed.lag_s else 0.0, NEVER_S)
        """The newest item of each key that the cache has had and a client has seen."""
        self._asked_s: dict[bytes, float] | None = {} if knows_truth else None
        self._refused_s: dict[tuple[str, str], float] = {}
        """The moment at which a pod was last refused the lock of a key, or looked while its waiter listens."""
        self._has_held: set[tuple[str, str]] = set()
        self._deaf: set[str] = set()
        self._longest_store_s = 0.0
        """The longest time that a pod's write took, with or without success, seconds."""
        self._latest_s = 0.0
        """The longest time by which a pod's loop was late."""
        self._held_up_s = 0.0
        """The longest time for which late loops hold up what has been loaded."""
        self.longest_load_s = 0.0
        self.violation: Violation | None = None
        self.handlers: events.Handlers = {
            Answers: self._check_answers,
            events.NotificationsMissed: self._notifications_missed,
            events.AnswerWrong: self._answer_wrong,
            events.RedisFlushed: self._redis_flushed,
            events.EntryDeleted: self._entry_deleted,
            events.EntryStored: self._entry_stored,
            events.KeyMarked: self._key_marked,
            events.LockEvicted: self._lock_evicted,
            events.ListenerLooked: self._listener_looked,
            events.LockAsked: self._lock_asked,
            events.LockReleased: self._lock_released,
            events.LockRenewed: self._lock_renewed,
            events.LoopLate: self._loop_late,
            events.MarkRead: self._mark_read,
            events.OriginAnswered: self._origin_answered,
            events.OriginAsked: self._origin_asked,
            events.WaiterTimedOut: self._waiter_timed_out,
            events.WriteTook: self._write_took,
        }
        if knows_truth:
            self.handlers |= {events.AnswerSent: self._answer_sent}
        if allowed.is_cache_well:
            self.handlers |= HealthyRedis(self.report).handlers
        if allowed.reads_max is not None:
            self.handlers |= {events.StoreReadBegan: self._store_read_began}

    def report(self, invariant: Invariant, what: str, at_s: float | None = None) -> None:
        """Report a violation, of this moment unless another is stated."""
        at_s = self._now_s() if at_s is None else float(at_s)
        if self.violation is None or at_s < self.violation.at_s:
            self.violation = Violation(invariant, at_s, what)

    def _knows_when(self, entry: Entry) -> bool:
        """Whether it is known when an entry was really read; absences are all alike, and dated by wrong clocks."""
        return self._asked_s is None or entry.body in self._asked_s

    def really_read_s(self, body: bytes, dated_s: float) -> float:
        """The moment at which an item was really asked for, where its own date may be wrong."""
        return dated_s if self._asked_s is None else self._asked_s.get(body, dated_s)

    def seen_s(self, key: str) -> float:
        """The moment at which the newest item of the cache that a client has to know was really read."""
        return self._seen.floor_s(key, self._now_s())

    def answers(self, pod: str, key: str, body: bytes, dated_s: float, seen_s: float) -> None:
        """Check an answer to a request that was made when `seen_s` was the newest item seen."""
        read_s = dated_s if self._asked_s is None else self._asked_s.get(body, dated_s)
        if read_s < seen_s - self.longest_load_s - self._allowed.back_s - self._held_up_s - ROUNDING_S:
            said = f"{pod} answered with {key} as of {read_s:.6f} s, of which that of {seen_s:.6f} s had been seen"
            self.report(Invariant.NO_WAY_BACK, said)
        # What was loaded without the cache only its reader knows of; the next answer may be an entry of before.
        if read_s <= self._stored_s.get(key, NEVER_S) + ROUNDING_S:
            self._seen.see(key, read_s, self._now_s())

    def _loop_late(self, event: events.LoopLate) -> None:
        self._latest_s = max(self._latest_s, event.seconds)
        self._held_up_s = STEPS_AFTER_LOAD * self._latest_s
        if self._allowed.lag_s:
            self._seen.lag_s = self._lag_s + self._held_up_s

    def _redis_flushed(self, _: events.RedisFlushed) -> None:
        self._leases.clear()
        self._marked_until_s.clear()
        self._newest_s.clear()

    def _lock_evicted(self, event: events.LockEvicted) -> None:
        self._leases.pop(event.key, None)
        self._marked_until_s.pop(event.key, None)

    def _holder(self, key: str, leeway_s: float = 0.0) -> _Lease | None:
        """The lease that holds a key, or did up to `leeway_s` ago."""
        lease = self._leases.get(key)
        return lease if lease is not None and self._server_s() < lease.until_s + leeway_s else None

    def _forget_expired(self, key: str) -> None:
        """Forget a lease that Redis has found expired, and so deleted, where its clock may be set back since."""
        lease = self._leases.get(key)
        if self._allowed.lease_s and lease is not None and self._server_s() > lease.until_s + self._allowed.lease_s:
            del self._leases[key]

    def _key_marked(self, event: events.KeyMarked) -> None:
        self._marked_until_s[event.key] = self._server_s() + event.for_ms / 1000

    def _mark_read(self, event: events.MarkRead) -> None:
        pod, key, rest_s = event
        until_s = self._marked_until_s.get(key, -math.inf)
        if self._server_s() + rest_s > until_s + ROUNDING_S:
            self.report(Invariant.FAILED_ONCE, f"{pod} reads a mark of {key} until beyond {until_s:.3f} s")

    def _lock_asked(self, event: events.LockAsked) -> None:
        pod, key, token, lease_ms, granted = event
        self._forget_expired(key)
        rest_s = self._marked_until_s.get(key, -math.inf) - self._server_s()
        if (
            granted and ROUNDING_S < rest_s <= self._allowed.mark_s_max + ROUNDING_S
        ):  # else the clock was set back since
            self.report(Invariant.FAILED_ONCE, f"{pod} got the lock of {key}, marked for {rest_s:.3f} s more")
        held = self._holder(key, -self._allowed.lease_s if granted else self._allowed.lease_s)
        if granted and held is not None and held.token != token:
            said = f"{pod} got the lock of {key} that {held.pod} holds until {held.until_s:.3f} s"
            self.report(Invariant.ONE_HOLDER, said)
        if not granted and (held is None or held.token == token):
            whose = "nobody holds" if held is None else "it holds itself"
            self.report(Invariant.ONE_HOLDER, f"{pod} was refused the lock of {key}, which {whose}")
        until_s = self._server_s() + lease_ms / 1000
        if not granted and held is not None and held.until_s > until_s + lease_ms / 1000:
            # a clock was set back since; its lease is cut, see `app.scripts.LOCK`
            self._leases[key] = held._replace(until_s=until_s)
        if granted and held is None:  # a holder that asks again keeps its old lease
            self._leases[key] = _Lease(token, pod, until_s)
        if granted:
            self._has_held.add((pod, key))
        else:
            self._refused_s[pod, key] = self._now_s()

    def _lock_renewed(self, event: events.LockRenewed) -> None:
        pod, key, token, lease_ms, renewed = event
        self._forget_expired(key)
        if renewed:
            self._expect(Invariant.OWN_LOCK, "renewed", pod, key, token)
            self._leases[key] = _Lease(token, pod, self._server_s() + lease_ms / 1000)

    def _lock_released(self, event: events.LockReleased) -> None:
        pod, key, token, released = event
        self._forget_expired(key)
        if released:
            self._has_held.discard((pod, key))
            self._expect(Invariant.OWN_LOCK, "released", pod, key, token)
            self._leases.pop(key, None)
            self._released_s[key] = self._now_s()

    def _entry_deleted(self, event: events.EntryDeleted) -> None:
        self._leases.pop(event.key, None)
        self._released_s[event.key] = self._deleted_s[event.key] = self._now_s()

    def _entry_stored(self, event: events.EntryStored) -> None:
        if event.token is not None:
            self._forget_expired(event.key)
        if not event.is_stored:
            return
        if event.kept_until_s is not None:
            self._check_kept(event, event.kept_until_s)
        if event.token is not None:
            self._check_fenced(event, event.token)
            self._lock_released(events.LockReleased(event.pod, event.key, event.token, True))

    def _check_kept(self, event: events.EntryStored, until_s: float) -> None:
        pod, key, entry = event[:3]
        if until_s > entry.keep_until_s + self._allowed.stale_if_error_s + ROUNDING_S:
            said = f"{pod} stored {key} until {until_s:.3f} s, which is to be kept until {entry.keep_until_s:.3f} s"
            self.report(Invariant.KEPT_NO_LONGER, said)
        read_s = self.really_read_s(entry.body, entry.read_at_s)
        if read_s > self._stored_s.get(key, NEVER_S):
            self._stored_s[key] = read_s
        meant_s = entry.keep_until_s - entry.read_at_s
        if meant_s > self._allowed.promise_s + ROUNDING_S:
            said = f"{pod} keeps {key} for {meant_s:.3f} s, which is never to be older than"
            self.report(Invariant.AS_PROMISED, f"{said} {self._allowed.promise_s:g} s")

    def _check_fenced(self, event: events.EntryStored, token: str) -> None:
        pod, key, entry = event[:3]
        read_s, is_known = self.really_read_s(entry.body, entry.read_at_s), self._knows_when(entry)
        # a pod whose loop is late hears late what Redis's time was
        dated_s = self._allowed.dated_s and self._allowed.dated_s + self._latest_s
        if is_known and read_s < (deleted_s := self._deleted_s.get(key, NEVER_S)) - dated_s:
            said = f"{pod} stored {key} as of {read_s:.6f} s, which was deleted at {deleted_s:.6f} s"
            self.report(Invariant.STAYS_DELETED, said)
        self._expect(Invariant.FENCED_WRITE, "wrote under", pod, key, token)
        if entry.absent and self._asked_s is not None:
            return  # where clocks are wrong so may be its date, and all absences look alike
        newest_s = self._newest_s.get(key, read_s)
        if is_known and read_s < newest_s - dated_s:
            said = f"{pod} replaced {key} of {newest_s:.6f} s by that of {read_s:.6f} s"
            self.report(Invariant.NEWER_ONLY, said)
        elif is_known:
            self._newest_s[key] = read_s

    def _write_took(self, event: events.WriteTook) -> None:
        self._longest_store_s = max(self._longest_store_s, event.seconds)

    def _store_read_began(self, event: events.StoreReadBegan) -> None:
        reads_max = self._allowed.reads_max
        if reads_max is not None and event.at_once > reads_max:
            said = f"{event.at_once} reads at once, and {reads_max} connections are shared"
            self.report(Invariant.SHARED_POOL, said)

    def _origin_answered(self, event: events.OriginAnswered) -> None:
        load_s = self._now_s() - event.asked_s
        self.longest_load_s = max(self.longest_load_s, load_s)
        if self._asked_s is not None and not event.loaded.absent:
            self._asked_s[event.loaded.body] = event.asked_s

    def _origin_asked(self, event: events.OriginAsked) -> None:
        if event.reason is LoadReason.MISS:
            return
        pod, key = event.pod, event.key
        held = self._holder(key)
        is_free = held is None or held.pod == pod or held.pod in self._allowed.warmers
        if held is not None and not is_free and (pod, key) not in self._has_held:
            self.report(Invariant.ONE_REFRESH, f"{pod} refreshes {key}, whose lock {held.pod} holds")

    def _notifications_missed(self, event: events.NotificationsMissed) -> None:
        (self._deaf.add if event.is_deaf else self._deaf.discard)(event.pod)
        self._refused_s = {refused: at_s for refused, at_s in self._refused_s.items() if refused[0] != event.pod}

    def _listener_looked(self, event: events.ListenerLooked) -> None:
        if event in self._refused_s:
            self._refused_s[event.pod, event.key] = self._now_s()

    def _waiter_timed_out(self, event: events.WaiterTimedOut) -> None:
        """Check that a waiter that timed out had missed no notification since it was refused the lock, or looked."""
        pod, key = event
        since_s = self._refused_s.get((pod, key))
        released_s = self._released_s.get(key, -1.0)
        late_s = self._allowed.late_s + self._latest_s + (self._allowed.poll_s if pod in self._deaf else 0.0)
        if since_s is not None and released_s > since_s and self._now_s() - released_s > late_s:
            said = f"{pod} waited on for {key}, whose waiters were notified at {released_s:.6f} s"
            self.report(Invariant.WOKEN, said)

    def _answer_wrong(self, event: events.AnswerWrong) -> None:
        if event.is_broken:
            said = f"{event.pod} answered {event.item_id} with: {event.fault}"
            self.report(Invariant.RIGHT_ANSWER, said)

    def _check_answers(self, chunk: Answers) -> None:
        """Check every answer of a chunk at once."""
        latency_s, asked_s = chunk.latency_s, chunk.intended_s
        deadline_s = self._allowed.deadline_s
        if (late := _first(chunk, latency_s > deadline_s)) is not None:
            said = f"one asked at {asked_s[late]:.6f} s took {latency_s[late]:.3f} s, not {deadline_s:g}"
            self.report(Invariant.ANSWERED_IN_TIME, said, chunk.ended_s[late])
        if self._asked_s is None:
            self._check_ages(chunk, chunk.age_s - latency_s)
        if (crashed := _first(chunk, chunk.code == 500)) is not None:
            said = f"the request of {asked_s[crashed]:.6f} s got a 500"
            self.report(Invariant.NO_CRASH, said, chunk.ended_s[crashed])

    def _answer_sent(self, event: events.AnswerSent) -> None:
        """Check how old an answer really was: where clocks are wrong, its stated age may be wrong too."""
        pod, ask, answer = event
        if answer.code != 200:
            return
        kept_s = ask.intended_s - self.really_read_s(answer.body, ask.intended_s)
        window_s = self._allowed.stale_if_error_s if answer.status is Status.STALE else 0.0
        if kept_s > (limit_s := self._age_s_max() + window_s):
            said = f"{pod} answered {ask.key}, asked at {ask.intended_s:.6f} s, with what was then {kept_s:.3f} s old"
            self.report(Invariant.FRESH_ENOUGH, f"{said} really, beyond {limit_s:g} s")

    def _check_ages(self, chunk: Answers, kept_s: Floats) -> None:
        """Check how old each of these answers was when it was asked for."""
        limit_s = self._age_s_max()
        if self._allowed.stale_if_error_s:
            kept_s = kept_s - self._allowed.stale_if_error_s * (chunk.status == STATUS_NUMBERS[Status.STALE])
        if (old := _first(chunk, kept_s > limit_s)) is not None:
            said = f"one asked at {chunk.intended_s[old]:.6f} s was {kept_s[old]:.3f} s old, beyond {limit_s:g} s"
            self.report(Invariant.FRESH_ENOUGH, said, chunk.ended_s[old])

    def _age_s_max(self) -> float:
        """The greatest age of an answer when it is asked for, seconds.

        A flight ends once it has tried to store, so its answer is as old as load and write. A load is dated by its
        asking, which may be long before it was let in.
        """
        limit_s = max(self._allowed.promise_s, self.longest_load_s + self._longest_store_s)
        if self._asked_s is not None:
            limit_s += self.longest_load_s
        return limit_s + ROUNDING_S + self._allowed.late_s + self._held_up_s + self._allowed.skew_s

    def _expect(self, invariant: Invariant, did: str, pod: str, key: str, token: str) -> None:
        held = self._holder(key, self._allowed.lease_s)
        if held is None or held.token != token:
            by = "nobody holds" if held is None else f"{held.pod} holds"
            self.report(invariant, f"{pod} {did} the lock of {key}, which {by}")


def _first(chunk: Answers, which: NDArray[np.bool_]) -> int | None:
    """The first of the marked answers to end; None where none is marked."""
    if not which.any():
        return None
    places = np.flatnonzero(which)
    return int(places[np.argmin(chunk.ended_s[places])])
