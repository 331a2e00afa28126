"""The answer of a run: true, complete, short, and no claim that its repeats do not allow."""

import math
from collections.abc import Sequence
from dataclasses import replace
from typing import Any

import pytest

from app.discovery import discover, wrong_names
from loadtest.figures.repeats import Medians
from loadtest.report.answer.answer import answer
from loadtest.report.answer.sentence import Sentence
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario, read_scenario
from tests.loadtest.report.test_report import SCENARIO, TABLE, row

OUTAGE = Scenario.model_validate({**TABLE, "faults": [{"kind": "cache-away", "at_s": 4, "for_s": 2}]})
NO_TRAIT: dict[str, Any] = {"errors": 0, "statuses": {"hit": 20_000}, "cold_requests": 123, "cold_peak_1s": 40}
FIXED = NO_TRAIT | {"waited_share": 0.04, "older_share": 0.0, "age_max_s": 5.0, "promised_s": 5.0}
ONE_LOAD = FIXED | {"origin_reads": 68, "steady_p99_ms": 170.0, "cold_peak_1s": 8}
STALE = ONE_LOAD | {
    "waited_share": 0.0,
    "older_share": 0.037,
    "age_max_s": 6.7,
    "promised_s": 10.0,
    "steady_p99_ms": 2.0,
}
EARLY = ONE_LOAD | {"waited_share": 0.004, "steady_p99_ms": 2.0}


def naive(peak: int = 110, **other: Any) -> Medians:
    return row("naive", peak, **FIXED | other)


def told(rows: Sequence[Medians], scenario: Scenario = SCENARIO, baseline: str | None = "naive") -> list[Sentence]:
    return answer(rows, scenario, baseline)


def text(rows: Sequence[Medians], scenario: Scenario = SCENARIO, baseline: str | None = "naive") -> str:
    return "\n".join(one.text for one in told(rows, scenario, baseline))


def advised(rows: Sequence[Medians], scenario: Scenario = SCENARIO, baseline: str | None = "naive") -> str:
    (one,) = [one.text for one in told(rows, scenario, baseline) if one.advises]
    return one


def repeated(one: Medians, *peaks: int) -> list[Medians]:
    return [replace(one, repeat=number + 1, seed=number + 1, steady_peak_1s=peak) for number, peak in enumerate(peaks)]


def test_one_run_of_each_says_who_did_best_at_what_price_and_that_there_is_no_interval() -> None:
    rows = [naive(), row("one_flight", 7, **ONE_LOAD), row("serve_old", 7, **STALE), row("early", 7, **EARLY)]
    assert text(rows) == (
        "serve_old asked the origin 1/15.7 as often as naive in its worst second (7 reads against 110, in all 68 "
        "against "
        "739; n = 1, no interval), nobody waited for a load (naive: 4 %, p99 208 ms), 3.7 % of the answers were older "
        "than 5 s, the oldest 6.7 s.\n"
        "early asked the origin 1/15.7 as often as naive in its worst second (7 reads against 110, in all 68 against "
        "739; "
        "n = 1, no interval), 0.4 % of the requests waited for a load, p99 2.00 ms (naive: 4 %, p99 208 ms), no answer "
        "was older than 5 s.\n"
        "For this load: serve_old if answers of up to 10 s are allowed, else early. That is of one run each: five "
        "(REPEATS=5) give intervals and a test.\n"
        "Worst seconds and waits are those after the cold start, whose own worst second had 40 reads with naive, 8 "
        "with "
        "serve_old and early (n = 1)."
    )
    assert not any(one.is_claim for one in told(rows))
    assert told(rows)[0].strategies == ("serve_old", "naive")


def test_repeats_give_an_interval_and_a_claim() -> None:
    rows = [*repeated(naive(), 110, 108, 114, 105, 112), *repeated(row("serve_old", **STALE), 7, 8, 7, 6, 7)]
    first = told(rows)[0]
    assert "1/15.7 [1/" in first.text
    assert "n = 5)" in first.text
    assert first.is_claim
    assert first.interval is not None
    assert first.interval.low < 7 / 110 < first.interval.high
    assert "REPEATS" not in text(rows)


