"""What must hold when something breaks (REFERENCE.md, section 5, by its numbers), in small and in virtual time.

Claims are on counts and ratios. A drill itself fails when any invariant of `loadtest.sim.cluster.invariants` breaks.
"""

from functools import cache
from pathlib import Path
from typing import Any, get_args

import numpy as np
import pytest
from pydantic import ValidationError

from app.settings import Settings
from app.strategy import MechanismKind, Status
from loadtest.figures.records import STATUSES
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.client import NO_ANSWER
from loadtest.workload.fault_worlds import WORLDS
from loadtest.workload.faults import CACHE_COMMANDS, REFUSED_BY, Fault
from tests.loadtest.sim.drill import (
    AT_S,
    DURATION_S,
    FOR_S,
    KEYS,
    LOAD_S,
    NETWORK_S,
    PODS,
    RATE,
    STRATEGIES,
    TTL_S,
    Drill,
    fault,
    workload,
)

EVERY = sorted(STRATEGIES)
COORDINATED = [name for name in EVERY if STRATEGIES[name].stated(1.0, {}).mechanism().kind is not MechanismKind.NONE]
every_strategy = pytest.mark.parametrize("strategy", EVERY)
coordinated = pytest.mark.parametrize("strategy", COORDINATED)
FLEET_WIDE = [
    name for name in COORDINATED
    if STRATEGIES[name].stated(1.0, {}).mechanism().kind is not MechanismKind.COLLAPSE_IN_POD
]  # fmt: skip
"""Strategies of which one load at a time is begun over all pods; in the others it is one in each."""
PROMPT = [name for name in EVERY if not STRATEGIES[name].stated(1.0, {}).mechanism().pause_s]
"""Strategies that load whenever there is need, and make nobody wait for the end of a pause."""
LASTING = [name for name in EVERY if STRATEGIES[name].stated(1.0, {}).mechanism().least_ttl_s(1.0) > 0.5]
"""Strategies whose entries live for about the TTL, which some scenes go by: there entries have to be there."""
prompt_and_lasting = pytest.mark.parametrize("strategy", [name for name in LASTING if name in PROMPT])
fleet_wide = pytest.mark.parametrize("strategy", FLEET_WIDE)
coordinated_and_lasting = pytest.mark.parametrize("strategy", [name for name in COORDINATED if name in LASTING])
one_of_the_pods = pytest.mark.parametrize("pod", range(PODS))

TOLD = Settings(pod="any")
LEASE_S, POLL_S, TIMEOUT_S = TOLD.lease_ms / 1000, TOLD.poll_ms / 1000, TOLD.redis_timeout_ms / 1000
PAUSE_S, DEADLINE_S = TOLD.refresh_pause_ms / 1000, TOLD.wait_ms_max / 1000
MARK_S = TOLD.nets.failure_mark_ms / 1000
ONE_SLOW_KEY: dict[str, Any] = {"origin": {"latency": "fixed(400)"}, "keys": {"count": 1}}
IN_ITS_LOAD_S = 9.4
"""With `ONE_SLOW_KEY`, without a fault: it is being loaded from 9.24 to 9.64 s, by whichever pod was asked first."""


@cache
def undisturbed(strategy: str) -> Drill:
    return Drill(strategy)


def test_every_kind_of_fault_that_virtual_time_can_do_has_a_drill_here() -> None:
    told = Path(__file__).read_text(encoding="utf-8")
    kinds = {kind.model_fields["kind"].annotation.__args__[0] for kind in get_args(get_args(Fault)[0])}
    assert not {kind for kind in kinds if f'"{kind}"' not in told and not WORLDS[kind.partition(" ")[0]].virtual}


def test_a_fault_that_virtual_time_cannot_do_is_refused_and_the_reason_told() -> None:
    sliced = workload(fault("cache-sliced", bytes=3))
    with pytest.raises(
        ValueError,
        match=r"^faults.0: cache-sliced is for virtual time over the wire .*processes here .*no bytes to slice",
    ):
        simulate(sliced, STRATEGIES["static"], seed=1)


