"""The claims ledger: that its files say all that was published, how claims are judged, and what is written of them."""

import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.discovery import discover
from loadtest import cli
from loadtest.claims.evidence import Evidence, Figures, figures
from loadtest.claims.ledger import Claim, Experiment, Verdict, read_experiments
from loadtest.claims.page import Ledger, cells, conclusion, markdown
from loadtest.claims.reruns import evidence, jobs, native_arms
from loadtest.claims.verdict import Judged, judge, unexpected
from loadtest.measure import Series
from loadtest.scenario import BadScenario, read_scenario, scenario_names
from loadtest.sim.run import simulate
from loadtest.theory import early_herd

EXPERIMENTS = {one.name: one for one in read_experiments()}
CLAIMS = {claim.name: claim for one in EXPERIMENTS.values() for claim in one.claims}
STRATEGY = next(iter(discover().strategies.values()))
ABOUT = {
    "started_at": "2026-01-02T03:04:05Z",
    "commit": "abc1234",
    "command": "lab claims",
    "seed": 7,
    "machine": {"cpu": "Some CPU", "cores": 2, "memory_gib": 23.5, "system": "Linux-6"},
}
PUBLISHED: dict[str, Any] = {
    "naive-peak": 61, "naive-total": 689, "naive-p99": 223,
    "jitter-peak": 57, "jitter-total": 616, "jitter-p99": 218,
    "singleflight-peak": 8, "singleflight-total": 111, "singleflight-p99": 213, "singleflight-waits": 623,
    "swr-peak": 7, "swr-total": 111, "swr-p99": 28, "swr-stale": 1160, "swr-waits": 50,
    "xfetch-peak": 10, "xfetch-total": 174, "xfetch-p99": 21, "xfetch-early": 6275,
    "bulk-naive-peak": (92, 95), "bulk-naive-total": (1852, 1891), "bulk-jitter-20-peak": 83,
    "bulk-jitter-20-total": 1749, "bulk-jitter-100-peak": 45, "bulk-jitter-100-total": 1327,
    "open-loop-peak": 107, "open-loop-peak-2000": 446,
    "jitterbug-static-misses": 73_000, "jitterbug-static-ratio": 0.0235,
    "jitterbug-jitter-misses": 59_000, "jitterbug-jitter-ratio": 0.0188,
    "jitterbug-saving": 0.81, "jitterbug-static-peak": 470, "jitterbug-jitter-peak": 185,
    "xfetch-beta-1": 2.71, "xfetch-beta-1-5": 1.98,
    "leases-peak": (1300, 17_000), "vwatt-latency": (12, 340), "vwatt-hits": (0.941, 0.992),
}  # fmt: skip


def claim(**stated: Any) -> Claim:
    return Claim.model_validate({"name": "one", "says": "so", "arm": "a", "tolerance": "because"} | stated)


def experiment(*claims: Claim, **stated: Any) -> Experiment:
    table: dict[str, Any] = {
        "name": "some", "source": "A paper", "title": "One key", "setup": "As there.", "scenario": "hot-key",
        "arms": {name: {"strategy": STRATEGY.name} for name in "ab"},
        "claims": [one.model_dump() for one in claims or (claim(at_most=1),)],
    }  # fmt: skip
    return Experiment.model_validate(table | stated)


def came_to(simulated: Figures, measured: Figures | None = None, invalid: str = "") -> Evidence:
    return Evidence(read_scenario("hot-key"), STRATEGY, True, [simulated], [measured] if measured else [], invalid)


def judged(of: Claim, simulated: float, measured: float | None = None) -> Judged:
    return Judged(of, None, simulated, measured)


# what the files say


def test_every_published_figure_has_its_claim() -> None:
    assert {name: CLAIMS[name].published for name in PUBLISHED} == PUBLISHED


def test_every_arm_is_a_strategy_that_is_there_and_tuned_within_its_bounds() -> None:
    evidence(list(EXPERIMENTS.values()), discover())


def test_claims_are_no_scenarios_to_choose_from() -> None:
    assert {"hot-key", "primer", "jitterbug"} < {*scenario_names()}
    assert not {"leases", "xfetch", "vwatt"} & {*scenario_names()}


