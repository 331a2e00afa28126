"""The claims ledger: that its files say all that was published, how claims are judged, and what is written of them."""

import dataclasses
import math
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from pydantic import ValidationError
from typer.testing import CliRunner

from app.discovery import discover
from loadtest import ROOT, cli
from loadtest.figures.run_summary import Series, as_written
from loadtest.sim.cluster.simulate import simulate
from loadtest.studies.claims.claim import Claim, ClaimVerdict
from loadtest.studies.claims.claims_page import WIDTH, ClaimsPage, conclusion, markdown, why
from loadtest.studies.claims.evidence import Evidence, Figures, figures
from loadtest.studies.claims.published_experiment import PublishedExperiment, read_experiments
from loadtest.studies.claims.reruns import evidence, native_runs, virtual_runs
from loadtest.studies.claims.tolerance import Spread, rounding_step, spread
from loadtest.studies.claims.verdict import JudgedClaim, judge, unexpected
from loadtest.theory.formulas import early_herd
from loadtest.workload.scenario import BadScenario, read_scenario, scenario_names

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
    "leases-peak": (1300, 17_000), "vwatt-latency": (12, 340), "vwatt-hits": (0.941, 0.992), "vwatt-title": 0.16,
    "jitterbug-p50": 16, "jitterbug-p95": 50, "jitterbug-p99": 74,
    "naive-hit-ratio": 0.97, "naive-requests": 25_500, "singleflight-timeouts": 0,
    "bulk-naive-spikes": 17, "bulk-jitter-20-spikes": 11, "bulk-first-cliff": 88,
    "bulk-naive-p99": (289, 291), "bulk-jitter-20-p99": 237, "bulk-jitter-100-p99": 212,
    "bulk-jitter-20-first-cliff": (66, 73), "one-pod-total": (659, 664), "one-pod-peak": 63,
    "one-pod-hit-ratio": 0.959, "one-pod-requests": 16_060, "one-pod-p50": 49, "one-pod-p99": 587,
}  # fmt: skip


def claim(**stated: Any) -> Claim:
    bound = {"bound_because": "because"} if {"at_most", "at_least"} & {*stated} else {}
    return Claim.model_validate({"name": "one", "says": "so", "variant": "a"} | bound | stated)


def experiment(*claims: Claim, **stated: Any) -> PublishedExperiment:
    table: dict[str, Any] = {
        "name": "some", "source": "A paper", "title": "One key", "setup": "As there.", "scenario": "hot-key",
        "variants": {name: {"strategy": STRATEGY.name} for name in "ab"},
        "claims": [one.model_dump() for one in claims or (claim(at_most=1),)],
    }  # fmt: skip
    return PublishedExperiment.model_validate(table | stated)


def came_to(simulated: Figures, measured: Figures | None = None, invalid: str = "") -> Evidence:
    return Evidence(read_scenario("hot-key"), STRATEGY, True, [simulated], [measured] if measured else [], invalid)


def judged(of: Claim, simulated: float, measured: float | None = None, over: Spread | None = None) -> JudgedClaim:
    return JudgedClaim(of, None, simulated, measured, over)


# what the files say


def test_every_published_figure_has_its_claim() -> None:
    assert {name: CLAIMS[name].published for name in PUBLISHED} == PUBLISHED


def test_every_arm_is_a_strategy_that_is_there_and_tuned_within_its_bounds() -> None:
    evidence(list(EXPERIMENTS.values()), discover(wrong=True))


def test_claims_are_no_scenarios_to_choose_from() -> None:
    assert {"hot-key", "primer", "jitterbug"} < {*scenario_names()}
    assert not {"leases", "xfetch", "vwatt"} & {*scenario_names()}


def test_every_arm_is_claimed_something_of() -> None:
    for one in EXPERIMENTS.values():
        assert {*one.variants} == {variant for of in one.claims for variant in (of.variant, of.to)} - {None}, one.name


def test_a_conclusion_names_claims_that_are_there() -> None:
    for one in EXPERIMENTS.values():
        said = one.conclusion.format_map({of.name: "5" for of in one.claims})
        assert "{" not in said


def test_what_is_expected_not_to_come_out_says_why() -> None:
    doubted = {name for name, of in CLAIMS.items() if of.expected is not ClaimVerdict.REPRODUCED}
    assert {"xfetch-total", "xfetch-early", "jitterbug-equal-mean-longer", "leases-peak", "vwatt-hits"} <= doubted
    assert all(CLAIMS[name].because for name in doubted)