@every_strategy
def test_1_redis_gone_and_back_empty_costs_no_answer_and_the_hits_come_back(strategy: str) -> None:
    drill = Drill(strategy, fault("cache-away"))
    assert drill.success() == 1, drill.story
    # collapsed in the process: a pod reads a key once at a time, and no faster than the origin answers
    assert drill.peak(AT_S, AT_S + FOR_S) < RATE, drill.story
    assert drill.at_once(from_s=AT_S + LOAD_S, to_s=AT_S + FOR_S) <= PODS, drill.story
    back_s = AT_S + FOR_S + TTL_S + 2
    steady = undisturbed(strategy).share(Status.HIT, back_s)
    assert drill.share(Status.HIT, back_s) >= 0.95 * steady, drill.story


@every_strategy
def test_2_a_slow_redis_adds_its_timeout_and_no_more(strategy: str) -> None:
    drill = Drill(strategy, fault("cache-slow", ms=500))
    assert drill.success() == 1, drill.story
    slow = drill.latency_s[drill.asked(AT_S, AT_S + FOR_S)]
    assert np.percentile(slow, 99) <= TIMEOUT_S + LOAD_S + 0.05, drill.story


@every_strategy
def test_3_a_redis_that_stands_still_costs_no_answer_and_brings_nothing_old_back(strategy: str) -> None:
    drill = Drill(strategy, fault("cache-paused"))
    assert drill.success() == 1, drill.story
    assert np.percentile(drill.latency_s, 99) <= TIMEOUT_S + LOAD_S + 0.05, drill.story
    held = drill.asked(AT_S, AT_S + FOR_S)
    assert drill.latency_s[held].max() <= 2 * TIMEOUT_S + LOAD_S + 0.05, drill.story
    back_s = AT_S + FOR_S + TTL_S + 2
    as_before = 0.95 if strategy in PROMPT else 0.9  # the pause after a load that was lost takes its time
    assert drill.share(Status.HIT, back_s) >= as_before * undisturbed(strategy).share(Status.HIT, back_s), drill.story


@every_strategy
@pytest.mark.parametrize("error", sorted(REFUSED_BY))
def test_3_a_redis_that_refuses_costs_no_answer(strategy: str, error: str) -> None:
    drill = Drill(strategy, fault("cache-refuses", error=error))
    assert drill.success() == 1, drill.story
    assert drill.latency_s.max() <= LOAD_S + LEASE_S + LOAD_S + 0.05, drill.story


@coordinated
@pytest.mark.parametrize("command", sorted(CACHE_COMMANDS - {"delete"}))
def test_3_nor_does_one_that_refuses_a_single_command(strategy: str, command: str) -> None:
    drill = Drill(strategy, fault("cache-refuses", error="NOPERM", commands=[command]), cache={"ttl_s": 0.5})
    assert drill.success() == 1, drill.story


def test_an_error_that_is_no_reply_to_a_command_is_a_bad_scenario() -> None:
    with pytest.raises(
        ValidationError, match="READONLY is no reply to get; it is one to delete, lock, put, renew, set, unlock"
    ):
        workload(fault("cache-refuses", error="READONLY", commands=["get"]))


@every_strategy
@pytest.mark.parametrize("share", [0.2, 1.0])
def test_3_connections_that_are_reset_cost_no_answer(strategy: str, share: float) -> None:
    drill = Drill(strategy, fault("cache-resets", share=share), cache={"ttl_s": 0.5})
    assert drill.success() == 1, drill.story
    # a lock whose reply was lost is nobody's until its lease is over
    assert drill.latency_s.max() <= LEASE_S + 1.5 * POLL_S + 2 * LOAD_S + NETWORK_S, drill.story


@every_strategy
@pytest.mark.parametrize("arrive", [False, True])
def test_3_a_pod_with_dead_connections_answers_from_the_origin_and_the_others_do_not_notice(
    strategy: str, arrive: bool
) -> None:
    drill = Drill(strategy, fault("connections-dead", pod=1, arrive=arrive))
    assert drill.success() == 1, drill.story
    others = drill.asked(AT_S, AT_S + FOR_S) & (drill.pod != 1)
    assert drill.latency_s[others].max() <= LEASE_S + 1.5 * POLL_S + 2 * LOAD_S, drill.story
    assert np.percentile(drill.latency_s, 99) <= TIMEOUT_S + LOAD_S + 0.05, drill.story


@coordinated_and_lasting
def test_3_a_pod_that_hears_of_no_landing_looks_by_itself(strategy: str) -> None:
    drill = Drill(strategy, fault("subscription-dead", pod=1), cache={"ttl_s": 0.5})
    assert drill.success() == 1, drill.story
    assert drill.latency_s.max() <= LOAD_S + 1.5 * POLL_S + NETWORK_S, drill.story


