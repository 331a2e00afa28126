"""Sentences that the repeats of a run allow, such as "a's p99 is 12 to 20 % lower than b's (n = 5)"."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.figures.run_summary import NEVER
from loadtest.stats.intervals import REPEATS_MIN, median_interval
from loadtest.stats.rows import AnyRow, is_assumed, same_arrivals, same_seeds, sample
from loadtest.stats.verdicts import ComparisonOutcome, SamplePair, Verdict, judge, percent
from loadtest.workload.gate import is_worst_count

LATENCY_DRIFT = 0.25
"""The share by which the machine alone makes latency differ between two runs of the same code.

Repeats within one run share the machine's state, so that their scatter does not show it.
"""


@dataclass(frozen=True, slots=True)
class Figure:
    """A figure that runs are compared by."""

    name: str
    words: str
    resolution: float  # the step it is rounded to
    drift: float = 0.0
    """The share that is no difference between two runs of real processes. Virtual time has none."""
    more_is_better: bool = False


COMPARED: tuple[Figure, ...] = (
    Figure("origin_reads", "number of origin reads", 1),
    Figure("origin_peak_1s", "peak of origin reads in 1 s", 1),
    Figure("steady_peak_1s", "peak of origin reads in 1 s of the steady state", 1),
    Figure("cold_peak_1s", "peak of origin reads in 1 s of the cold start", 1),
    Figure("hit_ratio", "hit ratio", 1e-5, more_is_better=True),
    Figure("p50_ms", "p50", 0.01, drift=LATENCY_DRIFT),
    Figure("p99_ms", "p99", 0.01, drift=LATENCY_DRIFT),
    Figure("p999_ms", "p99.9", 0.01, drift=LATENCY_DRIFT),
    Figure("steady_p99_ms", "p99 after the cold start", 0.01, drift=LATENCY_DRIFT),
    Figure("age_p99_s", "p99 of the age", 0.001, drift=0.02),
    Figure("commands_per_request", "number of Redis commands per request", 0.001, drift=0.02),
    Figure("goodput", "goodput", 0.01, more_is_better=True),
    Figure("attempts_per_request", "number of attempts per request", 1e-4),
    Figure("gave_up", "number of requests given up", 1),
    Figure("failed_during", "number of failures during the trigger", 1),
    Figure("recovers_after_s", "time to recover", 0.1),
    Figure("worst_second", "goodput of the worst second", 1e-4, more_is_better=True),
    Figure("origin_attempts_per_request", "number of origin reads asked for per request", 1e-4),
    Figure("errors", "number of errors", 1),
    Figure("wrong_answers", "number of wrong answers", 1),
)
"""The figures that runs are compared by; each more makes the tests of the others weaker."""
TELLING = ("steady_peak_1s", "cold_peak_1s", "origin_reads", "steady_p99_ms")
APART = {"origin_peak_1s": "steady_peak_1s", "p99_ms": "steady_p99_ms"}
"""Figures that the cold start may decide, and by which figure runs are compared that tell it apart."""


def telling(rows: Sequence[AnyRow], base: str | None) -> list[str]:
    """The sentences that sum up a run: peaks, reads and p99 of each strategy against the baseline, judged together.

    A run that does not tell the cold start from the steady state has one peak instead of two.
    """
    names = list(dict.fromkeys(row["strategy"] for row in rows if row.get("valid", True)))
    if base is None or base not in names:
        return []
    whole = {apart: name for name, apart in APART.items() if not any(apart in row for row in rows)}
    # of a run that does not tell the two apart
    telling = [whole.get(name, name) for name in TELLING if name != "cold_peak_1s" or not whole]
    asked = [(name, base, one) for name in names if name != base for one in telling]
    return sentences(rows, [which for which in asked if _is_known(rows, *which)])


def _is_known(rows: Sequence[AnyRow], strategy: str, base: str, name: str) -> bool:
    """True where both strategies have the figure in every valid repeat, and it is not assumed."""
    valid = [row for row in rows if row.get("valid", True)]
    return all(sample(valid, one, name) and not is_assumed(valid, one, name) for one in (strategy, base))


def sentences(rows: Sequence[AnyRow], asked: Sequence[tuple[str, str, str]]) -> list[str]:
    """The sentences asked for: strategy, baseline and figure, as "a's p99 is 7.4 to 9.1 times lower than b's (n = 5)".

    Raises ValueError where a valid row has no such figure.
    """
    valid = [row for row in rows if row.get("valid", True)]
    pairs = []
    for strategy, base, name in asked:
        mine, other = (sample(valid, one, name) for one in (strategy, base))
        if not mine or not other:
            raise ValueError(f"{base if mine else strategy}: no {name} in any valid row, or not in all of them")
        # no drift: the repeats of one run are interleaved
        exact = same_seeds(valid, strategy, valid, base)
        paired = same_arrivals(valid, strategy, valid, base)
        pairs.append(SamplePair(other, mine, known(name).resolution, exact=exact, paired=paired))
    return [_say(verdict, *which) for verdict, which in zip(judge(pairs), asked, strict=True)]


def known(name: str) -> Figure:
    """The figure of that name; one that runs are not compared by has a default resolution."""
    return next((one for one in COMPARED if one.name == name), Figure(name, name, 0.001))


def _say(verdict: Verdict, strategy: str, base: str, name: str) -> str:
    pair = verdict.pair
    mine, other = f"{strategy}'s {known(name).words}", f"{base}'s"
    if verdict.outcome is ComparisonOutcome.TOO_FEW:
        return f"{mine} and {other}: {verdict.outcome} ({pair.n}; {REPEATS_MIN} of each are needed)"
    if verdict.outcome in {ComparisonOutcome.SAME, ComparisonOutcome.IDENTICAL}:
        return f"{mine} and {other} are {verdict.outcome} ({pair.n})"
    n = f"{pair.n}, these seeds only" if verdict.these_seeds_only else pair.n
    if by := _by_how_much(verdict):
        return f"{mine} is {by} {verdict.outcome} than {other} ({n})"
    medians = f"{show_median(name, pair.b)} against {show_median(name, pair.a)}"
    return f"{mine} is {verdict.outcome} than {other}: {medians} ({n})"


def _by_how_much(verdict: Verdict) -> str:
    """The size of a difference, as "7.4 to 9.1 times" or "12 to 20 %"; empty where there is no ratio."""
    if not verdict.ratio:
        return ""
    ends = (verdict.interval.low, verdict.interval.high) if verdict.interval else (verdict.ratio,)
    lower = verdict.outcome is ComparisonOutcome.LOWER
    times = sorted(1 / end if lower else end for end in ends)
    if times[0] >= 2:
        return " to ".join(dict.fromkeys(f"{time:.3g}" for time in times)) + " times"
    shares = sorted(1 - end if lower else end - 1 for end in ends)
    return " to ".join(dict.fromkeys(percent(share).removesuffix(" %") for share in shares)) + " %"


def show(name: str, value: float) -> str:
    """The value of a figure, with the unit that its name ends in."""
    return _number(name, value) + (_unit(name) if math.isfinite(value) else "")


def show_median(name: str, values: Sequence[float], unit: bool = True) -> str:
    """The median as "24.1 [22, 26.5] ms", without an interval for one repeat; a ratio is always in per cent.

    A count that must be 0 is shown by its worst repeat, as "7 in 2 of 5", because a median hides it. A time that some
    repeats did not see the end of is shown with their number, as "4.2 s (never in 2 of 5)".
    """
    if is_worst_count(name):
        some = sum(map(bool, values))
        return _number(name, max(values)) + (f" in {some} of {len(values)}" if some and len(values) > 1 else "")
    if never := sum(map(math.isinf, values)):
        told = show(name, median(values)) if unit else _number(name, median(values))
        return told + (f" (never in {never} of {len(values)})" if never < len(values) else "")
    interval = median_interval(values)
    ends = f" [{_number(name, interval.low)}, {_number(name, interval.high)}]" if interval else ""
    return _number(name, median(values)) + ends + (_unit(name) if unit or name.endswith("_ratio") else "")


def _number(name: str, value: float) -> str:
    if math.isinf(value):
        return NEVER
    if name.endswith("_ratio"):
        return f"{100 * value:.2f}"
    if known(name).resolution == 1 and (2 * value).is_integer():
        return f"{value:,.1f}".removesuffix(".0")  # a count, with the half of a median of two
    return f"{value:,.0f}" if value.is_integer() or abs(value) >= 99.95 else f"{value:.3g}"


def _unit(name: str) -> str:
    units = {"ratio": " %", "ms": " ms", "s": " s"}
    return units.get(name.rpartition("_")[2], "")