def test_what_is_not_distinguishable_wins_nothing() -> None:
    rows = [*repeated(naive(), 61, 75, 52, 64, 58), *repeated(row("spread", **FIXED), 58, 66, 47, 70, 61)]
    assert advised(rows) == "For this load: naive, which none clearly beats."
    assert not any(one.is_claim for one in told(rows))


def test_the_origin_and_the_waits_may_have_different_winners() -> None:
    rows = [
        naive(368),
        row("spread", 226, **FIXED | {"older_share": 0.05, "promised_s": 12.5}),
        row("serve_old", 361, **STALE),
    ]
    assert advised(rows).startswith(
        "For this load: spread to spare the origin if answers of up to 12.5 s are allowed; serve_old against waits if "
        "answers of up to 10 s are allowed, else naive, which none clearly beats."
    )
    assert "about as often as naive" in text(rows)


@pytest.mark.parametrize(
    ("fault", "reason"),
    [
        ({"errors": 12}, "12 errors"),
        ({"errors": 5, "statuses": {"hit": 20_000, "shed": 5}}, "5 errors, 5 of them requests that were turned away"),
        ({"wrong_answers": 1}, "1 wrong answer"),
        ({"gave_up": 3}, "3 requests given up"),
        ({"valid": False, "incidents": ["Redis was killed"]}, "no valid result (Redis was killed)"),
    ],
)
def test_a_strategy_that_fails_is_never_recommended_and_the_reason_is_said(fault: dict[str, Any], reason: str) -> None:
    rows = [naive(), row("one_flight", 7, **ONE_LOAD), row("serve_old", 1, **STALE | fault)]
    assert "serve_old" not in advised(rows)
    assert f"Not recommended: serve_old: {reason}." in text(rows)


def test_a_mistake_is_never_recommended_however_good_its_figures() -> None:
    mistake = min(wrong_names())
    rows = [naive(), row(mistake, 1, **STALE)]
    assert advised(rows).startswith("For this load: naive")
    assert f"{mistake} ✗: wrong on purpose" in text(rows)


def test_where_each_fails_none_is_recommended() -> None:
    rows = [naive(errors=3), row("one_flight", 7, **ONE_LOAD | {"errors": 9})]
    assert advised(rows).startswith("None of these strategies is recommended for this load.")
    invalid = [naive(valid=False, incidents=["pod-2 fell"])]
    assert advised(invalid) == (
        "No strategy gave a valid result, so that nothing is recommended: naive: no valid result (pod-2 fell)."
    )
    assert told([]) == told([row("bound", is_reference=True)]) == []


def test_one_strategy_alone_and_a_run_without_the_baseline_say_what_is_missing() -> None:
    assert advised([naive()]) == "naive alone gave a result: nothing is compared, and nothing is recommended."
    assert "naive asked the origin for 110 reads in its worst second, 739 in all (n = 1, no interval)" in text(
        [naive()]
    )
    others = [row("one_flight", 7, **ONE_LOAD), row("spread", 100, **FIXED)]
    assert "Nothing is compared with the baseline, naive: it gave no result." in advised(others)
    assert "one_flight asked the origin 1/14.3 as often as spread" in text(others)


def test_where_nothing_expired_only_the_cold_start_is_told_and_nothing_recommended() -> None:
    rows = [naive(steady_peak_1s=None), row("one_flight", 7, **ONE_LOAD | {"steady_peak_1s": None})]
    assert text(rows) == (
        "Nothing expired in 20 s (the TTL is 5 s), so that only the cold start was seen, and nothing is recommended: "
        "in "
        "its worst second the origin was asked for 40 with naive, 8 with one_flight (n = 1). A run of 15 s or more "
        "shows "
        "expiries."
    )


def test_a_latency_that_is_only_assumed_is_the_ground_of_no_word() -> None:
    assumed = {"assumed": ["p99_ms", "steady_p99_ms"], "steady_p99_ms": 0.5, "p99_ms": 0.5}
    rows = [naive(), row("serve_old", 7, **STALE | assumed), row("early", 7, **EARLY | assumed)]
    assert "0.5" not in text(rows)
    assert "nobody waited for a load (naive: 4 %, p99 208 ms)" in text(rows)