def test_a_control_of_jitter_has_the_same_mean_ttl() -> None:
    one = EXPERIMENTS["jitterbug"]
    for pair in ("jitterbug-equal-mean-longer", "jitterbug-equal-mean-preserving"):
        means_s = []
        for variant in filter(None, (CLAIMS[pair].variant, CLAIMS[pair].to)):
            workload, strategy = one.workload(variant), discover().strategies[one.variants[variant].strategy]
            means_s.append(workload.cache.ttl_s * workload.stated(strategy).mechanism().stretch)
        assert means_s[0] == pytest.approx(means_s[1])


def test_a_claim_may_be_predicted_by_a_formula_with_its_values() -> None:
    assert CLAIMS["xfetch-beta-1"].predicted == early_herd(beta=1.0)
    assert CLAIMS["xfetch-beta-1-5"].predicted == early_herd(beta=1.5)
    for wrong in ({"no_such_herd": {"beta": 1.0}}, {"early_herd": {"alpha": 1.0}}, {}):
        with pytest.raises(ValidationError, match="no formula of"):
            Claim.model_validate({"name": "one", "says": "so", "predicted": wrong})


def test_what_is_measured_is_also_simulated() -> None:
    all_ = list(EXPERIMENTS.values())
    found = evidence(all_, discover(wrong=True))
    simulated = {run.scenario.name for run in virtual_runs(all_, found, seed=1)}
    assert {run.scenario.name for run in native_runs(all_, found, repeats=1, seed=1)} < simulated


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({}, "what is published, or a bound"),
        ({"at_most": 1, "bound_because": ""}, "a bound needs bound_because"),
        ({"published": 1, "bound_because": "so"}, "and nothing else does"),
        ({"at_most": 1, "figure": "origin_pique"}, "no figure 'origin_pique'"),
        ({"at_most": 1, "expected": "not reproduced"}, "because must say"),
        ({"at_most": 1, "expected": "absent", "because": "no"}, "whatever is absent has no variant"),
        ({"at_most": 1, "variant": None}, "it needs a variant"),
    ],
)
def test_a_claim_that_is_not_complete_is_refused(stated: dict[str, Any], told: str) -> None:
    with pytest.raises(ValidationError, match=told):
        claim(**stated)


def test_an_arm_that_is_not_there_is_refused() -> None:
    with pytest.raises(ValidationError, match="no variant 'c'"):
        experiment(claim(at_most=1, to="c"))


def test_a_run_beyond_one_machine_must_say_why_it_is_virtual() -> None:
    variants: dict[str, Any] = {"a": {"strategy": STRATEGY.name, "changes": {"pods": 100}}}
    with pytest.raises(ValidationError, match=r"variants\.a: pods"):
        experiment(variants=variants)
    variants["a"]["virtual_because"] = "a hundred pods"
    assert experiment(variants=variants).workload("a").pods == 100


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
    ("value", "step"), [(61, 1), (0.81, 0.01), (0.0235, 0.0001), (73_000, 1), (0.5, 0.1), (1.3, 0.1)]
)
def test_a_published_number_was_rounded_to_its_last_digit(value: float, step: float) -> None:
    assert rounding_step(value) == pytest.approx(step)


SCATTERED = Spread(mean=60, deviation=2.0, seeds=30)
T_99 = 2.756  # Student's t, 99 %, 29 degrees of freedom


@pytest.mark.parametrize(
    ("stated", "measured", "low", "high"),
    [
        # one published run against one of ours, against the mean of all seeds, and what is said of the mean itself
        ({"published": 61}, 60.0, 61 - 0.5 - T_99 * 2 * math.sqrt(2), 61 + 0.5 + T_99 * 2 * math.sqrt(2)),
        ({"published": 61}, None, 61 - 0.5 - T_99 * 2 * math.sqrt(31 / 30), 61 + 0.5 + T_99 * 2 * math.sqrt(31 / 30)),
        ({"published": 61, "effect": True}, 60.0, 61 - 0.5 - T_99 * 2 / 30**0.5, 61 + 0.5 + T_99 * 2 / 30**0.5),
        ({"published": (60, 70), "step": 4}, 60.0, 58 - T_99 * 2 * math.sqrt(2), 72 + T_99 * 2 * math.sqrt(2)),
        ({"at_most": 2}, 60.0, -math.inf, 2),
        ({"at_least": 1.3, "published": 1.8}, 60.0, 1.3, math.inf),
    ],
)
def test_the_accepted_range_is_chance_and_rounding(
    stated: dict[str, Any], measured: float | None, low: float, high: float
) -> None:
    assert judged(claim(**stated), 60, measured, SCATTERED).accepted == pytest.approx((low, high), rel=1e-3)