def test_every_arm_is_claimed_something_of() -> None:
    for one in EXPERIMENTS.values():
        assert {*one.arms} == {arm for of in one.claims for arm in (of.arm, of.to)} - {None}, one.name


def test_a_conclusion_names_claims_that_are_there() -> None:
    for one in EXPERIMENTS.values():
        said = one.conclusion.format_map({of.name: "5" for of in one.claims})
        assert "{" not in said


def test_what_is_expected_not_to_come_out_says_why() -> None:
    doubted = {name for name, of in CLAIMS.items() if of.expected is not Verdict.REPRODUCED}
    assert {"xfetch-total", "xfetch-early", "jitterbug-equal-mean-longer", "leases-peak", "vwatt-hits"} <= doubted
    assert all(CLAIMS[name].because for name in doubted)


def test_a_control_of_jitter_has_the_same_mean_ttl() -> None:
    one = EXPERIMENTS["jitterbug"]
    for pair in ("jitterbug-equal-mean-longer", "jitterbug-equal-mean-preserving"):
        means_s = []
        for arm in filter(None, (CLAIMS[pair].arm, CLAIMS[pair].to)):
            workload, strategy = one.workload(arm), discover().strategies[one.arms[arm].strategy]
            tune = strategy.tuned(workload.tune.get(strategy.name, {}))
            means_s.append(workload.cache.ttl_s * strategy.mean_stretch(tune))
        assert means_s[0] == pytest.approx(means_s[1])


def test_the_formula_of_a_refresh_without_a_lock_is_the_theory() -> None:
    assert CLAIMS["xfetch-beta-1"].predicted == pytest.approx(early_herd(1.0), abs=0.001)
    assert CLAIMS["xfetch-beta-1-5"].predicted == pytest.approx(early_herd(1.5), abs=0.001)


def test_what_is_measured_is_also_simulated() -> None:
    all_ = list(EXPERIMENTS.values())
    simulated = {job.scenario.name for job in jobs(all_, evidence(all_, discover()), seed=1)}
    assert {f"{name}.{arm}" for name, arm in native_arms(all_)} < simulated


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"at_most": 1, "within": 0.1, "published": 1}, "one of within"),
        ({}, "one of within"),
        ({"at_most": 1, "tolerance": ""}, "tolerance in words"),
        ({"within": 0.1}, "around nothing"),
        ({"at_most": 1, "figure": "origin_pique"}, "no figure 'origin_pique'"),
        ({"at_most": 1, "expected": "not reproduced"}, "because must say"),
        ({"at_most": 1, "arm": None}, "has no arm"),
    ],
)
def test_a_claim_that_is_not_complete_is_refused(stated: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        claim(**stated)


def test_an_arm_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="no arm 'c'"):
        experiment(claim(at_most=1, to="c"))


def test_a_run_beyond_one_machine_must_say_why_it_is_virtual() -> None:
    arms: dict[str, Any] = {"a": {"strategy": STRATEGY.name, "changes": {"pods": 100}}}
    with pytest.raises(ValidationError, match=r"arms\.a: pods"):
        experiment(arms=arms)
    arms["a"]["virtual_because"] = "a hundred pods"
    assert experiment(arms=arms).workload("a").pods == 100


def test_names_that_come_twice_are_refused(tmp_path: Path) -> None:
    for name in ("one", "two"):
        (tmp_path / f"{name}.toml").write_text(
            'source = "A"\ntitle = "B"\nsetup = "C"\n'
            '[[claims]]\nname = "same"\nsays = "so"\nexpected = "not reproducible"\nbecause = "no"\n'
        )
    with pytest.raises(BadScenario, match="more than one is called same"):
        read_experiments(tmp_path)


# how they are judged


