"""Gates: what they say, how they are judged, and what a CI system reads."""

import math
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from loadtest.report.gates import junit, markdown
from loadtest.stats.gates import GateResult, judge_gates
from loadtest.stats.saved_run import SavedRun
from loadtest.workload.gate import BadGate, parse_gate
from tests.run_directory import repeats

RUN = SavedRun("results/one", [*repeats("naive"), *repeats("mine", origin_peak_1s=[9, 9, 30, 10, 8], p99_ms=24.0)])


def judged(*texts: str, run: SavedRun = RUN) -> list[GateResult]:
    return judge_gates([parse_gate(text) for text in texts], run)


@pytest.mark.parametrize(
    ("text", "passes"),
    [
        ("mine.origin_peak_1s <= 9", True),
        ("mine.origin_peak_1s<9", False),
        ("mine.origin_peak_1s>=9", True),
        ("mine.origin_peak_1s > 9", False),
        ("mine.p99_ms/naive.p99_ms<=0.3", True),
        ("mine.p99_ms / naive.p99_ms <= 1e-1", False),
        ("naive.statuses.hit >= 23000", True),
        ("naive.statuses.shed <= 0", True),
        ("mine.hit_ratio >= -1.5", True),
    ],
)
def test_a_gate_is_a_figure_or_a_ratio_against_a_bound(text: str, passes: bool) -> None:
    assert judged(text)[0].passed is passes


def test_over_repeats_the_median_is_judged_and_the_message_has_row_value_bound_and_every_repeat() -> None:
    (one,) = judged("mine.origin_peak_1s <= 8")
    assert one.value == 9
    assert one.message == "mine.origin_peak_1s is 9 (median of 5 repeats: 9, 9, 30, 10, 8); the bound is <= 8"


@pytest.mark.parametrize("figure", ["errors", "wrong_answers"])
def test_errors_are_judged_by_their_worst_repeat(figure: str) -> None:
    figures: dict[str, Any] = {figure: [0, 0, 1, 0, 0]}
    (one,) = judged(f"mine.{figure} <= 0", run=SavedRun("one", repeats("mine", **figures)))
    assert not one.passed
    assert "1 (maximum of 5 repeats" in one.message


def test_a_ratio_to_nothing_passes_neither_way() -> None:
    for sign in ("<=", ">="):
        (one,) = judged(f"mine.errors / naive.errors {sign} 1")
        assert math.isnan(one.value)
        assert not one.passed
        assert "no ratio" in one.message


def test_a_row_that_is_no_result_is_not_judged_and_others_are() -> None:
    rows = [*repeats("naive"), *repeats("mine", valid=[True, False, True, True, True], incidents=[["pod-2 fell"]] * 5)]
    bad, good, half = judged(
        "mine.errors <= 0", "naive.errors <= 0", "naive.p99_ms / mine.p99_ms <= 2", run=SavedRun("one", rows)
    )
    assert [bad.outcome, good.outcome, half.outcome] == ["invalid", "passed", "invalid"]
    assert bad.message == "mine.errors <= 0: not judged: mine, repeat 2, is no valid result: pod-2 fell"


@pytest.mark.parametrize(
    "text",
    ["", "mine", "mine.p99_ms", "mine.p99_ms <= ", "mine.p99_ms = 3", "mine.p99_ms <= many", "p99_ms <= 3",
     "mine.p99_ms <= 3 ms", "mine.p99_ms / <= 3", "a.b/c.d/e.f <= 1", "mine.p99_ms <= nan", "mine.p99_ms <= 1e999",
     "3 >= mine.p99_ms", "mine.p99_ms <= 1__0", "mine.p99_ms <= \u0663"],
)  # fmt: skip
def test_what_is_no_gate_is_refused_with_its_text(text: str) -> None:
    with pytest.raises(BadGate) as caught:
        parse_gate(text)
    assert repr(text) in str(caught.value)


@given(st.text(max_size=60))
def test_any_text_is_a_gate_or_a_bad_gate(text: str) -> None:
    try:
        gate = parse_gate(text)
    except BadGate:
        return
    assert parse_gate(str(gate)) == gate


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("yours.errors <= 0", "in results/one there is no strategy 'yours': name one of naive, mine"),
        ("mine.p98_ms <= 0", "in results/one there is no figure 'p98_ms'; did you mean p99_ms"),
        ("mine.seed <= 0", "no figure 'seed'"),
        ("mine.statuses.hot <= 0", "no figure 'statuses.hot'; did you mean statuses.hit"),
        ("mine.p99_ms / mine.nothing <= 0", "no figure 'nothing'"),
    ],
)
def test_an_unknown_name_is_answered_with_the_names_there_are(text: str, told: str) -> None:
    with pytest.raises(BadGate, match=told):
        judged(text)


def test_a_figure_that_only_some_repeats_have_cannot_be_gated() -> None:
    rows = [*repeats("mine", 1, slow_s=1.0), *repeats("mine", 1)]
    with pytest.raises(BadGate, match="not every repeat"):
        judged("mine.slow_s <= 3", run=SavedRun("one", rows))