def test_a_figure_that_does_not_scatter_is_held_to_its_rounding() -> None:
    exact = spread([8.0, 8.0, 8.0])
    assert judged(claim(published=8), 8.4, over=exact).verdict is ClaimVerdict.REPRODUCED
    assert judged(claim(published=8), 8.6, over=exact).verdict is ClaimVerdict.NOT_REPRODUCED


def test_swrs_peak_of_7_could_have_been_missed() -> None:
    """A Poisson band around 7 accepted 1 to 15."""
    of = CLAIMS["swr-peak"]
    low, high = judged(of, 9.1, 8, Spread(9.1, 0.8, 30)).accepted
    assert (math.floor(low), math.ceil(high)) == (3, 11)


def test_an_effect_of_3_percent_is_none_of_10_to_13() -> None:
    of = CLAIMS["bulk-jitter-20-saves"]
    one = judged(of, 0.97, 0.88, Spread(0.97, 0.06, 30))
    assert one.verdict is ClaimVerdict.NOT_REPRODUCED, "one lucky run of each does not make an effect"


def test_a_spread_is_that_of_the_seeds_and_a_ratio_pairs_them() -> None:
    of = claim(published=0.5, to="b", figure="origin_reads")
    up = Evidence(read_scenario("hot-key"), STRATEGY, True, [{"seed": n, "origin_reads": 30.0 * n} for n in (2, 1, 3)])
    down = Evidence(
        read_scenario("hot-key"), STRATEGY, True, [{"seed": n, "origin_reads": 60.0 * n} for n in (1, 2, 3)]
    )
    (one,) = judge(experiment(of), {"a": up, "b": down})
    assert one.spread is not None
    assert (one.spread.mean, one.spread.deviation, one.spread.seeds) == (0.5, 0.0, 3)


def test_what_was_measured_counts_before_what_was_simulated() -> None:
    of = claim(published=100, step=20)
    assert judged(of, simulated=100, measured=50).verdict is ClaimVerdict.NOT_REPRODUCED
    assert judged(of, simulated=100, measured=50).worlds_differ
    assert judged(of, simulated=50, measured=100).verdict is ClaimVerdict.REPRODUCED
    assert judged(of, simulated=100).verdict is ClaimVerdict.REPRODUCED
    assert not judged(of, simulated=100).worlds_differ


def test_a_latency_is_shown_and_judged_by_nobody() -> None:
    of = claim(published=223, figure="p99_ms", expected="not comparable", because="it is the machine's")
    one = judged(of, 201, 900)
    assert (one.verdict, one.as_expected, one.worlds_differ) == (ClaimVerdict.NOT_COMPARABLE, True, False)
    assert why(one) == "it is the machine's"


def test_a_ratio_divides_what_the_two_arms_came_to() -> None:
    of = claim(published=0.5, to="b", figure="origin_reads")
    reads = {"a": came_to({"origin_reads": 30.0}, {"origin_reads": 40.0}), "b": came_to({"origin_reads": 60.0})}
    (one,) = judge(experiment(of), reads)
    assert (one.simulated, one.measured, one.verdict) == (0.5, None, ClaimVerdict.REPRODUCED)


def test_a_native_run_that_is_no_result_counts_for_nothing() -> None:
    of = claim(published=5)
    found = {name: came_to({"origin_peak_1s": 5.0}, {"origin_peak_1s": 50.0}, "pod-1 fell") for name in "ab"}
    (one,) = judge(experiment(of), found)
    assert (one.measured, one.verdict, one.invalid) == (None, ClaimVerdict.REPRODUCED, "pod-1 fell")
    assert "no valid result: pod-1 fell" in why(one)


def test_what_did_not_happen_is_zero() -> None:
    of = claim(at_most=0, figure="statuses.stale")
    (one,) = judge(experiment(of), {"a": came_to({"requests": 1.0})})
    assert one.simulated == 0