@pytest.mark.parametrize(
    ("stated", "low", "high"),
    [
        ({"published": 100, "within": 0.1}, 90, 110),
        ({"published": (90, 100), "within": 0.1}, 81, 110),
        ({"published": 100, "give": 7}, 93, 107),
        ({"published": 61, "poisson": True}, 42, 82),
        ({"at_most": 2}, -math.inf, 2),
        ({"at_least": 1.3, "published": 1.8}, 1.3, math.inf),
    ],
)
def test_the_accepted_range_is_what_is_stated(stated: dict[str, Any], low: float, high: float) -> None:
    assert claim(**stated).accepted == pytest.approx((low, high))


def test_what_was_measured_counts_before_what_was_simulated() -> None:
    of = claim(published=100, within=0.1)
    assert judged(of, simulated=100, measured=50).verdict is Verdict.NOT_REPRODUCED
    assert judged(of, simulated=100, measured=50).worlds_differ
    assert judged(of, simulated=50, measured=100).verdict is Verdict.REPRODUCED
    assert judged(of, simulated=100).verdict is Verdict.REPRODUCED
    assert not judged(of, simulated=100).worlds_differ


def test_a_ratio_divides_what_the_two_arms_came_to() -> None:
    of = claim(published=0.5, within=0.1, to="b", figure="origin_reads")
    reads = {"a": came_to({"origin_reads": 30.0}, {"origin_reads": 40.0}), "b": came_to({"origin_reads": 60.0})}
    (one,) = judge(experiment(of), reads)
    assert (one.simulated, one.measured, one.verdict) == (0.5, None, Verdict.REPRODUCED)


def test_a_native_run_that_is_no_result_counts_for_nothing() -> None:
    of = claim(published=5, within=0.1)
    found = {name: came_to({"origin_peak_1s": 5.0}, {"origin_peak_1s": 50.0}, "pod-1 fell") for name in "ab"}
    (one,) = judge(experiment(of), found)
    assert (one.measured, one.verdict, one.invalid) == (None, Verdict.REPRODUCED, "pod-1 fell")
    assert "no valid result: pod-1 fell" in cells(one)[-1]


def test_what_did_not_happen_is_zero() -> None:
    of = claim(at_most=0, figure="statuses.stale")
    (one,) = judge(experiment(of), {"a": came_to({"requests": 1.0})})
    assert one.simulated == 0


def test_nothing_to_run_is_not_reproducible() -> None:
    of = claim(arm=None, expected="not reproducible", because="no workload is named", published=12)
    (one,) = judge(experiment(of), {})
    assert one.verdict is Verdict.NOT_REPRODUCIBLE
    assert one.as_expected


def test_a_verdict_that_is_not_expected_is_named_with_its_figures() -> None:
    of = claim(published=100, within=0.1)
    assert unexpected([judged(of, 100)]) == []
    assert unexpected([judged(of, 50)]) == ["one: not reproduced, reproduced was expected (50, published 100)"]


def test_predictions_are_those_of_the_formulas() -> None:
    one = Evidence(read_scenario("primer"), discover().strategies[str(discover().baseline)])
    assert one.predicted("origin_reads") is None, "at no rate"
    one.simulations.append({"requests": 28_000.0})
    assert one.predicted("origin_reads") == pytest.approx(744, abs=10)
    assert one.predicted("p99_ms") is None


# figures that a row does not have


def series(reads: list[float], bin_s: float) -> Series:
    values = np.array(reads)
    return Series(bin_s, values, values, values, values)


def test_a_panel_of_five_seconds_shows_a_fifth_of_a_needle() -> None:
    row, _, _ = simulate(read_scenario("primer", duration_s=2), STRATEGY, 1)
    needle = series([0.0] * 10 + [100.0] + [0.0] * 10, bin_s=1.0)
    assert figures(row, needle, ttl_s=2.0)["panel_5s"] == pytest.approx(20)
    assert figures(row, needle, ttl_s=2.0)["settled_peak_1s"] == pytest.approx(100)
    assert figures(row, needle, ttl_s=6.0)["settled_peak_1s"] == pytest.approx(0), "that was the start"
    fine = series([0.0] * 10 + [100.0] + [0.0] * 10, bin_s=0.5)
    assert figures(row, fine, ttl_s=2.0)["settled_peak_1s"] == pytest.approx(50)