def test_nobody_waited_is_not_said_alone_where_the_answers_took_as_long_as_a_load() -> None:
    slow = row("serve_old", 7, **STALE | {"steady_p99_ms": 180.0})
    assert "nobody waited for a load, though the p99 was 180 ms" in text([naive(), slow])


def test_what_a_write_had_overtaken_is_a_price_too() -> None:
    rows = [naive(overtaken_share=0.01), row("serve_old", 7, **STALE | {"overtaken_share": 0.043})]
    assert "the oldest 6.7 s, 4.3 % had been overtaken by a write." in text(rows)


def test_a_strategy_that_read_nothing_after_the_cold_start_is_given_no_peak() -> None:
    rows = [naive(), row("keeps", **FIXED | {"steady_peak_1s": None, "waited_share": 0.0})]
    assert "keeps asked the origin for nothing after the cold start, and in it for 739 reads (n = 1" in text(rows)


def test_after_an_outage_who_never_came_back_is_not_recommended() -> None:
    under: dict[str, Any] = {"failed_during": 1_272, "recovers_after_s": math.inf, "errors": 13_000}
    rows = [
        naive(**under),
        row("one_flight", 7, **ONE_LOAD | {"failed_during": 40, "recovers_after_s": 1.5, "errors": 40}),
        row("serve_old", 7, **STALE | {"failed_during": 0, "recovers_after_s": 0.0}),
    ]
    assert text(rows, OUTAGE).startswith(
        "After the trigger (from 4 to 6 s): naive never came back in the 14 s after it; one_flight was back after 1.5 "
        "s; "
        "serve_old was back at once (n = 1)."
    )
    assert "serve_old answered all under it and was back at once (naive: 1,272 without one, never back)" in text(
        rows, OUTAGE
    )
    assert advised(rows, OUTAGE).startswith(
        "For this load and what hits it: serve_old if answers of up to 10 s are allowed, else one_flight."
    )
    assert "Not recommended: naive: never came back." in text(rows, OUTAGE)


def test_a_run_in_virtual_time_is_answered_by_its_figures_and_no_name() -> None:
    scenario, found = read_scenario("hot-key", duration_s=12), discover().strategies
    names = ("static", "singleflight", "swr")
    rows = [simulate(scenario, found[name], 1).row for name in names]
    (one,) = [one for one in answer(rows, scenario, "static") if one.advises]
    assert one.text.startswith("For this load: swr if answers of up to 10 s are allowed, else singleflight.")


LATE: dict[str, Any] = {"valid": False, "incidents": ["the generator was 412 ms late"]}


def test_one_late_repeat_takes_no_strategy_out_of_the_answer_which_names_the_run_that_is_left_out() -> None:
    rows = [
        replace(naive(500), repeat=1, **LATE),
        replace(naive(110), repeat=2, seed=8),
        *repeated(row("one_flight", 7, **ONE_LOAD), 7, 7),
    ]
    found = answer(rows, SCENARIO, "naive", "lab bench --repeats 2")
    (advice,) = [one.text for one in found if one.advises]
    assert advice == (
        "For this load: one_flight. Some of that is of one run alone: five (REPEATS=5) give intervals and a test."
    )
    assert "(7 reads against 110, in all 68 against 739; n = 1 and 2, no interval)" in found[0].text
    assert found[-1].text == (
        "Left out, because they are no valid results: naive, repeat 1 (the generator was 412 ms late). "
        "All runs again: lab bench --repeats 2"
    )


def test_more_reads_in_all_beside_fewer_in_the_worst_second_are_said_in_words() -> None:
    rows = [naive(57, origin_reads=815), row("one_flight", 23, **ONE_LOAD | {"origin_reads": 941})]
    said = text(rows)
    assert "1/2.48 as often as naive in its worst second, but in all 15 % more often (23 reads against 57" in said
