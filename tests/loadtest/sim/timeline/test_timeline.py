"""Timelines of small runs whose story is known."""

import re
from itertools import pairwise
from typing import Any

import pytest

from app.discovery import discover
from loadtest.sim.search.case import Case, case_of, run_case
from loadtest.sim.timeline.build import watch
from loadtest.sim.timeline.spans import Timeline
from tests.loadtest.sim.drill import fault, workload
from tests.loadtest.sim.search.test_planted_bugs import PLANTED

STRATEGIES = discover().strategies
EVERY = {name: one for name, one in discover(wrong=True).choosable.items() if not one.not_virtual}
LATE_WRITE = PLANTED["a late write that is not fenced"]
SHORT: dict[str, dict[str, Any]] = {
    "top": {"duration_s": 6.0},
    "keys": {"count": 1},
    "load": {"loop": "open", "rate_per_s": 200.0},
}


def timeline_of(strategy: str, *faults: dict[str, Any], events_max: int = 6_000) -> Timeline:
    return watch(STRATEGIES[strategy], Case(workload(*faults, **SHORT), 1), events_max=events_max).timeline


@pytest.mark.parametrize("name", EVERY)
def test_a_watched_run_is_the_same_run(name: str) -> None:
    """Whatever keys a strategy has: an error of the watcher would be told as one of the strategy."""
    case = Case(workload(top={"duration_s": 3.0}, load={"loop": "open", "rate_per_s": 50.0}), 1)
    assert watch(EVERY[name], case).ran == run_case(EVERY[name], case)


def test_each_request_of_a_herd_has_a_load_of_its_own() -> None:
    shown = timeline_of("static")
    (expiry_s, *_) = [moment.at_s for moment in shown.moments if moment.kind == "expiry"]
    herd = [load for load in shown.loads if expiry_s <= load.began_s < expiry_s + 0.1]
    assert len(herd) > 10
    by_number = {request.number: request for request in shown.requests}
    assert len({load.request for load in herd}) == len(herd)
    for load in herd[1:]:
        why = " ".join(by_number[load.request or 0].why)
        assert f"had expired at {expiry_s:.3f} s" in why
        assert "this request's own load" in why
    assert not shown.locks


def test_each_waiter_of_an_expiry_is_chained_to_the_one_load() -> None:
    shown = timeline_of("singleflight")
    (expiry_s, *_) = [moment.at_s for moment in shown.moments if moment.kind == "expiry"]
    (load,) = [load for load in shown.loads if expiry_s <= load.began_s < expiry_s + 0.5]
    waiters = [request for request in shown.requests if expiry_s <= request.asked_s < expiry_s + 0.1]
    assert len(waiters) > 10
    assert {request.pod for request in waiters} == set(shown.pods)
    for request in waiters:
        why = " ".join(request.why)
        assert f"{load.pod} asked the origin for item 0 at {load.began_s:.3f} s" in why
        if request.pod != load.pod:
            assert re.search(rf"{request.pod} asked for the lock .* refused: {load.pod} had held it", why)
            assert f"{request.pod} was woken by a notification" in why


def test_the_lock_of_a_killed_leader_ends_with_its_lease_and_another_takes_it() -> None:
    calm = timeline_of("singleflight")
    load = next(load for load in calm.loads if load.began_s > 2.0)
    begun_s = next(told.at_s for told in calm.events if told.what == "the load begins")
    at_s = load.began_s - begun_s + 0.05
    killed = fault("pod-killed", for_s=2.0, pod=int(load.pod[-1]) - 1, at_s=at_s)
    case = Case(workload(killed, **SHORT), 1)
    shown = watch(STRATEGIES["singleflight"], case).timeline
    (cut_off,) = [load for load in shown.loads if load.outcome.startswith("cut off")]
    lock, following = next(two for two in pairwise(shown.locks) if two[0].since_s == cut_off.began_s)
    assert lock.end == "the lease ended"
    assert following.pod != lock.pod
    assert following.since_s >= lock.until_s == pytest.approx(lock.lease_until_s)
    asked = [request for request in shown.requests if cut_off.began_s < request.asked_s < cut_off.ended_s]
    waiter = next(request for request in asked if request.pod == following.pod)
    assert f"{lock.pod}'s lock ended at {lock.until_s:.3f} s: the lease ended." in waiter.why
    assert any("pod-killed" in sentence for sentence in waiter.why)


def test_a_timeline_ends_with_the_violation(monkeypatch: pytest.MonkeyPatch) -> None:
    LATE_WRITE.plant(monkeypatch)
    strategy = STRATEGIES[LATE_WRITE.strategy]
    ran, shown = watch(strategy, case_of(strategy, LATE_WRITE.seed), events_max=50)
    assert ran.violation is not None
    assert shown.until_s == ran.violation.at_s
    assert shown.moments[-1].kind == "violation"
    assert shown.events[-1].what == f"VIOLATION of {ran.violation.invariant}: {ran.violation.what}"
    assert len(shown.events) == 50


def test_a_timeline_of_too_many_events_ends_before_and_says_how_many_are_left_out() -> None:
    every, some = timeline_of("static"), timeline_of("static", events_max=100)
    assert some.events == every.events[:100]
    assert some.left_out == len(every.events) - 100
    assert some.until_s == some.events[-1].at_s < every.until_s
    assert all(request.asked_s <= some.until_s for request in some.requests)


def test_every_request_is_a_span_or_a_count() -> None:
    case = Case(workload(**SHORT), 1)
    shown = watch(STRATEGIES["swr"], case).timeline
    assert len(shown.requests) + shown.hits.total() == pytest.approx(6 * 200, rel=0.2)
    assert all(request.why for request in shown.requests)
