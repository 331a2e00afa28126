"""The checker over a cluster that is moved by hand: every invariant fires, and does not fire too soon."""

import asyncio
from collections.abc import Callable

import numpy as np
import pytest

from app.strategy import Entry, LoadReason
from loadtest.figures.failures import Kind
from loadtest.figures.records import Answers
from loadtest.sim.cluster.events import (
    EntryDeleted,
    EntryStored,
    FailureCounted,
    FaultBegan,
    KeyMarked,
    LockAsked,
    LockReleased,
    LockRenewed,
    MarkRead,
    NotificationsMissed,
    Observers,
    OriginAsked,
    RedisLeftAlone,
    WaiterTimedOut,
)
from loadtest.sim.cluster.invariants import Invariants
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.cluster.tolerances import Allowed
from loadtest.sim.cluster.violation import Invariant
from loadtest.workload.faults import CacheUnreachable

KEY = "lab:any:0"
LATE_S, SKEW_S, DEADLINE_S, PROMISE_S, POLL_S, BACK_S = 0.01, 0.5, 6.0, 20.0, 0.15, 0.5
ALLOWED = Allowed(LATE_S, SKEW_S, DEADLINE_S, PROMISE_S, POLL_S, BACK_S, mark_s_max=1.0, is_cache_well=True)


class Hands:
    """A clock that is set by hand. Implements `Clock`."""

    at_s = 100.0

    def now_s(self) -> float:
        return self.at_s

    def monotonic_s(self) -> float:
        return self.at_s


class Told:
    """The checker over two pods of one server, each event as it would be emitted."""

    def __init__(self) -> None:
        self.clock = Hands()
        self.invariants = Invariants(self.clock, ALLOWED)
        self.observers = Observers([self.invariants])
        self.emit = self.observers.emit
        self.server = SimulatedRedis(self.clock, observers=self.observers)
        self.here, self.there = (SimulatedCache(self.server, self.clock, pod=pod) for pod in ("here", "there"))

    def lock(self, pod: str, token: str, is_granted: bool = True) -> None:
        self.emit(LockAsked(pod, KEY, token, 1_000, is_granted))

    def store(self, pod: str, token: str | None, entry: Entry, until_s: float = 105.0) -> None:
        self.emit(EntryStored(pod, KEY, entry, round(until_s * 1_000), token, True, until_s))

    def ask(self, pod: str, reason: LoadReason) -> None:
        self.emit(OriginAsked(pod, 0, KEY, reason, OpenRead(self.clock.at_s, 0, reason, 0)))

    def entry(self, read_at_s: float = 100.0, keep_s: float = 5.0) -> Entry:
        return Entry(b"{}", read_at_s, read_at_s + keep_s, read_at_s + keep_s, 0.1)

    def answer(self, latency_s: float, age_s: float = 0.0, code: int = 200, at_s: float = 100.0) -> Answers:
        asked_s, ended_s, aged_s = (np.array([value]) for value in (at_s, at_s + latency_s, age_s))
        status, key, once = np.array([0]), np.array([0]), np.array([1])
        return Answers(asked_s, ended_s, aged_s, np.array([code]), status, key, {}, once, np.array([False]))


def a_second_grant(told: Told) -> None:
    told.lock("here", "mine")
    told.lock("there", "theirs")


def a_refusal_without_a_holder(told: Told) -> None:
    told.lock("here", "mine")
    told.clock.at_s += 1.001
    told.lock("there", "theirs", is_granted=False)


def a_release_by_another(told: Told) -> None:
    told.lock("here", "mine")
    told.emit(LockReleased("there", KEY, "theirs", True))


def a_renewal_after_the_lease(told: Told) -> None:
    told.lock("here", "mine")
    told.clock.at_s += 1.001
    told.emit(LockRenewed("here", KEY, "mine", 1_000, True))


def a_write_after_the_lease(told: Told) -> None:
    told.lock("here", "mine")
    told.clock.at_s += 1.001
    told.store("here", "mine", told.entry())


def a_refresh_beside_the_holder(told: Told) -> None:
    told.here._lock(KEY, "mine", 1_000)
    told.ask("there", LoadReason.REFRESH)


def an_older_write(told: Told) -> None:
    for token, read_at_s in (("mine", 100.0), ("theirs", 99.999)):
        told.lock("here", token)
        told.store("here", token, told.entry(read_at_s))


