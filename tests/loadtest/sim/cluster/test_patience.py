"""Impatient clients in virtual time: they give up, try again in waves or spread, and keep to their budget."""

from collections.abc import Iterator
from typing import Any, NamedTuple

import numpy as np
import pytest

from app.discovery import discover
from loadtest.figures.history import Ending
from loadtest.figures.records import Answers, Reads, Retries
from loadtest.sim.cluster.simulate import SimulatedHistory, simulate
from loadtest.workload.client import BUDGET_BURST, NO_ANSWER
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from tests.loadtest.sim.drill import AT_S, DURATION_S, FOR_S, RATE, fault, workload

STRATEGIES = discover(references=True).runnable
CLIENTS = 1_000
"""The clients that fail together, as in the waves of REFERENCE.md, section 5."""
STEP_S = 0.1


class Played(NamedTuple):
    """All that is known of a run; times are seconds from the start of the load."""

    answers: Answers
    retries: Retries
    reads: int
    ending: Ending

    @property
    def meant_during(self) -> np.ndarray[Any, np.dtype[np.bool_]]:
        """The requests that were meant to begin during the drills' fault."""
        return (self.answers.intended_s >= AT_S) & (self.answers.intended_s < AT_S + FOR_S)

    @property
    def peak(self) -> int:
        """The most retries within any 100 ms."""
        sent_s = np.sort(self.retries.sent_s)
        return int(np.max(np.arange(1, len(sent_s) + 1) - np.searchsorted(sent_s, sent_s - STEP_S, "right")))


def played(scenario: Scenario, strategy: str = "static", seed: int = 1) -> Played:
    history = SimulatedHistory(PlannedRun(scenario, strategy, seed))
    chunks = [*history.chunks()]
    assert history.violation is None, history.violation
    answers, retries = _together(chunks, Answers), _together(chunks, Retries)
    since_s = history.start_s
    return Played(
        answers._replace(intended_s=answers.intended_s - since_s, ended_s=answers.ended_s - since_s),
        retries._replace(sent_s=retries.sent_s - since_s),
        sum(len(chunk.key) for chunk in chunks if isinstance(chunk, Reads)),
        history.ending(),
    )


def _together(chunks: list[Any], kind: Any) -> Any:
    def columns() -> Iterator[Any]:
        for name in kind._fields:
            parts = [getattr(chunk, name) for chunk in chunks if isinstance(chunk, kind)]
            yield {} if name == "wrong_answer_kinds" else np.concatenate(parts or [np.empty(0)])

    return kind(*columns())


def wave(down_s: float, strategy: str = "static", **client: Any) -> Played:
    """Many clients ask at once, of a pod that is down for so long."""
    shape = {"kind": "top-of-the-hour", "every_s": 5, "extra_requests": CLIENTS, "within_s": 0.001}
    down = {"kind": "pod-killed", "pod": 0, "at_s": 4.0, "for_s": 1.0 + down_s}
    load = {"loop": "open", "rate_per_s": 0.01, "shape": shape}
    return played(workload(down, load=load, client=client, top={"pods": 1, "duration_s": 9.0}), strategy)


def test_retries_without_jitter_repeat_the_wave_and_jitter_spreads_it_over_its_base() -> None:
    fixed: dict[str, Any] = {"retries": 4, "backoff": "fixed", "base_s": 1.0, "jitter": "none"}
    assert wave(60.0, **fixed).peak == CLIENTS
    assert wave(60.0, **fixed | {"backoff": "exponential"}).peak == CLIENTS
    assert wave(60.0, retries=4, base_s=0.2, jitter="full").peak == pytest.approx(743, rel=0.05)
    assert wave(60.0, retries=4, base_s=1.0, jitter="full").peak == pytest.approx(180, rel=0.1)


def test_a_pod_that_is_back_after_two_seconds_answers_the_third_wave_and_latency_is_that_of_all_attempts() -> None:
    back = wave(1.5, "singleflight", retries=4, backoff="fixed", base_s=1.0, jitter="none")
    assert np.all(back.answers.attempts == 3)
    assert not back.answers.gave_up.any()
    assert np.all(back.answers.code == 200)
    assert np.all((back.answers.latency_s > 2.0) & (back.answers.latency_s < 2.3))
    assert np.bincount(back.retries.attempt).tolist() == [0, 0, CLIENTS, CLIENTS]


def test_a_budget_bounds_the_attempts_of_an_outage_by_its_share_and_burst() -> None:
    def outage(budget: float | None) -> Played:
        fails = fault("origin-fails", for_s=30.0, at_s=1.0)
        return played(workload(fails, client={"retries": 5, "budget": budget}, top={"duration_s": 8.0}))

    for budget in (0.0, 0.1, 0.5):
        run = outage(budget)
        bound = budget * len(run.answers.key) + BUDGET_BURST
        assert 0.6 * bound <= len(run.retries.key) <= bound
        assert run.answers.attempts.sum() == len(run.answers.key) + len(run.retries.key)
    assert len(outage(None).retries.key) > 2 * len(run.answers.key)


def test_an_attempt_is_abandoned_at_its_deadline_and_the_next_one_counts_from_the_first_start() -> None:
    client = {"timeout_s": 0.5, "retries": 20, "backoff": "fixed", "base_s": 0.2, "jitter": "none"}
    run = played(workload(fault("origin-hangs"), client=client))
    answers = run.answers
    before_s = (answers.attempts - 1) * 0.7
    assert answers.attempts.max() > 3
    assert np.all(answers.code == 200)
    assert np.all((answers.latency_s > before_s) & (answers.latency_s <= before_s + 0.5))
    assert np.all(run.retries.attempt >= 2)


