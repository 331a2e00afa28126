"""Intervals, tests and their error rates, on samples whose truth is known. Every random number is seeded."""

import math
from collections.abc import Mapping
from itertools import pairwise
from typing import Any

import numpy as np
import pytest

from loadtest.stats import intervals
from loadtest.stats.intervals import difference, holm, median_interval, ratio_interval
from loadtest.stats.sentences import COMPARED, known, show_median
from loadtest.stats.verdicts import ComparisonOutcome, SamplePair, judge

SEED = 20_260_101
NOISY: Mapping[str, tuple[float, float, float]] = {  # reads, peak, p99 in ms: five strategies as the papers give them
    "naive": (739, 61, 223),
    "spread": (667, 57, 218),
    "one_flight": (111, 9, 213),
    "serve_old": (111, 9, 28),
    "early": (174, 10, 21),
}
Sample = dict[tuple[str, str], tuple[float, ...]]


def a_run(random: np.random.Generator, n: int, drift: float = 0.05, reads_of_early: float = 1.0) -> Sample:
    """Counts are Poisson; latencies lognormal, 5 to 15 %, with a spike in a repeat of twenty, times the run's drift."""
    found: dict[tuple[str, str], Any] = {}
    for name, (reads, peak, p99_ms) in NOISY.items():
        factor = reads_of_early if name == "early" else 1.0
        found[name, "origin_reads"] = random.poisson(reads * factor, n)
        found[name, "origin_peak_1s"] = random.poisson(peak, n)
        found[name, "steady_peak_1s"] = found[name, "cold_peak_1s"] = found[name, "origin_peak_1s"]
        found[name, "hit_ratio"] = np.round(1 - random.poisson(4 * reads * factor, n) / 24_000, 5)
        for figure, ms, scatter in (
            ("p50_ms", 1.8, 0.05),
            ("p99_ms", p99_ms, 0.1),
            ("steady_p99_ms", p99_ms, 0.1),
            ("p999_ms", 1.5 * p99_ms, 0.15),
        ):
            spikes = np.where(random.random(n) < 0.05, 2.5, 1.0)
            own = math.exp(random.normal(0, drift))
            found[name, figure] = np.round(ms * own * np.exp(random.normal(0, scatter, n)) * spikes, 2)
        found[name, "age_p99_s"] = np.round(5 + random.exponential(0.02, n), 3)
        found[name, "errors"] = (random.random(n) < 0.1) * random.poisson(3, n)
        found[name, "wrong_answers"] = np.zeros(n)
    return {key: tuple(map(float, values)) for key, values in found.items()}


def an_outage(random: np.random.Generator, n: int, never_share: float = 0.3) -> Sample:
    """Clients that retry through a trigger: in a share of the repeats the system never comes back."""
    found: dict[tuple[str, str], Any] = {}
    for name in NOISY:
        attempts = 1.3 * np.exp(random.normal(0, 0.1, n))
        found[name, "attempts_per_request"] = np.round(attempts, 4)
        found[name, "goodput"] = np.round(random.poisson(23_000, n) / 60, 2)
        found[name, "gave_up"] = random.poisson(300, n)
        found[name, "failed_during"] = random.poisson(900, n)
        times_s = np.round(random.exponential(4, n), 1) * (random.random(n) < 0.7)
        found[name, "recovers_after_s"] = np.where(random.random(n) < never_share, np.inf, times_s)
        found[name, "worst_second"] = np.round(random.poisson(20, n) / 300, 4)
        found[name, "origin_attempts_per_request"] = np.round(attempts / 4, 4)
    return {key: tuple(map(float, values)) for key, values in found.items()}


def differing(a: Sample, b: Sample) -> set[tuple[str, str]]:
    figures = [known(name) for _, name in a]
    pairs = [SamplePair(a[key], b[key], one.resolution, one.drift) for key, one in zip(a, figures, strict=True)]
    claims = {ComparisonOutcome.HIGHER, ComparisonOutcome.LOWER}
    return {key for key, verdict in zip(a, judge(pairs), strict=True) if verdict.outcome in claims}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_identical_runs_come_out_all_clear_in_at_least_nine_of_ten_pairs(n: int) -> None:
    random = np.random.default_rng(SEED)
    pairs = 150
    clear = sum(not differing(a_run(random, n), a_run(random, n)) for _ in range(pairs))
    assert clear / pairs >= 0.93, f"seed {SEED}: {clear} of {pairs}, over every figure of every strategy"


def test_the_figures_of_the_simulated_runs_are_those_that_are_compared() -> None:
    names = {name for _, name in a_run(np.random.default_rng(SEED), 1)}
    names |= {name for _, name in an_outage(np.random.default_rng(SEED), 1)}
    assert names == {figure.name for figure in COMPARED} - {"commands_per_request"}


@pytest.mark.parametrize("n", [3, 5, 10])
def test_outages_alike_are_not_called_different_though_some_repeats_never_recover(n: int) -> None:
    random, pairs = np.random.default_rng(SEED), 150
    clear = sum(not differing(an_outage(random, n), an_outage(random, n)) for _ in range(pairs))
    assert clear / pairs >= 0.93, f"seed {SEED}: {clear} of {pairs}"