def a_write_after_a_delete(told: Told) -> None:
    told.lock("here", "mine")
    told.clock.at_s += 0.1
    told.emit(EntryDeleted("there", KEY, False))
    told.store("here", "mine", told.entry())


def a_lock_beside_a_mark(told: Told) -> None:
    told.emit(KeyMarked("here", KEY, 1_000))
    told.clock.at_s += 0.99
    told.lock("there", "theirs")


def a_mark_that_stays(told: Told) -> None:
    told.emit(KeyMarked("here", KEY, 1_000))
    told.clock.at_s += 1.0
    told.emit(MarkRead("there", KEY, 0.01))


def an_answer_past_the_deadline(told: Told) -> None:
    told.emit(told.answer(DEADLINE_S + 0.001))


def an_answer_past_the_promise(told: Told) -> None:
    told.emit(told.answer(0.01, age_s=PROMISE_S + 0.01 + LATE_S + SKEW_S + 0.003))


def an_entry_kept_for_longer_than_was_promised(told: Told) -> None:
    told.store("here", None, told.entry(keep_s=PROMISE_S + 0.003), 120.003)


def an_entry_stored_beyond_its_end(told: Told) -> None:
    told.store("here", None, told.entry(keep_s=5.0), 105.003)


def an_answer_older_than_what_was_seen(told: Told) -> None:
    told.invariants.answers("here", KEY, b"{}", 100.0, 100.0 + BACK_S + 0.003)


def a_refusal_to_its_holder(told: Told) -> None:
    told.lock("here", "mine")
    told.lock("here", "mine", is_granted=False)


def a_deaf_sleeper(told: Told) -> None:
    told.emit(NotificationsMissed("there", is_deaf=True))
    a_sleeper(told)
    assert told.invariants.violation is None, "it cannot have heard"
    told.clock.at_s += POLL_S
    told.emit(WaiterTimedOut("there", KEY))


def a_sleeper(told: Told) -> None:
    told.here._lock(KEY, "mine", 1_000)
    told.there._lock(KEY, "theirs", 1_000)
    told.clock.at_s += 0.1
    told.here._unlock(KEY, "mine")
    told.clock.at_s += LATE_S + 0.001
    told.emit(WaiterTimedOut("there", KEY))


def a_command_that_fails(told: Told) -> None:
    told.emit(FailureCounted(Kind.COMMAND, "set"))


def a_redis_that_is_left_alone(told: Told) -> None:
    told.emit(RedisLeftAlone("here"))


def a_500(told: Told) -> None:
    told.emit(told.answer(0.01, code=500))


BROKEN: dict[Callable[[Told], None], Invariant] = {
    a_second_grant: Invariant.ONE_HOLDER,
    a_refusal_without_a_holder: Invariant.ONE_HOLDER,
    a_refusal_to_its_holder: Invariant.ONE_HOLDER,
    a_release_by_another: Invariant.OWN_LOCK,
    a_renewal_after_the_lease: Invariant.OWN_LOCK,
    a_write_after_the_lease: Invariant.FENCED_WRITE,
    a_write_after_a_delete: Invariant.STAYS_DELETED,
    a_refresh_beside_the_holder: Invariant.ONE_REFRESH,
    an_older_write: Invariant.NEWER_ONLY,
    a_lock_beside_a_mark: Invariant.FAILED_ONCE,
    a_mark_that_stays: Invariant.FAILED_ONCE,
    an_answer_past_the_deadline: Invariant.ANSWERED_IN_TIME,
    an_answer_past_the_promise: Invariant.FRESH_ENOUGH,
    an_entry_kept_for_longer_than_was_promised: Invariant.AS_PROMISED,
    an_entry_stored_beyond_its_end: Invariant.KEPT_NO_LONGER,
    an_answer_older_than_what_was_seen: Invariant.NO_WAY_BACK,
    a_sleeper: Invariant.WOKEN,
    a_deaf_sleeper: Invariant.WOKEN,
    a_command_that_fails: Invariant.REDIS_IS_THERE,
    a_redis_that_is_left_alone: Invariant.REDIS_IS_THERE,
    a_500: Invariant.NO_CRASH,
}
ELSEWHERE = {
    Invariant.SHARED_POOL,
    Invariant.ANSWERED_WITHIN,
    Invariant.GIVES_UP,
    Invariant.RETRIES_BOUNDED,
    Invariant.COMES_BACK,
    Invariant.NOTHING_LEFT,
    Invariant.RIGHT_ANSWER,
    Invariant.GOES_ON,
    Invariant.LETS_OTHERS_RUN,
    Invariant.SAME_ONE_BY_ONE,
}
"""What the run itself reports; see test_check.py, test_planted_bugs.py and test_pure_hits.py."""