def test_figures_in_tables_have_dotted_names_and_labels_are_none() -> None:
    row, course, _ = simulate(read_scenario("primer", duration_s=10), STRATEGY, 1)
    found = figures(row, course, 5.0)
    assert found["stampedes.cold_start.count"] == 10
    assert found["miss_ratio"] == pytest.approx(1 - (row.hit_ratio or 0.0))
    assert not {"scenario", "valid", "events", "trace"} & {*found}


# what is written


def ledger(one: Experiment, of: list[Judged], repeats: int = 1) -> Ledger:
    return Ledger([one], {one.name: of}, ABOUT, 754.0, repeats)


def test_the_page_has_a_stamp_a_table_and_what_it_comes_to() -> None:
    of = claim(published=61, poisson=True, tolerance="one run")
    one = experiment(of, conclusion="The peak is {one}.")
    text = markdown(ledger(one, [Judged(of, 58.6, 59.9, 57.0)]))
    assert "## A paper: One key" in text
    row = next(line for line in text.splitlines() if line.startswith("| so"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "so", "61", "58.6", "59.9", "57", "reproduced", "accepted: 42 to 82 (one run)",
    ]  # fmt: skip
    for told in ("abc1234", "2026-01-02", "`lab claims`", "2 cores", "12.6 min", "1 reproduced", "The peak is 57."):
        assert told in text


def test_an_independent_figure_is_marked_and_why_a_run_is_virtual_is_said() -> None:
    of = claim(published=446, poisson=True, independent=True)
    arms = {
        "a": {"strategy": STRATEGY.name, "virtual_because": "too much for two cores", "unpredicted_because": "queues"}
    }
    text = markdown(ledger(experiment(of, arms=arms), [judged(of, 439.0)], repeats=0))
    assert "446\\*" in text
    assert "Only in virtual time: a: too much for two cores." in text
    assert "Not predicted: a: queues." in text
    assert "not asked for" in text


def test_no_conclusion_is_drawn_from_a_verdict_that_was_not_expected() -> None:
    of = claim(published=61, poisson=True)
    one = experiment(of, conclusion="The peak is {one}, as {another} says.")
    assert conclusion(one, [judged(of, 300)]) == ""
    assert conclusion(one, [judged(of, 60)]) == "", "another was not asked for"


def test_ratios_ranges_and_bounds_are_shown_with_their_units() -> None:
    assert claim(published=0.81, within=0.03, to="b", figure="origin_reads").says_published == "0.81"
    assert claim(published=(0.0188, 0.0235), within=0.1, figure="miss_ratio").says_published == "1.88 % to 2.35 %"
    assert claim(at_most=2, figure="stampedes.hot.mean").says_published == "at most 2"
    assert claim(published=28, at_most=28, figure="p99_ms").says_published == "28 ms"


# the command


def lab(*words: object) -> Any:
    return CliRunner().invoke(cli.app, ["claims", *map(str, words)])


def test_a_part_of_the_ledger_runs_end_to_end_and_leaves_the_whole_one_alone(tmp_path: Path) -> None:
    result = lab("--virtual-only", "--only", "swr-peak,vwatt", "--results", tmp_path)
    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.iterdir()
    assert {path.name for path in folder.iterdir()} == {"CLAIMS.md", "claims.json", "environment.json"}
    text = (folder / "CLAIMS.md").read_text()
    assert "1 reproduced, 0 not reproduced, 2 not reproducible" in text
    assert "naive" not in text


def test_a_claim_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    result = lab("--virtual-only", "--only", "swr-pique", "--results", tmp_path)
    assert result.exit_code == 2
    assert "there is no claim 'swr-pique'" in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_unexpected_verdict_exits_1_and_names_the_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = EXPERIMENTS["vwatt"]
    wrong = one.model_copy(update={"claims": [one.claims[0].model_copy(update={"expected": Verdict.REPRODUCED})]})
    monkeypatch.setattr("loadtest.cli.claims.read_experiments", lambda: [wrong])
    result = lab("--virtual-only", "--only", "vwatt-latency", "--results", tmp_path)
    assert result.exit_code == 1
    assert "vwatt-latency: not reproducible, reproduced was expected" in " ".join(result.stderr.split())