def test_a_system_that_never_comes_back_is_told_from_one_that_does() -> None:
    never, back, soon = (math.inf,) * 5, (3.1, 4.0, 2.2, 3.3, 5.0), (0.0,) * 5
    verdicts = judge([SamplePair(*pair, 0.1) for pair in ((back, never), (never, soon), (never, never), (soon, back))])
    assert [one.outcome for one in verdicts] == [
        ComparisonOutcome.HIGHER, ComparisonOutcome.LOWER, ComparisonOutcome.SAME, ComparisonOutcome.HIGHER,
    ]  # fmt: skip
    assert [one.ratio for one in verdicts[:3]] == [None] * 3
    assert median_interval((3.0, math.inf, 4.0)) is None
    assert show_median("recovers_after_s", (3.0, 2.0, math.inf)) == "3 s (never in 1 of 3)"
    assert show_median("recovers_after_s", never) == "never"


@pytest.mark.parametrize(("factor", "found_min"), [(1.3, 0.5), (1.4, 0.85), (2.0, 1.0)])
def test_a_planted_change_of_the_reads_is_found_with_five_repeats(factor: float, found_min: float) -> None:
    random = np.random.default_rng(SEED)
    pairs = 100
    changed = ("early", "origin_reads")
    found = sum(changed in differing(a_run(random, 5), a_run(random, 5, reads_of_early=factor)) for _ in range(pairs))
    assert found / pairs >= found_min, f"seed {SEED}: {found} of {pairs}"


def test_a_latency_that_halves_is_found_and_one_within_the_drift_of_machines_is_not() -> None:
    p99 = known("p99_ms")
    before, half, near = (200.0, 210.0, 205.0, 190.0, 207.0), (100.0, 105.0, 98.0, 107.0, 99.0), (240.0,) * 5
    verdicts = judge([SamplePair(before, after, p99.resolution, p99.drift) for after in (half, near)])
    assert [verdict.outcome for verdict in verdicts] == [ComparisonOutcome.LOWER, ComparisonOutcome.SAME]
    assert judge([SamplePair(before, near, p99.resolution)])[0].outcome is ComparisonOutcome.HIGHER, (
        "within one run it is a difference"
    )


def least_of(share: float, of: int) -> float:
    """What a share of so many tries stays above but for one in a thousand."""
    return share - 3.1 * math.sqrt(share * (1 - share) / of)


@pytest.mark.parametrize("n", [2, 3, 5, 7, 12])
def test_intervals_cover_what_they_say(n: int) -> None:
    random, samples = np.random.default_rng(SEED), 1_000
    inside = ratios = 0
    for _ in range(samples):
        steady, loose = np.exp(random.normal(0, 0.02, n)).tolist(), np.exp(random.normal(0, 0.4, n)).tolist()
        interval, ratio = median_interval(loose), ratio_interval(loose, steady)
        assert interval is not None
        assert ratio is not None
        inside += 1.0 in interval
        ratios += 1.0 in ratio
    assert inside / samples >= least_of(0.95, samples), f"seed {SEED}: the median is inside {inside} of {samples} times"
    assert ratios / samples >= least_of(0.95, samples), f"seed {SEED}: the ratio is inside {ratios} of {samples} times"
    assert inside / samples <= 0.985, "and no more than it says"


@pytest.mark.parametrize(("n", "m"), [(3, 20), (20, 3), (5, 5)])
def test_samples_that_scatter_twenty_fold_differently_are_not_called_different(n: int, m: int) -> None:
    random, tries = np.random.default_rng(SEED), 1_000
    found = 0
    for _ in range(tries):
        test = difference(np.exp(random.normal(0, 0.4, n)).tolist(), np.exp(random.normal(0, 0.02, m)).tolist(), 1e-6)
        assert test is not None
        found += test.p <= 0.05
    assert found / tries <= 0.05 + 3.1 * math.sqrt(0.05 * 0.95 / tries), (
        f"seed {SEED}: {found}; pooled, 24 % at 3 and 20"
    )


def test_pairs_of_one_seed_see_what_their_common_arrivals_hide() -> None:
    random, tries = np.random.default_rng(SEED), 300
    in_pairs = apart = false = 0
    for _ in range(tries):
        common = random.normal(0, 0.3, 5)
        one, same, more = (np.exp(common + shift + random.normal(0, 0.05, 5)).tolist() for shift in (0, 0, 0.2))
        tests = [
            difference(one, other, 1e-6, paired=paired) for other, paired in ((more, True), (more, False), (same, True))
        ]
        ps = [test.p for test in tests if test]
        in_pairs, apart, false = in_pairs + (ps[0] <= 0.05), apart + (ps[1] <= 0.05), false + (ps[2] <= 0.05)
    assert in_pairs > 0.9 * tries > 3 * apart, f"seed {SEED}: {in_pairs} and {apart}"
    assert false / tries <= 0.05 + 3.1 * math.sqrt(0.05 * 0.95 / tries)


