"""Sentences about the strategies of one run."""

from collections.abc import Sequence

import pytest

from loadtest.stats.rows import AnyRow, figure, figure_names
from loadtest.stats.sentences import sentences, show, show_median, telling
from tests.run_directory import repeats

SLOW = [212.3, 214.0, 209.9, 213.1, 211.2]
FAST = [25.4, 26.0, 24.1, 28.2, 27.0]


def sentence(rows: Sequence[AnyRow], *which: str) -> str:
    strategy, base, figure = which
    return sentences(rows, [(strategy, base, figure)])[0]


def test_a_difference_is_told_as_the_interval_of_the_ratio() -> None:
    rows = [*repeats("naive", p99_ms=SLOW), *repeats("mine", p99_ms=FAST)]
    assert sentence(rows, "mine", "naive", "p99_ms") == "mine's p99 is 7.58 to 8.71 times lower than naive's (n = 5)"
    assert sentence(rows, "naive", "mine", "p99_ms") == "naive's p99 is 7.58 to 8.71 times higher than mine's (n = 5)"


def test_less_than_twice_is_told_in_per_cent() -> None:
    rows = [
        *repeats("naive", origin_reads=[100, 102, 99, 101, 100]),
        *repeats("mine", origin_reads=[80, 81, 79, 80, 82]),
    ]
    told = sentence(rows, "mine", "naive", "origin_reads")
    assert told == "mine's number of origin reads is 19 to 21 % lower than naive's (n = 5)"


def test_scatter_as_large_as_the_difference_is_not_distinguishable() -> None:
    rows = [*repeats("naive", 3, p99_ms=[200, 230, 260]), *repeats("mine", 3, p99_ms=[240, 190, 215])]
    assert sentence(rows, "mine", "naive", "p99_ms") == "mine's p99 and naive's are not distinguishable (n = 3)"


@pytest.mark.parametrize("n", [1, 2])
def test_too_few_repeats_allow_no_sentence_and_say_how_many_do(n: int) -> None:
    rows = [*repeats("naive", n), *repeats("mine", n, p99_ms=2.0)]
    told = sentence(rows, "mine", "naive", "p99_ms")
    assert told == f"mine's p99 and naive's: n too small to tell (n = {n}; 3 of each are needed)"


def test_one_virtual_run_of_the_same_seed_can_be_told_from_another_but_only_for_that_seed() -> None:
    rows = [*repeats("naive", 1, world="virtual"), *repeats("mine", 1, world="virtual", origin_peak_1s=10)]
    told = sentence(rows, "mine", "naive", "origin_peak_1s")
    assert told == "mine's peak of origin reads in 1 s is 6.1 times lower than naive's (n = 1, these seeds only)"
    assert sentence(rows, "mine", "naive", "p99_ms") == "mine's p99 and naive's are identical (n = 1)"


def test_errors_that_are_none_on_one_side_are_told_by_the_worst() -> None:
    rows = [*repeats("naive"), *repeats("mine", errors=[31, 28, 35, 30, 33])]
    told = sentence(rows, "mine", "naive", "errors")
    assert told == "mine's number of errors is higher than naive's: 35 in 5 of 5 against 0 (n = 5)"


def test_each_strategy_is_told_against_the_baseline_by_peak_reads_and_p99() -> None:
    rows = [row for name in ("naive", "mine", "other") for row in repeats(name)]
    told = telling(rows, "naive")
    assert [text.partition("'")[0] for text in told] == ["mine"] * 3 + ["other"] * 3
    assert telling(rows, None) == telling(rows, "absent") == []


def test_rows_that_are_no_result_are_not_told_of() -> None:
    rows = [*repeats("naive"), *repeats("mine", valid=[True, True, False, False, False])]
    assert "n = 5 and 2" in sentence(rows, "mine", "naive", "p99_ms")
    assert telling([*repeats("naive"), *repeats("mine", valid=False)], "naive") == []


def test_a_figure_that_is_not_there_is_named() -> None:
    with pytest.raises(ValueError, match="mine: no p999_ms"):
        sentence([*repeats("naive", p999_ms=1.0), *repeats("mine")], "mine", "naive", "p999_ms")


def test_every_number_that_is_no_label_is_a_figure_and_tables_are_named_by_dots() -> None:
    (row,) = repeats("mine", 1, slow_s=0.5, wait_p99_ms=None, stampedes={"hot": {"mean": 2.5}})
    names = figure_names([row])
    assert {"origin_reads", "slow_s", "statuses.hit", "statuses.shed", "reads_by_reason.early", "wait_p99_ms"} <= set(
        names
    )
    assert not {"seed", "repeat", "pods", "duration_s", "target_rate", "valid", "events"} & set(names)
    assert figure(row, "statuses.hit") == 23_000
    assert figure(row, "statuses.shed") == 0, "what did not happen is not in the table"
    assert figure(row, "wait_p99_ms") is None
    assert {"stampedes.hot.mean", "stampedes.cold_start.max"} <= set(names)
    assert figure(row, "stampedes.hot.mean") == 2.5
    assert figure(row, "stampedes.cold_start.max") is None, "what is not known is not 0"


@pytest.mark.parametrize(
    ("name", "value", "text"),
    [
        ("p99_ms", 212.34, "212 ms"),
        ("p50_ms", 1.834, "1.83 ms"),
        ("age_p99_s", 5.0, "5 s"),
        ("hit_ratio", 0.97123, "97.12 %"),
        ("origin_reads", 12_739.0, "12,739"),
        ("origin_peak_1s", 9.5, "9.5"),
    ],
)
def test_a_figure_is_shown_with_the_unit_of_its_name(name: str, value: float, text: str) -> None:
    assert show(name, value) == text


def test_the_median_of_two_counts_keeps_its_half() -> None:
    assert show_median("steady_peak_1s", (284, 285), unit=False).startswith("284.5 [")
    assert show_median("steady_peak_1s", (284, 286), unit=False).startswith("285 [")