def test_nothing_to_run_is_not_reproducible() -> None:
    of = claim(variant=None, expected="not reproducible", because="no workload is named", published=12)
    (one,) = judge(experiment(of), {})
    assert one.verdict is ClaimVerdict.NOT_REPRODUCIBLE
    assert one.as_expected


def test_a_verdict_that_is_not_expected_is_named_with_its_figures() -> None:
    of = claim(published=100)
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


def test_the_coherence_around_an_expiry_is_1_for_a_needle_and_0_for_even_reads_with_the_peak_beside_it() -> None:
    row, _, _ = simulate(read_scenario("primer", duration_s=2), STRATEGY, 1)
    time_s = np.arange(0.0, 30.0, 0.5) + 0.25
    needle = np.where(time_s == 10.25, 80.0, 0.0)  # at the first expiry, with a TTL of 10 s
    even = np.where(time_s > 15, 4.0, 0.0)  # around the second
    course = Series(0.5, time_s, needle + even, time_s, time_s)
    found = figures(row, course, ttl_s=10.0)
    assert found["first_expiry_coherence"] == pytest.approx(1)
    assert found["second_expiry_coherence"] == pytest.approx(0, abs=1e-9)
    assert found["first_expiry_peak_1s"] == pytest.approx(40)
    assert found["second_expiry_peak_1s"] == pytest.approx(4)
    short = Series(0.5, time_s[:8], needle[:8], time_s[:8], time_s[:8])
    assert figures(row, short, ttl_s=10.0)["first_expiry_coherence"] is None, "what did not come is not 0"


def test_a_time_that_is_never_is_infinite_in_evidence_and_a_word_in_its_records() -> None:
    row, course, _ = simulate(read_scenario("primer", duration_s=2), STRATEGY, 1)
    kept = figures(dataclasses.replace(row, recovers_after_s=math.inf), course, ttl_s=2.0)
    assert kept["recovers_after_s"] == math.inf
    assert as_written(kept)["recovers_after_s"] == "never"
    assert as_written(figures(row, course, ttl_s=2.0))["recovers_after_s"] is None


def test_figures_in_tables_have_dotted_names_and_labels_are_none() -> None:
    row, course, _ = simulate(read_scenario("primer", duration_s=10), STRATEGY, 1)
    found = figures(row, course, 5.0)
    assert found["stampedes.cold_start.count"] == 10
    assert found["miss_ratio"] == pytest.approx(1 - (row.hit_ratio or 0.0))
    assert not {"scenario", "valid", "events", "trace"} & {*found}


# what is written


def ledger(one: PublishedExperiment, of: list[JudgedClaim], repeats: int = 1) -> ClaimsPage:
    return ClaimsPage([one], {one.name: of}, ABOUT, 754.0, repeats)


def test_the_page_has_a_stamp_a_table_and_what_it_comes_to() -> None:
    of = claim(published=61)
    one = experiment(of, conclusion="The peak is {one}.")
    text = markdown(ledger(one, [JudgedClaim(of, 58.6, 59.9, 57.0, Spread(59.9, 2.0, 30))]))
    assert "## One key\n\nA paper.\n\nAs there." in text
    row = next(line for line in text.splitlines() if line.startswith("| so"))
    assert [cell.strip() for cell in row.strip("|").split("|")] == [
        "so", "61", "58.6", "59.9", "57", "reproduced [1]",
    ]  # fmt: skip
    note = "accepted: 52.7 to 69.3 (rounding 0.5, z = 2.76 of one run against another, deviation 2 over 30 seeds)"
    assert f"\n- [1] {note}\n" in text
    for told in ("abc1234", "2026-01-02", "`lab claims`", "2 cores", "12.6 min", "1 reproduced", "The peak is 57."):
        assert told in text


def test_no_line_is_longer_than_the_page_and_rows_of_one_reason_share_its_note() -> None:
    of = claim(
        says="w" * 40, in_full="whole " * 40, published=(1_852, 1_891), independent=True,
        because="so " * 60, expected="not reproduced",
    )  # fmt: skip
    variants = {name: {"strategy": STRATEGY.name, "virtual_because": "slow " * 30} for name in "ab"}
    one = experiment(of, variants=variants, source="A " * 80, setup="As there. " * 20)
    text = markdown(ledger(one, [judged(of, 59.9, over=SCATTERED)] * 2))
    assert max(map(len, text.splitlines())) <= WIDTH
    assert text.count("not reproduced [1] |") == 2
    assert "[2]" not in text