def test_zeros_constants_and_pairs_of_them_behave() -> None:
    assert median_interval([4.0, 4.0, 4.0]) == intervals.Interval(pytest.approx(4.0), pytest.approx(4.0))  # type: ignore[arg-type]
    zeros = median_interval([0.0, 0.0, 3.0])
    assert zeros is not None
    assert zeros.low == 0
    assert zeros.high > 3
    for paired in (False, True):
        same, other = (difference([0.0] * 3, [value] * 3, 1, paired=paired) for value in (0.0, 0.0))
        assert same == other
        assert same is not None
        assert same.p == 1
        rounded = difference([5.0] * 4, [5.0] * 4, 0.0, paired=paired)
        assert rounded is not None
        assert rounded.p == 1


def test_one_repeat_has_no_interval_and_allows_no_claim() -> None:
    assert median_interval([3.0]) is None
    assert ratio_interval([3.0], [1.0, 2.0]) is None
    (verdict,) = judge([SamplePair((3.0,), (300.0,), 0.01)])
    assert verdict.outcome is ComparisonOutcome.TOO_FEW
    assert verdict.interval is None
    assert (verdict.words, verdict.would_show) == ("n too small to tell", "from n = 3 on")


def test_the_same_repeats_have_the_same_interval_every_time() -> None:
    values = np.random.default_rng(SEED).lognormal(size=9).tolist()
    assert median_interval(values) == median_interval(values)


def test_repeats_that_all_agree_still_scatter_by_their_rounding() -> None:
    apart = difference([9.0] * 5, [10.0] * 5, 1)
    assert apart is not None
    assert 1e-4 < apart.p < 0.05, "a peak of 9 and one of 10: five times each, and yet no proof without end"
    far = difference([9.0] * 5, [61.0] * 5, 1)
    assert far is not None
    assert far.p < 1e-6


def test_figures_that_are_zero_have_no_ratio_and_are_tested_all_the_same() -> None:
    (verdict,) = judge([SamplePair((0.0,) * 5, (31.0, 28.0, 35.0, 30.0, 33.0), 1)])
    assert verdict.outcome is ComparisonOutcome.HIGHER
    assert verdict.ratio is None
    assert verdict.interval is None
    (same,) = judge([SamplePair((0.0,) * 5, (0.0,) * 5, 1)])
    assert same.outcome is ComparisonOutcome.SAME


def test_a_claim_never_contradicts_the_interval_beside_it() -> None:
    random = np.random.default_rng(SEED)
    for _ in range(40):
        a, b = random.lognormal(0, 0.1, 5), random.lognormal(0.2, 0.1, 5)
        (verdict,) = judge([SamplePair(tuple(a.tolist()), tuple(b.tolist()), 0.001)])
        if verdict.outcome is not ComparisonOutcome.SAME:
            assert verdict.interval is not None
            assert 1 not in verdict.interval, f"seed {SEED}"


def test_holm_is_bonferroni_for_the_first_and_never_falls() -> None:
    ps = [0.01, 0.04, 0.03, 0.005]
    assert holm(ps) == pytest.approx([0.03, 0.06, 0.06, 0.02])
    ordered = sorted(holm(np.random.default_rng(SEED).random(50).tolist()))
    assert all(one <= other <= 1 for one, other in pairwise(ordered))
    assert holm([]) == []


def test_a_figure_that_never_varies_costs_the_others_no_power() -> None:
    pair = SamplePair((10.0, 11.0, 10.5), (12.0, 12.5, 12.2), 0.01)
    alone = judge([pair])[0].p
    assert judge([pair, *[SamplePair((0.0,) * 3, (0.0,) * 3, 1)] * 40])[0].p == alone


def test_not_distinguishable_says_what_would_have_shown() -> None:
    random = np.random.default_rng(SEED)
    one, other = (tuple(random.lognormal(3, 0.05, 5).tolist()) for _ in range(2))
    (verdict,) = judge([SamplePair(one, other, 0.01)])
    assert verdict.outcome is ComparisonOutcome.SAME
    assert 1.05 < verdict.change_seen < 1.25
    assert verdict.would_show.endswith(" %")
    found = 0
    for _ in range(200):
        a, b = random.lognormal(3, 0.05, 5), random.lognormal(3 + math.log(verdict.change_seen), 0.05, 5)
        found += judge([SamplePair(tuple(a.tolist()), tuple(b.tolist()), 0.01)])[0].outcome is ComparisonOutcome.HIGHER
    assert found >= 120, f"seed {SEED}: four in five, if the scatter were known exactly"


def test_virtual_time_with_the_same_seeds_is_identical_or_different_without_a_test() -> None:
    same, other = (judge([SamplePair((9.0,), (value,), 1, exact=True)])[0] for value in (9.0, 10.0))
    assert same.outcome is ComparisonOutcome.IDENTICAL
    assert other.words == "higher with these seeds"