@pytest.mark.parametrize(("breaks", "invariant"), BROKEN.items(), ids=lambda value: getattr(value, "__name__", value))
def test_it_says_which_invariant_is_broken(breaks: Callable[[Told], None], invariant: Invariant) -> None:
    told = Told()
    breaks(told)
    assert told.invariants.violation is not None
    assert told.invariants.violation.invariant == invariant


def test_every_invariant_is_broken_somewhere_here() -> None:
    assert {*BROKEN.values()} | ELSEWHERE == {*Invariant}


def test_an_ordinary_life_breaks_nothing() -> None:
    told = Told()
    assert told.here._lock(KEY, "mine", 1_000)
    assert not told.there._lock(KEY, "theirs", 1_000)
    told.ask("here", LoadReason.REFRESH)
    told.ask("there", LoadReason.MISS)  # without the cache, which is no refresh
    told.clock.at_s += 0.9
    assert told.here._renew(KEY, "mine", 1_000)
    told.clock.at_s += 0.9
    assert told.here._store(KEY, told.entry(told.clock.at_s), round(1_000 * (told.clock.at_s + 5)), "mine")
    told.clock.at_s += LATE_S / 2
    told.emit(WaiterTimedOut("there", KEY))
    assert told.there._lock(KEY, "theirs", 1_000)
    told.clock.at_s += 1.5
    assert not told.there._store(KEY, told.entry(told.clock.at_s), 5_000, "theirs")
    assert not told.there._unlock(KEY, "theirs")
    told.emit(told.answer(DEADLINE_S, age_s=5.0 + DEADLINE_S))
    assert told.invariants.violation is None, told.invariants.violation


def test_after_something_was_done_to_redis_its_commands_may_fail() -> None:
    told = Told()
    told.emit(FaultBegan(CacheUnreachable(kind="cache-away", at_s=1, for_s=1)))
    a_command_that_fails(told)
    a_redis_that_is_left_alone(told)
    assert told.invariants.violation is None, told.invariants.violation


def test_the_lock_of_a_flushed_server_is_free() -> None:
    told = Told()
    told.here._lock(KEY, "mine", 1_000)
    told.server.flush()
    assert told.there._lock(KEY, "theirs", 1_000)
    assert told.invariants.violation is None, told.invariants.violation


def test_who_missed_announcements_may_sleep() -> None:
    told = Told()
    told.here._lock(KEY, "mine", 1_000)
    told.there._lock(KEY, "theirs", 1_000)
    told.there.miss_announcements()
    told.here._unlock(KEY, "mine")
    told.clock.at_s += 1
    told.emit(WaiterTimedOut("there", KEY))
    assert told.invariants.violation is None, told.invariants.violation


def test_the_earliest_violation_is_kept_though_answers_are_looked_at_later() -> None:
    told = Told()
    told.clock.at_s = 110.0
    a_release_by_another(told)
    told.emit(told.answer(0.5, code=500, at_s=104.0))
    told.emit(told.answer(0.5, code=500, at_s=106.0))
    assert told.invariants.violation is not None
    assert told.invariants.violation.invariant == Invariant.NO_CRASH
    assert told.invariants.violation.at_s == 104.5


def test_a_waiter_that_is_announced_to_does_not_count_as_asleep() -> None:
    async def main() -> None:
        told = Told()
        told.here._lock(KEY, "mine", 1_000)
        told.there._lock(KEY, "theirs", 1_000)
        with told.there.notification(KEY) as notification:
            told.clock.at_s += 0.1
            told.here._unlock(KEY, "mine")
            told.clock.at_s += 1
            assert await notification.wait(1.0)
        assert told.invariants.violation is None, told.invariants.violation

    asyncio.run(main())