@pytest.mark.parametrize(
    ("stated", "text", "told"),
    [
        (["never"] * 3, "mine.recovers_after_s <= 5", "failed: never (median of 3 repeats: never, never, never)"),
        (["never"] * 3, "mine.recovers_after_s > 3600", "passed: never (median of 3 repeats: never, never, never)"),
        ([2.0, "never", 3.5], "mine.recovers_after_s <= 5", "passed: 3.5 s (median of 3 repeats: 2 s, never, 3.5 s)"),
        (
            [2.0, "never", "never"],
            "mine.recovers_after_s <= 5",
            "failed: never (median of 3 repeats: 2 s, never, never)",
        ),
        ([2.0, None, 3.5], "mine.recovers_after_s <= 5", "invalid: mine.recovers_after_s: no figure"),
        ([0.0] * 3, "mine.recovers_after_s / naive.origin_reads <= 1", "passed: 0, from 0 s (median of 3"),
    ],
)
def test_never_is_longer_than_any_bound_and_not_known_is_no_value(stated: list[Any], text: str, told: str) -> None:
    run = SavedRun("results/one", [*repeats("naive"), *repeats("mine", 3, recovers_after_s=stated)])
    (one,) = judged(text, run=run)
    assert f"{one.outcome}: {one.text}".startswith(told)


def test_only_an_absolute_latency_is_warned_about() -> None:
    texts = ["mine.p99_ms <= 30", "mine.p99_ms / naive.p99_ms <= 0.3", "mine.origin_reads <= 9", "mine.slow_s <= 1"]
    assert [bool(parse_gate(text).warning) for text in texts] == [True, False, False, False]


def test_junit_has_a_test_case_per_gate_and_its_failures_name_row_value_and_bound() -> None:
    rows = [*RUN.rows, *repeats("broken", valid=False, incidents=[["locust: \x1b[31m<&\x00]]>"]] * 5)]
    found = judged(
        "mine.errors <= 0", "mine.origin_peak_1s <= 8", "broken.errors <= 0", run=SavedRun("results/one", rows)
    )
    root = ElementTree.fromstring(junit(found, "one-key"))
    suite = root[0]
    assert root.tag == "testsuites"
    assert {name: suite.get(name) for name in ("tests", "failures", "errors")} == {
        "tests": "3", "failures": "1", "errors": "1",
    }  # fmt: skip
    cases = suite.findall("testcase")
    assert [case.get("name") for case in cases] == [str(one.gate) for one in found]
    passed, failed, broken = cases
    assert passed.find("failure") is None
    assert passed.find("error") is None
    failure, error = failed.find("failure"), broken.find("error")
    assert failure is not None
    assert failure.get("message") == found[1].message
    assert error is not None
    assert "<&" in (error.get("message") or ""), "escaped, and without what XML cannot hold"


def test_the_markdown_is_a_table_of_the_gates(tmp_path: Path) -> None:
    found = judged("mine.errors <= 0", "mine.origin_peak_1s <= 8")
    text = markdown(found, RUN)
    assert "1 of 2 passed" in text
    assert "`mine.origin_peak_1s <= 8`" in text
    assert "median" in text
    assert "wrong_answer_kinds by the worst" in text
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == 4
    assert len({line.count("|") for line in lines}) == 1


def test_a_figure_that_has_no_value_is_not_judged_either_way() -> None:
    for figures in ({"p99_ms": None}, {"p99_ms": [9.0, None, 9.0, 9.0, 9.0]}):
        run = SavedRun("one", [*repeats("mine", **figures), *repeats("naive")])
        for text in ("mine.p99_ms <= 1", "mine.p99_ms >= 1", "naive.p99_ms / mine.p99_ms <= 9"):
            (one,) = judged(text, run=run)
            assert one.outcome == "invalid"
            assert "not judged: no figure: mine.p99_ms has no value" in one.message


def test_figures_in_tables_of_tables_have_names_and_what_did_not_happen_there_is_no_figure() -> None:
    rows = repeats("mine", stampedes={"hot": {"count": 3, "mean": 2.5, "max": 4}})
    assert judged("mine.stampedes.hot.mean <= 2.5", run=SavedRun("one", rows))[0].passed
    assert judged("mine.stampedes.cold_start.max <= 9", run=SavedRun("one", rows))[0].outcome == "invalid"
    assert judged("mine.statuses.shed <= 0", run=SavedRun("one", rows))[0].passed


@pytest.mark.parametrize("figure", ["wrong_answer_kinds.torn", "origin_failed", "origin_shed", "statuses.error"])
def test_whatever_must_not_happen_is_judged_by_its_worst_repeat(figure: str) -> None:
    table, _, entry = figure.partition(".")
    values = [{entry: count} if entry else count for count in (0, 7, 0, 5, 0)]
    figures: dict[str, Any] = {table: values}
    (one,) = judged(f"mine.{figure} <= 0", run=SavedRun("one", repeats("mine", **figures)))
    assert not one.passed
    assert "7 (maximum of 5 repeats" in one.message


def test_no_gate_stands_on_what_virtual_time_assumes() -> None:
    rows = [*repeats("mine", world="virtual", assumed=[["p50_ms"]] * 5), *repeats("naive", world="virtual")]
    bad, good = judged("mine.p50_ms <= 9", "mine.p99_ms / naive.p99_ms <= 2", run=SavedRun("one", rows))
    assert bad.outcome == "invalid"
    assert "virtual.service_us" in bad.message
    assert good.passed


def test_logs_in_events_are_no_markup_in_the_markdown() -> None:
    log = "\x1b[31m| <img src=x> `a` \u202e"
    rows = repeats("mine", valid=False, incidents=[[log * 10_000]] * 5)
    text = markdown(judged("mine.errors <= 0", run=SavedRun("one", rows)), SavedRun("one", rows))
    line = next(line for line in text.splitlines() if "mine.errors" in line)
    assert line.replace(r"\|", "").count("|") == 4
    assert r"\<img" in line
    assert not {"\x1b", "\u202e"} & {*line}
    assert len(line) < 3_000
