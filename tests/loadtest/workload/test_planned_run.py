from dataclasses import replace
from pathlib import Path

from app.discovery import discover
from app.strategy_groups import BY_DEFAULT
from loadtest.figures.repeats import medians
from loadtest.figures.run_folder import keep_plan, read_plan
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.planned_run import PlannedRun, plan
from loadtest.workload.scenario import read_scenario

FOUND = discover()
NAMES = FOUND.groups[BY_DEFAULT]
PLAIN = read_scenario("many-keys")
LONGER = PLAIN.model_copy(update={"params": {"jitter": {"spread": 0.5, "form": "longer"}}})


def test_a_strategy_that_lengthens_the_mean_ttl_brings_its_control() -> None:
    order = plan(LONGER, ["static", "jitter"], FOUND, 1, 1)
    assert [run.name for run in order] == ["static", "static_12500ms", "jitter"]
    assert order[1].scenario.cache.ttl_s == 12.5


def test_one_that_keeps_the_mean_brings_none() -> None:
    assert plan(PLAIN, NAMES, FOUND, 1, 1) == [PlannedRun(PLAIN, name, seed=1) for name in NAMES]


def test_the_repeats_of_a_strategy_have_seeds_of_their_own_which_those_of_the_others_share() -> None:
    order = plan(PLAIN, NAMES, FOUND, 4, 1)
    assert len({run.seed for run in order}) == 4
    assert all(run.seed == order[0].seed for run in order if run.repeat == order[0].repeat)


def test_a_plan_that_was_written_down_is_read_back_as_the_same(tmp_path: Path) -> None:
    order = plan(LONGER, NAMES, discover(references=True), 2, 1)
    keep_plan(tmp_path, order)
    assert read_plan(tmp_path, LONGER) == order


def test_repeats_are_interleaved_in_a_random_order_that_the_seed_draws() -> None:
    order = plan(PLAIN, NAMES, FOUND, 4, 1)
    rounds = [order[begin : begin + len(NAMES)] for begin in range(0, len(order), len(NAMES))]
    assert [{run.repeat for run in one} for one in rounds] == [{1}, {2}, {3}, {4}]
    assert all(sorted(run.strategy for run in one) == sorted(NAMES) for one in rounds)
    assert len({tuple(run.strategy for run in one) for one in rounds}) > 1
    assert order == plan(PLAIN, NAMES, FOUND, 4, 1)
    assert order != plan(PLAIN, NAMES, FOUND, 4, 2)


def test_the_median_of_repeats_is_taken_figure_by_figure() -> None:
    base = simulate(read_scenario("hot-key", duration_s=2), FOUND.strategies["static"], 1).row
    repeats = [
        replace(base, repeat=number, origin_reads=reads, p99_ms=p99_ms, statuses={"hit": reads})
        for number, (reads, p99_ms) in enumerate([(10, 3.0), (30, 1.0), (20, 2.0)], start=1)
    ]
    (row,) = medians(repeats)
    assert (row.origin_reads, row.p99_ms, row.statuses) == (20, 2.0, {"hit": 20})
    assert row.valid


def test_what_happened_in_any_repeat_is_kept() -> None:
    base = simulate(read_scenario("hot-key", duration_s=2), FOUND.strategies["static"], 1).row
    fallen = replace(base, repeat=2, valid=False, incidents=["pod-1 fell"], origin_reads=10**6)
    (row,) = medians([base, fallen])
    assert not row.valid
    assert row.incidents == ["repeat 2: pod-1 fell"]
    assert row.origin_reads == base.origin_reads


def test_of_five_repeats_wrong_answers_in_two_are_told_by_the_worst_with_their_count() -> None:
    base = simulate(read_scenario("hot-key", duration_s=2), FOUND.strategies["static"], 1).row
    wrong = [({}, 0), ({"older version": 7}, 0), ({}, 3), ({"older version": 1, "torn": 4}, 0), ({}, 0)]
    repeats = [
        replace(
            base, repeat=number, wrong_answers=sum(kinds.values()), wrong_answer_kinds=kinds, errors=errors,
            origin_shed=2 * errors, statuses={"hit": 90, **({"error": errors} if errors else {})},
        )
        for number, (kinds, errors) in enumerate(wrong, start=1)
    ]  # fmt: skip
    (row,) = medians(repeats)
    assert (row.wrong_answers, row.errors, row.origin_shed) == (7, 3, 6)
    assert row.wrong_answer_kinds == {"older version": 7, "torn": 4}
    assert row.statuses == {"hit": 90, "error": 3}
    assert row.repeats == 5
    assert row.repeats_with == {
        "errors": 1, "origin_shed": 1, "statuses.error": 1, "wrong_answer_kinds.older version": 2,
        "wrong_answer_kinds.torn": 1, "wrong_answers": 2,
    }  # fmt: skip


def test_a_median_is_of_the_repeats_that_have_the_figure() -> None:
    base = simulate(read_scenario("hot-key", duration_s=2), FOUND.strategies["static"], 1).row
    peaks = [None, 4, 8]
    (row,) = medians([replace(base, repeat=number, steady_peak_1s=peak) for number, peak in enumerate(peaks, 1)])
    assert row.steady_peak_1s == 6
    (none,) = medians([replace(base, repeat=number, steady_peak_1s=None) for number in (1, 2)])
    assert none.steady_peak_1s is None


def test_what_every_repeat_says_is_said_once() -> None:
    base = simulate(read_scenario("hot-key", duration_s=2), FOUND.strategies["static"], 1).row
    repeats = [replace(base, repeat=number, notes=["short"], incidents=[]) for number in (1, 2, 3)]
    repeats[1] = replace(repeats[1], incidents=["pod-1 fell"])
    (row,) = medians(repeats)
    assert (row.notes, row.incidents) == (["short"], ["repeat 2: pod-1 fell"])
