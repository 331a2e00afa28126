"""Runs against runs, and strategies against strategies."""

import json
import os
from pathlib import Path
from typing import Any

import pytest

from loadtest.report.comparison import cells, markdown
from loadtest.stats.compare_runs import Compared, compare
from loadtest.stats.saved_run import BadRun, NoSummary, SavedRun, find_run, read_run
from loadtest.stats.verdicts import ComparisonOutcome
from tests.run_directory import repeats, write_run

READS = [739, 741, 735, 744, 738]
SCENARIO: dict[str, Any] = {"name": "one-key", "load": {"rate_per_s": 400.0}, "params": {"early": {"beta": 1}}}


def compared(a: Path, b: Path, **options: Any) -> Compared:
    return compare(read_run(a), read_run(b), **options)


def outcome(found: Compared, figure: str, strategy: str = "mine") -> ComparisonOutcome:
    return next(one.verdict.outcome for one in found.findings if (one.strategy, one.figure.name) == (strategy, figure))


def test_a_change_is_found_and_what_did_not_change_is_not_distinguishable(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", [*repeats("naive", origin_reads=READS), *repeats("mine", origin_reads=READS)])
    more = [2 * reads for reads in READS]
    b = write_run(tmp_path / "b", [*repeats("naive", origin_reads=READS[::-1]), *repeats("mine", origin_reads=more)])
    found = compared(a, b)
    assert outcome(found, "origin_reads") is ComparisonOutcome.HIGHER
    assert outcome(found, "origin_reads", "naive") is ComparisonOutcome.SAME
    assert found.conclusion == "1 of 16 figures differs: 1 worse in B."
    assert not found.warnings
    line = next(cells(one) for one in found.findings if one.verdict.outcome is ComparisonOutcome.HIGHER)
    assert line == ("mine", "origin_reads", "739 [735, 744]", "1,478 [1,470, 1,487]", "2 [2, 2]", "higher", "")


def test_a_recovery_that_never_comes_is_worse_and_more_goodput_is_better(tmp_path: Path) -> None:
    times_s, goodput = [3.0, 4.0, 2.5, 3.5, 3.0], [50.0, 52.0, 51.0, 49.0, 50.0]
    a = write_run(tmp_path / "a", repeats("mine", recovers_after_s=times_s, goodput=goodput))
    more = [2 * one for one in goodput]
    b = write_run(tmp_path / "b", repeats("mine", recovers_after_s=["never"] * 5, goodput=more))
    found = compared(a, b)
    assert outcome(found, "recovers_after_s") is outcome(found, "goodput") is ComparisonOutcome.HIGHER
    assert found.conclusion == "2 of 10 figures differ: 1 better in B, 1 worse in B."
    told = next(cells(one) for one in found.findings if one.figure.name == "recovers_after_s")
    assert told[2:6] == ("3 [2.53, 3.94]", "never", "-", "higher")


def test_one_run_each_allows_no_claim(tmp_path: Path) -> None:
    a, b = (write_run(tmp_path / name, repeats("mine", 1, p99_ms=value)) for name, value in (("a", 9.0), ("b", 900.0)))
    found = compared(a, b)
    assert {finding.verdict.outcome for finding in found.findings} == {ComparisonOutcome.TOO_FEW}
    assert "Too few repeats to tell" in found.conclusion
    assert "[" not in cells(found.findings[0])[2], "no interval is made up"


@pytest.mark.parametrize(
    ("change", "about", "told"),
    [
        ({"world": "virtual"}, {}, "world is native in A and virtual in B"),
        ({"scenario": "other"}, {}, "scenario is one-key in A and other in B"),
        ({"duration_s": 30.0}, {}, "duration_s is 60.0 in A and 30.0 in B"),
        ({}, {"machine": {"cpu": "Some CPU", "cores": 8}}, "machine.cores is 2 in A and 8 in B"),
    ],
)
def test_what_makes_figures_incomparable_is_said(
    tmp_path: Path, change: dict[str, Any], about: dict[str, Any], told: str
) -> None:
    a = write_run(tmp_path / "a", repeats("mine"))
    b = write_run(tmp_path / "b", repeats("mine", **change), **about)
    assert compared(a, b).warnings == [f"not comparable: {told}"]


def test_the_machine_does_not_matter_in_virtual_time(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", repeats("mine", world="virtual"))
    b = write_run(tmp_path / "b", repeats("mine", world="virtual"), machine={"cpu": "other"})
    assert not compared(a, b).warnings


def test_another_workload_of_the_same_name_is_told_and_a_parameter_is_told_apart(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", repeats("mine"), SCENARIO)
    other = SCENARIO | {"keys": {"count": 9}, "params": {"early": {"beta": 4}}, "gates": ["mine.errors <= 0"]}
    b = write_run(tmp_path / "b", repeats("mine"), other)
    assert set(compared(a, b).warnings) == {
        "not comparable: keys.count is not stated in A and 9 in B",
        "other parameters: params.early.beta is 1 in A and 4 in B",
    }


def test_virtual_time_that_repeats_itself_is_identical_and_otherwise_it_is_an_alarm(tmp_path: Path) -> None:
    rows = repeats("mine", 2, world="virtual", seed=[1, 2])
    a = write_run(tmp_path / "a", rows, SCENARIO)
    found = compared(a, write_run(tmp_path / "b", rows[::-1], SCENARIO))
    assert {finding.verdict.outcome for finding in found.findings} == {ComparisonOutcome.IDENTICAL}
    assert not found.warnings
    strayed = [rows[0], rows[1] | {"origin_reads": 740}]
    found = compared(a, write_run(tmp_path / "c", strayed, SCENARIO))
    assert found.warnings == ["mine.origin_reads: virtual time did not repeat itself: same commit, scenario and seeds"]
    assert outcome(found, "origin_reads") is ComparisonOutcome.HIGHER
    other_code = compared(a, write_run(tmp_path / "d", strayed, SCENARIO, commit="fffffff000"))
    assert not other_code.warnings, "other code may do otherwise"


def test_rows_that_are_no_result_are_left_out_and_named(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", repeats("mine"))
    b = write_run(tmp_path / "b", repeats("mine", valid=[True] * 4 + [False], incidents=[["pod-2 fell"]] * 5))
    found = compared(a, b)
    assert found.warnings == ["B: mine, repeat 5, is left out as not valid: pod-2 fell"]
    assert found.findings[0].verdict.pair.n == "n = 5 and 4"
    with pytest.raises(BadRun, match="no strategy has a valid row"):
        compared(a, write_run(tmp_path / "c", repeats("mine", valid=False)))


def test_strategies_of_one_run_are_compared_without_allowance_for_the_machine(tmp_path: Path) -> None:
    near = [212.0, 214.0, 209.0, 213.0, 211.0]
    rows = [*repeats("naive", p99_ms=near), *repeats("mine", p99_ms=[0.9 * value for value in near])]
    folder = write_run(tmp_path / "a", rows)
    (run, one), (_, other) = (find_run(f"{folder}:{name}", tmp_path) for name in ("naive", "mine"))
    within = compare(run, run, one, other)
    assert outcome(within, "p99_ms", "naive / mine") is ComparisonOutcome.LOWER
    again = write_run(tmp_path / "b", rows)
    assert (
        outcome(compared(folder, again, of_a="naive", of_b="mine"), "p99_ms", "naive / mine") is ComparisonOutcome.SAME
    )
    strict = compared(folder, again, of_a="naive", of_b="mine", latency_drift=0.0)
    assert outcome(strict, "p99_ms", "naive / mine") is ComparisonOutcome.LOWER


def test_a_strategy_in_one_run_only_is_told(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", [*repeats("mine"), *repeats("naive")])
    found = compared(a, write_run(tmp_path / "b", [*repeats("mine"), *repeats("newer")]))
    assert found.warnings == ["only in A: naive", "only in B: newer"]
    assert {finding.strategy for finding in found.findings} == {"mine"}


def test_a_commit_names_its_newest_run_that_came_to_its_end(tmp_path: Path) -> None:
    for number, (name, commit) in enumerate(
        [("1", "abc1234def"), ("2", "abc1234def"), ("3", "abc1234def (dirty)"), ("4", "fff1234def")]
    ):
        write_run(tmp_path / name, repeats("mine"), commit=commit, started_at=f"2026-01-0{number + 1}T00:00:00+00:00")
    unfinished = write_run(tmp_path / "5", repeats("mine"), started_at="2026-02-01T00:00:00+00:00")
    (unfinished / "summary.json").unlink()
    (tmp_path / "latest").symlink_to("2")
    for text in ("abc1234", "abc1234def", "abc1234def" + "0" * 30):
        assert find_run(text, tmp_path)[0].name == str(tmp_path / "2"), (
            "and a run of that very commit before a dirty one"
        )
    assert find_run("abc1234:mine", tmp_path)[1] == "mine"
    with pytest.raises(BadRun, match="0000000: no run of that commit"):
        find_run("0000000", tmp_path)


def test_a_directory_is_taken_before_a_commit_and_may_have_a_colon(tmp_path: Path) -> None:
    write_run(tmp_path / "1", repeats("mine"), commit="abc1234def")
    before = Path.cwd()
    os.chdir(tmp_path)
    try:
        write_run(Path("abc1234"), repeats("other"), commit="fffffff000")
        write_run(Path("at:10"), repeats("other"))
        assert find_run("abc1234", tmp_path)[0].strategies == ["other"]
        assert find_run("at:10", tmp_path)[1] is None
        assert find_run("at:10:other", tmp_path)[1] == "other"
    finally:
        os.chdir(before)


@pytest.mark.parametrize(
    ("summary", "told"),
    [
        ("[{]", "summary.json: Expecting"),
        ('[{"strategy": "mine", "p99_ms": NaN}]', "summary.json: NaN is no figure"),
        ('[{"strategy": "mine", "p99_ms": 1e999}]', "summary.json: 1e999 is no figure"),
        ("[]", "summary.json: runs: must be a list of rows"),
        ('{"runs": {"strategy": "mine"}}', "summary.json: runs: must be a list of rows"),
        ("[1]", "summary.json: row 0: strategy"),
        ('[{"strategy": 7}]', "summary.json: row 0: strategy"),
        ('[{"strategy": "mine", "repeat": "one"}]', r"summary.json: row 0 \(mine\): repeat must be a whole number"),
        ('[{"strategy": "mine", "valid": "no"}]', r"summary.json: row 0 \(mine\): valid must be"),
    ],
)
def test_a_damaged_run_is_refused_by_file_and_field(tmp_path: Path, summary: str, told: str) -> None:
    (tmp_path / "summary.json").write_text(summary)
    with pytest.raises(BadRun, match=told):
        read_run(tmp_path)


def test_a_run_without_figures_is_told_from_no_run(tmp_path: Path) -> None:
    with pytest.raises(NoSummary):
        read_run(tmp_path)
    with pytest.raises(BadRun, match="no such run directory") as caught:
        read_run(tmp_path / "absent")
    assert not isinstance(caught.value, NoSummary)


def test_rows_of_a_lab_before_repeats_can_be_compared(tmp_path: Path) -> None:
    rows = [{name: value for name, value in row.items() if name != "repeat"} for row in repeats("mine", 1)]
    a, b = (write_run(tmp_path / name, rows) for name in ("a", "b"))
    (b / "environment.json").unlink()
    assert compared(a, b).findings
    assert json.loads((a / "summary.json").read_text())["runs"] == rows, "nothing is written into a run"


def test_the_markdown_holds_warnings_lines_conclusion_and_what_the_intervals_are(tmp_path: Path) -> None:
    a = write_run(tmp_path / "a", repeats("mine"))
    found = compared(a, write_run(tmp_path / "b", repeats("mine", world="stack")))
    text = markdown(found)
    lines = [line for line in text.splitlines() if line.startswith("|")]
    assert len(lines) == len(found.findings) + 2
    assert len({line.count("|") for line in lines}) == len({len(line) for line in lines}) == 1
    for part in (
        found.warnings[0],
        found.conclusion,
        "Student's t",
        "alpha 0.05",
        "Holm",
        "25 % in p99_ms",
        "abc1234def",
    ):
        assert part in text


def test_errors_in_two_repeats_of_five_are_told_by_the_worst_and_warned_of() -> None:
    found = compare(
        SavedRun("a", repeats("mine")),
        SavedRun("b", repeats("mine", wrong_answers=[0, 7, 0, 5, 0], seed=[8, 9, 10, 11, 12])),
    )
    (line,) = [cells(finding) for finding in found.findings if finding.figure.name == "wrong_answers"]
    assert line[2:4] == ("0", "7 in 2 of 5")
    assert "mine.wrong_answers: the worst of A is 0, of B 7 in 2 of 5" in found.warnings


def test_what_virtual_time_assumes_is_not_compared() -> None:
    rows = repeats("mine", world="virtual", assumed=[["p50_ms"]] * 5)
    names = {finding.figure.name for finding in compare(SavedRun("a", rows), SavedRun("b", rows)).findings}
    assert "p50_ms" not in names
    assert "p99_ms" in names