def test_the_ledger_that_is_kept_has_no_longer_line_either() -> None:
    assert max(map(len, (ROOT / "CLAIMS.md").read_text(encoding="utf-8").splitlines())) <= WIDTH


def test_an_independent_figure_is_marked_and_why_a_run_is_virtual_is_said() -> None:
    of = claim(published=446, independent=True)
    variants = {
        "a": {"strategy": STRATEGY.name, "virtual_because": "too much for two cores", "unpredicted_because": "queues"}
    }
    text = markdown(ledger(experiment(of, variants=variants), [judged(of, 439.0)], repeats=0))
    assert "446\\*" in text
    assert "Only in virtual time: a: too much for two cores." in text
    assert "Not predicted: a: queues." in text
    assert "not asked for" in text


def test_no_conclusion_is_drawn_from_a_verdict_that_was_not_expected() -> None:
    of = claim(published=61)
    one = experiment(of, conclusion="The peak is {one}, as {another} says.")
    assert conclusion(one, [judged(of, 300)]) == ""
    assert conclusion(one, [judged(of, 60)]) == "", "another was not asked for"


def test_ratios_ranges_and_bounds_are_shown_with_their_units() -> None:
    assert claim(published=0.81, to="b", figure="origin_reads").says_published == "0.81"
    assert claim(published=(0.0188, 0.0235), figure="miss_ratio").says_published == "1.88 % to 2.35 %"
    assert claim(at_most=2, figure="stampedes.hot.mean").says_published == "at most 2"
    assert claim(published=28, at_most=28, figure="p99_ms").says_published == "28 ms"


# the command


def lab(*words: object) -> Any:
    return CliRunner().invoke(cli.app, ["claims", *map(str, words)])


def test_a_part_of_the_ledger_runs_end_to_end_and_leaves_the_whole_one_alone(tmp_path: Path) -> None:
    result = lab("--virtual-only", "--only", "swr-peak,leases-peak", "--results", tmp_path)
    assert result.exit_code == 0, result.output
    (folder,) = tmp_path.iterdir()
    assert {path.name for path in folder.iterdir()} == {"CLAIMS.md", "claims.json", "environment.json"}
    text = (folder / "CLAIMS.md").read_text()
    assert "| verdicts of the sources | 1 reproduced, 1 not reproducible" in text
    assert "naive" not in text


def test_the_ledger_is_written_over_its_own_and_over_nothing_else(tmp_path: Path) -> None:
    out, results = tmp_path / "notes.md", tmp_path / "results"
    asked = ("--virtual-only", "--only", "leases-peak", "--out", out, "--results", results)
    out.write_text("my diary")
    refused = lab(*asked)
    assert refused.exit_code == 2
    assert "nothing that this command has written" in " ".join(refused.stderr.split())
    assert out.read_text() == "my diary"
    assert not results.exists()  # known before anything was run
    out.unlink()
    for _ in range(2):
        assert lab(*asked).exit_code == 0
        assert out.read_text().startswith("# The claims ledger")


def test_a_claims_file_of_somebody_else_in_the_current_folder_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    Path("CLAIMS.md").write_text("my diary")
    assert lab().exit_code == 2
    assert [path.read_text() for path in tmp_path.iterdir()] == ["my diary"]


def test_a_claim_that_is_not_there_is_bad_input(tmp_path: Path) -> None:
    result = lab("--virtual-only", "--only", "swr-pique", "--results", tmp_path)
    assert result.exit_code == 2
    assert "there is no claim 'swr-pique'" in result.stderr
    assert not list(tmp_path.iterdir())


def test_an_unexpected_verdict_exits_1_and_names_the_claim(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    one = EXPERIMENTS["primer"].only(["swr-peak"])
    assert one is not None
    wrong = {"expected": ClaimVerdict.NOT_REPRODUCED, "because": "of a test"}
    one = one.model_copy(update={"claims": [one.claims[0].model_copy(update=wrong)]})
    monkeypatch.setattr("loadtest.cli.claims.read_experiments", lambda: [one])
    result = lab("--virtual-only", "--only", "swr-peak", "--results", tmp_path)
    assert result.exit_code == 1
    assert "swr-peak: reproduced, not reproduced was expected" in " ".join(result.stderr.split())