@every_strategy
@pytest.mark.parametrize("by_s", [-3600.0, -1.0, 1.0, 3600.0])
def test_14_redis_whose_clock_is_set_serves_nothing_for_longer(strategy: str, by_s: float) -> None:
    drill = Drill(strategy, fault("cache-clock-apart", by_s=by_s))
    assert drill.success() == 1, drill.story
    back_s = AT_S + FOR_S + 2  # pods ask for the time every second, or when an entry contradicts theirs
    # in whole cycles and a part of one
    assert drill.share(Status.HIT, back_s) >= 0.9 * undisturbed(strategy).share(Status.HIT, back_s), drill.story


@every_strategy
@pytest.mark.parametrize("arrive", [False, True])
def test_3_a_black_hole_costs_no_answer_and_keeps_nobody_longer_than_a_time_out(strategy: str, arrive: bool) -> None:
    drill = Drill(strategy, fault("cache-silent", arrive=arrive))
    assert drill.success() == 1, drill.story
    assert drill.latency_s.max() <= 2 * TIMEOUT_S + LOAD_S + 0.05, drill.story
    assert drill.at_once(from_s=AT_S + LOAD_S, to_s=AT_S + FOR_S) <= PODS, drill.story
    back_s = AT_S + FOR_S + TTL_S + 2
    assert drill.share(Status.HIT, back_s) >= 0.95 * undisturbed(strategy).share(Status.HIT, back_s), drill.story


def test_3_a_black_hole_swallows_the_connections_of_a_new_pod_too_and_outlives_one_pods_own() -> None:
    """Dead connections of one pod, which end first, revive nothing; a pod that is replaced meanwhile gets no reply."""
    own, again = fault("connections-dead", pod=0, for_s=1.0), fault("pod-killed", pod=1, for_s=0.5)
    drill = Drill("static", fault("cache-silent"), own, again)
    silent = drill.asked(AT_S + 1.5, AT_S + FOR_S - LOAD_S)
    assert not np.any(drill.status[silent] == STATUSES.index(Status.HIT)), drill.story


@coordinated_and_lasting
def test_4_redis_full_for_a_while_evicts_and_leaves_one_load_at_a_time_per_key(strategy: str) -> None:
    room = KEYS // 3
    drill = Drill(strategy, fault("cache-full", entries=room))
    assert drill.success() == 1, drill.story
    assert drill.at_once() == (1 if strategy in FLEET_WIDE else PODS), drill.story
    assert drill.reads(AT_S, AT_S + FOR_S) >= 1.5 * undisturbed(strategy).reads(AT_S, AT_S + FOR_S), drill.story
    back_s = AT_S + FOR_S + TTL_S + 1
    assert drill.share(Status.HIT, back_s) >= 0.95 * undisturbed(strategy).share(Status.HIT, back_s), drill.story


def test_4_what_was_read_last_before_redis_is_full_stays_in_it() -> None:
    """Hits of the time before decide what is evicted first, in the service by Redis's own idea of it."""
    hot: dict[str, Any] = {"keys": {"count": 50, "hot_share": 0.9}, "cache": {"ttl_s": 60.0}}
    drill = Drill("static", fault("cache-full", share=0.1), **hot)
    assert drill.success() == 1, drill.story
    assert drill.reads(AT_S) > 0, drill.story
    hottest = drill.read_key == "lab:static:0"  # which was stored before all others
    assert not np.any(hottest & (drill.read_s >= AT_S)), drill.story


@every_strategy
def test_5_redis_full_for_a_while_and_refusing_costs_no_answer_and_reads_go_on(strategy: str) -> None:
    drill = Drill(strategy, fault("cache-full", policy="noeviction", share=0.5))
    assert drill.success() == 1, drill.story
    assert drill.peak() <= RATE, drill.story
    back_s = AT_S + FOR_S + TTL_S + 1
    assert drill.share(Status.HIT, back_s) >= 0.95 * undisturbed(strategy).share(Status.HIT, back_s), drill.story


