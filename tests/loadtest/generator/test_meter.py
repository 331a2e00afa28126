import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from loadtest.figures.generator_record import (
    CPU_SHARE_MAX,
    LATENESS_P99_MS_MAX,
    Due,
    GeneratorRecord,
    read_generator,
    what_is_due,
)
from loadtest.generator.meter import TICK_S, Meter
from loadtest.generator.ticker import tick
from loadtest.workload.scenario import read_scenario

KEPT_UP = GeneratorRecord(
    processes=2,
    silent=0,
    due=1_000,
    sent=1_000,
    not_sent=0,
    in_flight_peak=12,
    in_flight_max=2_000,
    lateness_p50_ms=0.5,
    lateness_p99_ms=2.0,
    lateness_max_ms=9.0,
    cpu_share=0.4,
    wall_s=10.0,
    shortest_s=10.0,
)
DUE = Due(duration_s=10.0, requests=1_000)


def test_a_generator_that_kept_up_has_no_faults() -> None:
    assert KEPT_UP.faults(DUE, answered=1_000) == []
    assert KEPT_UP.faults(Due(10.0, requests=None), answered=1_000) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"sent": 980}, "the load reached 98.0 of 100.0 requests/s"),
        ({"lateness_p99_ms": LATENESS_P99_MS_MAX + 10}, "1 % of the requests left more than 60 ms late"),
        ({"cpu_share": CPU_SHARE_MAX + 0.03}, "a generator process was busy 98% of the time"),
        ({"not_sent": 7}, "7 of 1000 requests were not sent: 2000 were on their way"),
        ({"silent": 1}, "1 of 2 generator processes left no record"),
        ({"shortest_s": 2.8}, "the load was sent for 2.8 of 10 s"),
        ({"cut_short": "it was told to end"}, "the load was sent for 10.0 of 10 s: it was told to end"),
    ],
)
def test_what_spoils_a_run_is_said_in_a_plain_sentence(change: dict[str, Any], said: str) -> None:
    one = replace(KEPT_UP, **change)
    (fault,) = one.faults(DUE, one.sent)
    assert fault.startswith(said)


def test_what_was_sent_and_is_not_in_the_record_is_missed() -> None:
    assert KEPT_UP.faults(Due(10.0, None), answered=990) == ["1000 requests were sent, and 990 are in the record"]


def test_a_schedule_that_is_known_is_held_to_exactly() -> None:
    almost = replace(KEPT_UP, due=995, sent=995)  # which says of itself that it sent all that was due
    (said,) = almost.faults(DUE._replace(is_exact=True), answered=995)
    assert said == "995 requests are in the record, and 1000 in the scenario's schedule"


def test_a_closed_loop_is_held_to_its_duration_too() -> None:
    cut = replace(KEPT_UP, in_flight_max=None, shortest_s=4.0)
    assert cut.faults(Due(10.0, None), 1_000) == ["the load was sent for 4.0 of 10 s"]


@pytest.mark.parametrize(
    ("scenario", "requests"), [("many-keys", 45_000), ("side-by-side", 3_600), ("primer", None), ("bulk-warm", None)]
)
def test_what_is_due_comes_from_the_scenario(scenario: str, requests: int | None) -> None:
    due = what_is_due(read_scenario(scenario), seed=3)
    if requests is None:
        assert due.requests is None, "answers set the pace"
    else:
        assert due.requests == pytest.approx(requests, rel=0.05)
        assert due == what_is_due(read_scenario(scenario), seed=3)


def test_a_closed_loop_whose_generator_stood_still_for_a_quarter_of_the_time_was_late() -> None:
    meter, now = Meter(in_flight_max=None), [0.0]

    def sleep(seconds: float) -> None:
        now[0] += seconds
        if 2.0 <= now[0] < 2.0 + TICK_S:
            now[0] += 1.5  # SIGSTOP

    tick(meter, lambda: now[0] >= 6.0, lambda: now[0], sleep)
    assert meter.lateness_ms(0.74) < 1
    assert meter.lateness_ms(0.80) > 100
    assert meter.lateness_ms(1.0) == pytest.approx(1_500, rel=0.02)


def test_users_of_a_closed_loop_that_wait_for_slow_answers_are_not_the_generators_lateness() -> None:
    meter = Meter(in_flight_max=None)
    meter.leaves(0.4)
    assert meter.lateness_ms(0.99) == 0


def test_a_meter_writes_what_it_saw(tmp_path: Path) -> None:
    meter = Meter(in_flight_max=5)
    for lateness_s in [-0.001, *[0.002] * 97, 0.0305, 2.5]:  # a clock may say "just before"
        meter.leaves(lateness_s)
    for _ in range(100):
        meter.returns()
    meter.not_sent += 3
    meter.write(tmp_path, "mine")
    (path,) = tmp_path.glob("generator-*.json")
    record = json.loads(path.read_text())
    assert path.stem == "generator-mine"
    assert (record["due"], record["sent"], record["not_sent"]) == (103, 100, 3)
    assert (record["in_flight_peak"], record["in_flight_max"], meter.in_flight) == (100, 5, 0)
    assert record["lateness_p50_ms"] == pytest.approx(2.0, abs=0.11)
    assert record["lateness_p99_ms"] == pytest.approx(30.5, abs=0.11)
    assert record["lateness_max_ms"] == pytest.approx(2_500, rel=1e-3)
    assert record["wall_s"] >= 0
    assert record["cpu_share"] >= 0


def test_a_lateness_of_seconds_has_three_digits() -> None:
    meter = Meter(in_flight_max=9)
    for lateness_s in (1.5, 4.0):
        meter.leaves(lateness_s)
    assert meter.lateness_ms(0.5) == pytest.approx(1_500, rel=1e-3)
    assert meter.lateness_ms(0.99) == pytest.approx(4_000, rel=1e-3)


def test_a_meter_that_saw_nothing_is_never_late() -> None:
    assert Meter(in_flight_max=None).lateness_ms(0.99) == 0


def test_processes_add_up_and_the_worst_speaks_for_all(tmp_path: Path) -> None:
    for pid, late, busy in ((11, 2.0, 0.9), (12, 70.0, 0.2)):
        record = {
            "pid": pid, "processes": 3, "due": 60, "sent": 50, "not_sent": 10, "in_flight_peak": 4, "in_flight_max": 9,
            "lateness_p50_ms": late / 4, "lateness_p99_ms": late, "lateness_max_ms": 2 * late, "cpu_share": busy,
            "wall_s": 5.0 + pid, "cut_short": "",
        }  # fmt: skip
        (tmp_path / f"generator-{pid}.json").write_text(json.dumps(record))
    assert read_generator(tmp_path) == GeneratorRecord(
        processes=3,
        silent=1,
        due=120,
        sent=100,
        not_sent=20,
        in_flight_peak=8,
        in_flight_max=18,
        lateness_p50_ms=17.5,
        lateness_p99_ms=70.0,
        lateness_max_ms=140.0,
        cpu_share=0.9,
        wall_s=17.0,
        shortest_s=16.0,
    )


def test_without_a_record_there_is_no_generator(tmp_path: Path) -> None:
    assert read_generator(tmp_path) is None


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"due": 1'])
def test_a_broken_record_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "generator-1.json"
    path.write_text(text)
    with pytest.raises(ValueError, match=r"generator-1\.json: not a generator's record"):
        read_generator(tmp_path)