def test_a_client_that_gives_up_waits_no_longer_and_its_load_goes_on_behind() -> None:
    hanging = fault("origin-hangs")
    patient, hurried = played(workload(hanging)), played(workload(hanging, client={"timeout_s": 0.5}))
    gave_up = hurried.answers.gave_up
    assert np.array_equal(gave_up, hurried.answers.code == NO_ANSWER)
    assert hurried.answers.latency_s[gave_up] == pytest.approx(0.5)
    assert hurried.answers.latency_s.max() < 0.5 + 1e-9 < patient.answers.latency_s.max()
    assert gave_up.sum() == np.sum(patient.answers.latency_s > 0.5) > 50
    assert hurried.reads == patient.reads
    assert hurried.ending.notes == [f"{gave_up.sum()} answers came after their clients had given up"]


def test_a_retry_goes_to_the_next_pod() -> None:
    down = fault("pod-killed", pod=1)
    run = played(workload(down, client={"retries": 1, "backoff": "fixed", "base_s": 0.01, "jitter": "none"}))
    again = run.answers.attempts == 2
    assert np.all(run.answers.code == 200)
    assert again[run.meant_during].sum() == pytest.approx(RATE * FOR_S / 3, rel=0.2)
    assert np.array_equal(np.sort(run.answers.key[again]), np.sort(run.retries.key))


def test_a_request_between_two_attempts_takes_no_room_in_flight_and_a_retry_does() -> None:
    client = {"retries": 1, "backoff": "fixed", "base_s": 1.0, "jitter": "none"}
    load = {"loop": "open", "rate_per_s": RATE, "in_flight_max": 60}
    run = played(workload(fault("pod-killed", pod=0), top={"pods": 1}, load=load, client=client))
    assert len(run.retries.key) == pytest.approx(RATE * FOR_S, rel=0.1)
    assert not [incident for incident in run.ending.incidents if incident.spoils]
    slow = played(workload(fault("origin-hangs"), load=load, client=client | {"timeout_s": 1.0}))
    (incident,) = [one.what for one in slow.ending.incidents if "retries were not sent" in one.what]
    assert slow.answers.attempts.sum() == len(slow.answers.key) + len(slow.retries.key), incident


def test_a_user_who_gives_up_asks_again_after_its_pause() -> None:
    users = {"loop": "closed", "users": 20, "think_s": 0.2, "rate_per_s": None}
    hanging = fault("origin-hangs")
    patient = played(workload(hanging, load=users))
    hurried = played(workload(hanging, load=users, client={"timeout_s": 0.2, "retries": 1, "base_s": 0.1}))
    assert hurried.meant_during.sum() > 2 * patient.meant_during.sum()
    longest_s = 2 * 0.2 + 0.1
    assert hurried.answers.latency_s.max() < longest_s + 1e-9
    begun_s, ended_s = hurried.answers.intended_s, hurried.answers.ended_s
    assert max(np.sum((begun_s <= at_s) & (ended_s > at_s)) for at_s in np.arange(0, DURATION_S, 0.1)) <= 20


def test_a_queue_of_abandoned_requests_keeps_the_cpu_busy_for_nobody() -> None:
    slow = {"service_us": 12_000.0}  # 83 a second for each pod, of which 33 are asked for until retries come
    stands_still = {"kind": "loop-blocked", "at_s": AT_S, "for_s": 2.0, "pod": 0}
    client = {"timeout_s": 0.5, "retries": 10, "backoff": "fixed", "base_s": 0.05, "jitter": "none"}
    calm = played(workload(stands_still, virtual=slow))
    storm = played(workload(stands_still, virtual=slow, client=client))
    assert calm.ending.notes == []
    (note,) = storm.ending.notes
    assert int(note.split()[0].replace(",", "")) > 50
    assert storm.answers.attempts.sum() == len(storm.answers.key) + len(storm.retries.key)


@pytest.mark.parametrize("loop", ["open", "closed"])
def test_patience_that_is_never_needed_changes_nothing_and_is_the_same_twice(loop: str) -> None:
    users = {"loop": "closed", "users": 20, "think_s": 0.2, "rate_per_s": None}
    tables: dict[str, Any] = {} if loop == "open" else {"load": users}
    traces = {
        simulate(workload(client=client, **tables), STRATEGIES["static"], 1).row.trace
        for client in ({}, {"timeout_s": 30.0, "retries": 3, "budget": 0.1}, {"timeout_s": 30.0}, {"base_s": 1.0})
    }
    assert len(traces) == 1
    needed = workload(fault("origin-fails", share=0.5), client={"retries": 3, "timeout_s": 0.15}, **tables)
    once, twice = (simulate(needed, STRATEGIES["static"], 1).row for _ in range(2))
    assert once == twice
    assert once.trace not in traces


def test_a_client_that_leaves_does_not_try_again() -> None:
    leaving = fault("clients-leave", after_ms=30.0)
    run = played(workload(leaving, client={"retries": 3, "timeout_s": 0.02, "base_s": 0.001, "jitter": "none"}))
    during = run.meant_during
    assert run.answers.latency_s[during].max() <= 0.03 + 1e-9
    assert run.answers.attempts[during].max() == 2
    assert run.answers.attempts[~during].max() > 2