@coordinated
def test_4_a_full_redis_that_evicts_leaves_one_load_at_a_time_per_key(strategy: str) -> None:
    drill = Drill(strategy, virtual={"redis_entries_max": KEYS // 3})
    assert drill.success() == 1, drill.story
    assert drill.at_once() == (1 if strategy in FLEET_WIDE else PODS), drill.story


@prompt_and_lasting
def test_5_a_full_redis_that_refuses_costs_no_answer_and_reads_go_on(strategy: str) -> None:
    drill = Drill(strategy, virtual={"redis_entries_max": KEYS // 3, "redis_policy": "noeviction"})
    assert drill.success() == 1, drill.story
    assert drill.share(Status.HIT) > 0.2, drill.story
    assert drill.peak() < RATE, drill.story


def test_7_while_the_origin_fails_half_its_reads_stale_entries_answer_everybody() -> None:
    drill = Drill("swr", fault("origin-fails", share=0.5))
    assert drill.success() == 1, drill.story
    tries_max = FOR_S / TTL_S * KEYS * PODS + KEYS  # each pod tries once, then leaves the key alone for a while
    assert drill.reads(AT_S, AT_S + FOR_S) <= tries_max, drill.story
    assert Drill("static", fault("origin-fails", share=0.5)).success() < 1


def test_8_when_the_origin_is_down_for_longer_than_the_stale_window_stale_comes_before_errors() -> None:
    stale_s = 3.0
    drill = Drill("swr", fault("origin-fails", for_s=8), params={"swr": {"stale_s": stale_s}})
    assert drill.success(0, AT_S + stale_s) == 1, drill.story
    assert drill.success(AT_S + TTL_S + stale_s, AT_S + 8 - LOAD_S) == 0, drill.story
    # the last load that fails has begun before the end, and leaves its mark
    assert drill.success(AT_S + 8 + LOAD_S + MARK_S + NETWORK_S) == 1, drill.story
    # nothing but probes while there is something to answer with
    probes_max = KEYS * PODS * (stale_s / (PAUSE_S + LOAD_S) + 1)
    assert drill.reads(AT_S, AT_S + stale_s) <= probes_max, drill.story
    assert np.nanmax(drill.age_s) <= TTL_S + stale_s + 0.002, drill.story


@every_strategy
def test_9_an_origin_that_hangs_keeps_nobody_past_the_deadline(strategy: str) -> None:
    drill = Drill(strategy, fault("origin-hangs", for_s=9.0))
    assert drill.latency_s.max() <= DEADLINE_S + TIMEOUT_S, drill.story
    assert {*drill.code} <= {200, 503}, drill.story
    assert drill.success(AT_S + 9.0 + 1) == 1, drill.story


@coordinated
def test_an_origin_that_is_slow_is_asked_once_per_key_all_the_same(strategy: str) -> None:
    drill = Drill(strategy, fault("origin-slow", times=10))
    assert drill.success() == 1, drill.story
    assert drill.at_once() == (1 if strategy in FLEET_WIDE else PODS), drill.story
    assert drill.reads() <= undisturbed(strategy).reads() * 1.2, drill.story


@one_of_the_pods
@coordinated
def test_10_when_the_holder_of_a_lock_dies_the_others_wait_for_its_lease_and_a_load(strategy: str, pod: int) -> None:
    drill = Drill(strategy, fault("pod-killed", at_s=IN_ITS_LOAD_S, pod=pod), **ONE_SLOW_KEY)
    assert {*drill.code} <= {200, NO_ANSWER}, drill.story
    answered_s = drill.latency_s[drill.code == 200]
    # the load that was lost has begun before
    assert answered_s.max() <= 0.4 + LEASE_S + 0.4 + 1.5 * POLL_S + NETWORK_S, drill.story


def test_10_and_its_pod_that_is_there_again_at_once_does_not_take_the_lock_for_its_own() -> None:
    """A seed repeats every draw of a pod, so that the tokens of its locks need something more."""
    for pod in range(PODS):
        killed = fault("pod-killed", for_s=0.05, at_s=IN_ITS_LOAD_S, pod=pod)
        drill = Drill("singleflight", killed, **ONE_SLOW_KEY)
        assert drill.at_once(from_s=IN_ITS_LOAD_S) == 1, drill.story


@one_of_the_pods
@coordinated
def test_11_a_holder_paused_past_its_lease_writes_nothing_over_what_came_after(strategy: str, pod: int) -> None:
    paused = fault("pod-paused", for_s=3 * LEASE_S, at_s=IN_ITS_LOAD_S, pod=pod)
    drill = Drill(strategy, paused, **ONE_SLOW_KEY)
    assert drill.success() == 1, drill.story
    assert drill.row.wrong_answers == 0, drill.story


@every_strategy
def test_12_a_killed_pod_loses_its_own_requests_and_no_others(strategy: str) -> None:
    drill = Drill(strategy, fault("pod-killed", pod=1))
    lost = drill.code == NO_ANSWER
    assert {*drill.code} == {200, NO_ANSWER}, drill.story
    assert np.all(drill.asked(AT_S - LOAD_S - 0.1, AT_S + FOR_S + 0.1)[lost]), drill.story
    assert np.sum(lost) == pytest.approx(RATE / PODS * FOR_S, rel=0.3), drill.story


@every_strategy
def test_12_a_terminated_pod_answers_what_it_has_and_its_place_is_empty_until_the_new_one(strategy: str) -> None:
    drill = Drill(strategy, fault("pod-terminated", pod=1))
    drains_s = AT_S + TOLD.grace_s / 2
    assert drill.success(0, drains_s) == 1, drill.story  # it is asked all the time, so it drains for half of its grace
    assert drill.success(AT_S + FOR_S) == 1, drill.story
    lost = drill.code == NO_ANSWER
    assert {*drill.pod[lost]} == {1}, drill.story
    assert np.sum(lost) == pytest.approx(RATE / PODS * (FOR_S - TOLD.grace_s / 2), rel=0.3), drill.story


def test_12_a_terminated_pod_whose_loads_hang_is_cut_off_at_the_end_of_its_grace() -> None:
    hangs: dict[str, Any] = {"origin": {"latency": "fixed(60000)"}, "warm": {"keys": "none"}, "top": {"pods": 1}}
    ended = fault("pod-terminated", pod=0, for_s=0.1) | {"at_s": 4.0}
    drill = Drill("static", ended, load={"rate_per_s": 2.0, "arrivals": "constant"}, **hangs)
    cut = (drill.code == NO_ANSWER) & (drill.latency_s > 0.1)
    assert np.sum(cut) > 1, drill.story
    assert np.ptp(drill.ended_s[cut]) < 0.001, drill.story
    assert drill.latency_s[cut].max() > TOLD.grace_s, drill.story
    assert np.all(drill.code[drill.asked(drill.ended_s[cut][0] + 0.1)] == 503), drill.story  # a new pod, asked in vain


@pytest.mark.parametrize("strategy", ["static", "singleflight"])
def test_16_clients_that_leave_harm_nobody_else_and_their_loads_land(strategy: str) -> None:
    drill = Drill(strategy, fault("clients-leave", after_ms=30.0))
    left = drill.code == NO_ANSWER
    assert {*drill.code} == {200, NO_ANSWER}, drill.story
    assert np.all(drill.asked(AT_S, AT_S + FOR_S)[left]), drill.story
    assert drill.latency_s[left] == pytest.approx(0.03, abs=0.001), drill.story
    assert drill.latency_s[drill.asked(AT_S, AT_S + FOR_S)].max() < 0.031, drill.story  # all that waited have left
    assert drill.reads() == undisturbed(strategy).reads(), drill.story


@every_strategy
@pytest.mark.parametrize("by_s", [-12.0, 3600.0])
def test_14_pods_whose_clocks_are_apart_agree_by_redis(strategy: str, by_s: float) -> None:
    again = fault("pod-killed", for_s=0.5, pod=0)
    drill = Drill(strategy, again, fault("clock-apart", pod=0, by_s=by_s))
    straight = Drill(strategy, again)
    assert drill.reads() == pytest.approx(straight.reads(), rel=0.05), drill.story
    assert np.nanmin(drill.age_s) >= 0, drill.story
    assert np.nanmax(drill.age_s) <= np.nanmax(straight.age_s) + 0.01, drill.story


@every_strategy
def test_a_loop_that_is_blocked_for_longer_than_the_time_out_takes_redis_for_away_in_no_pod(strategy: str) -> None:
    blocked = fault("loop-blocked", for_s=3 * TIMEOUT_S, pod=1)
    drill = Drill(strategy, blocked, virtual={"redis": "fixed(0.5)", "service_us": 500.0})
    assert drill.success() == 1, drill.story
    assert drill.row.incidents == [], drill.story
    waited = drill.asked(AT_S, AT_S + 2 * TIMEOUT_S) & (drill.pod == 1)
    assert drill.latency_s[waited].min() > TIMEOUT_S, drill.story  # so that their time-outs were late
    usual = undisturbed(strategy).reads(AT_S, AT_S + FOR_S)
    assert drill.reads(AT_S, AT_S + FOR_S) <= 1.3 * usual + KEYS, drill.story


SCARCE: dict[str, Any] = {
    "load": {"rate_per_s": 300.0},
    "cache": {"ttl_s": 30.0},
    "origin": {"connections": 1},
    "keys": {"count": 100},
}
"""The origin answers 30 reads/s, which is ten times what it takes; nothing expires by itself."""


@fleet_wide
def test_15_after_a_flush_at_full_load_a_scarce_origin_is_enough(strategy: str) -> None:
    drill = Drill(strategy, {"kind": "cache-flushed"}, **SCARCE)
    assert drill.success(0, AT_S) == 1, drill.story
    assert drill.success(AT_S + 5) > 0.99, drill.story
    assert drill.reads(AT_S) <= PODS * 100, drill.story


def test_15_and_the_baseline_fails_that_drill() -> None:
    drill = Drill("static", {"kind": "cache-flushed"}, **SCARCE)
    assert drill.success(0, AT_S) == 1, drill.story
    assert drill.success(AT_S + 5) < 0.9, drill.story


def test_a_fault_ends_with_the_last_of_those_that_overlap() -> None:
    long, short = fault("origin-fails", for_s=6.0), fault("origin-fails", for_s=1.0, share=0.01)
    drill = Drill("static", long, short | {"at_s": AT_S + 2}, cache={"ttl_s": 0.5})
    assert drill.success(AT_S + 2.2, AT_S + 2.9) > 0.9, drill.story  # the last to begin is what counts
    assert drill.success(AT_S + 3.8, AT_S + 6 - LOAD_S) == 0, drill.story
    assert drill.success(AT_S + 6 + LOAD_S, DURATION_S) == 1, drill.story


def test_reads_that_hang_go_on_when_the_last_of_overlapping_faults_ends() -> None:
    drill = Drill("static", fault("origin-hangs"), fault("origin-hangs", for_s=4.0) | {"at_s": AT_S + 2})
    assert drill.read_ended_s.max() <= DURATION_S + LOAD_S, drill.story
    assert drill.success(AT_S + 6 + 1) == 1, drill.story


def test_a_pod_that_is_killed_while_it_is_paused_keeps_nobody_waiting() -> None:
    paused, killed = fault("pod-paused", for_s=5.0, pod=0), fault("pod-killed", for_s=1.0, pod=0) | {"at_s": AT_S + 1}
    drill = Drill("singleflight", paused, killed)
    assert drill.latency_s.max() <= 1 + LOAD_S, drill.story
    assert drill.success(AT_S + 2) == 1, drill.story


def test_who_joins_a_load_whose_write_hangs_has_an_answer_as_old_as_both_and_that_is_allowed() -> None:
    # it ends while a write hangs: who asks then finds no entry at once, and joins
    dead = fault("connections-dead", pod=0, arrive=True, for_s=0.2)
    drill = Drill("singleflight", dead, cache={"ttl_s": 0.25}, origin={"latency": "fixed(211)"}, top={"pods": 1})
    assert drill.success() == 1
    kept_s = drill.age_s - drill.latency_s
    assert kept_s[drill.asked(0, AT_S)].max() <= 0.25
    assert kept_s[drill.asked(AT_S)].max() > 0.25 + 0.1  # so it is no allowance for nothing


def test_a_refresh_that_redis_keeps_waiting_holds_its_answer_up_by_one_time_out_and_not_by_the_release_too() -> None:
    """Whoever joined it after the entry had expired got an answer that was older by a second time-out."""
    paused = fault("cache-paused", at_s=1.46, for_s=0.5)
    tables: dict[str, Any] = {"keys": {"count": 1}, "cache": {"ttl_s": 0.5}, "origin": {"latency": "uniform(1, 300)"}}
    for seed in range(6):
        Drill("xfetch", paused, seed=seed, top={"duration_s": 4.0}, warm={"keys": "none"}, **tables)
