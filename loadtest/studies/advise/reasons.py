"""The reasons of an advice, in sentences with their figures: what speaks for a candidate, and against it."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from statistics import median

from loadtest.figures.run_summary import RunSummary
from loadtest.stats.intervals import median_interval
from loadtest.stats.verdicts import ComparisonOutcome, SamplePair, judge
from loadtest.studies.advise.advice import BreakEven, Ranked
from loadtest.studies.advise.costs import failed_share, reads_per_s, waited_share
from loadtest.studies.advise.scaling import SimulatedService
from loadtest.studies.advise.situations import OUTAGE_S, Situation

Figure = Callable[[RunSummary], float]
DECIDING: tuple[tuple[str, Situation, Figure, float], ...] = (
    ("requests that wait", Situation.STEADY, waited_share, 1e-5),
    ("failed requests of an outage", Situation.OUTAGE, failed_share, 1e-4),
    ("reads of the origin", Situation.STEADY, reads_per_s, 1e-3),
    ("age of the answers", Situation.STEADY, lambda row: row.age_p99_s or 0.0, 1e-2),
)
"""The figures that decide, in their order, with the situation and the step of each."""


def with_reasons(ranking: Sequence[Ranked], plan: SimulatedService) -> list[Ranked]:
    """The ranking with the reasons of those that are allowed, and with who is tied with the best one."""
    best = next((one for one in ranking if one.is_allowed), None)
    found = []
    for one in ranking:
        if not one.is_allowed or one.costs is None or best is None:
            found.append(one)
            continue
        told, is_tied = _against(one, best) if one is not best else ([], False)
        found.append(replace(one, reasons=(*_own(one, plan), *told), tied_with_best=is_tied))
    return found


def _own(one: Ranked, plan: SimulatedService) -> Iterator[str]:
    price = one.costs
    assert price is not None
    steady = one.rows[Situation.STEADY]
    reads = [60 * reads_per_s(row) * plan.parts / plan.ttl_factor for row in steady]
    yield (
        f"Steady state: {_with_interval(reads)} reads/min ({_percent(price.read_share)} of the requests), "
        f"{price.steady_peak_1s:,.0f} in the worst second; {_percent(price.waited_share)} of the requests wait for "
        "a load."
    )
    if price.older_share:
        yield (
            f"{_percent(price.older_share)} of the answers are older than the TTL, none older than "
            f"{price.oldest_s:,.3g} s by its promise."
        )
    if outage := one.rows.get(Situation.OUTAGE):
        shares = [100 * failed_share(row) for row in outage]
        yield f"Around {OUTAGE_S:g} s without the origin {_with_interval(shares)} % of the requests fail."


def _against(one: Ranked, best: Ranked) -> tuple[list[str], bool]:
    """The figure that puts it behind the best one, and whether there is none that tells them apart."""
    pairs, named = [], []
    for words, where, figure, step in DECIDING:
        of_best, of_one = (tuple(map(figure, rows.get(where, []))) for rows in (best.rows, one.rows))
        count = min(len(of_best), len(of_one))
        if count:
            pairs.append(SamplePair(of_best[:count], of_one[:count], step, paired=True))
            named.append((words, where, count))
    is_told = False
    told = []
    for verdict, (words, _, count) in zip(judge(pairs), named, strict=True):
        a, b = median(verdict.pair.a), median(verdict.pair.b)
        differs = verdict.outcome in {ComparisonOutcome.HIGHER, ComparisonOutcome.LOWER}
        is_seen = count == 1 and not math.isclose(a, b, rel_tol=0.1, abs_tol=verdict.pair.resolution)
        if differs or is_seen:
            is_told = True
            how = "more" if b > a else "fewer"
            if words.startswith("age"):
                how = "a higher p99 of the" if b > a else "a lower p99 of the"
            shown = _percent if words.startswith(("requests", "failed")) else _number
            unit = "/s" if words.startswith("reads") else " s" if words.startswith("age") else ""
            told.append(f"{how} {words}: {shown(b)}{unit} against {shown(a)}{unit} (n = {count})")
    if not is_told:
        n = min(count for *_, count in named)
        return [f"Not distinguishable from {best.label} in what decides (n = {n})."], True
    return [f"Against {best.label}: {'; '.join(told)}."], False


def answer(ranking: Sequence[Ranked], break_evens: Sequence[BreakEven]) -> Iterator[str]:
    """The answer in two to four sentences."""
    best = next(one for one in ranking if one.is_allowed)
    price = best.costs
    assert price is not None
    tied = [one.label for one in ranking if one.tied_with_best]
    also = f" ({' and '.join(tied)}: not distinguishable from it)" if tied else ""
    yield f"Use {best.label}{also}."
    older = f"{_percent(price.older_share)} of the answers are older than the TTL" if price.older_share else (
        "no answer is older than the TTL"
    )  # fmt: skip
    yield (
        f"In the steady state it reads the origin {price.origin_reads_per_min:,.0f} times a minute, at most "
        f"{price.steady_peak_1s:,.0f} in any second; {_percent(price.waited_share)} of the requests wait for a "
        f"load, and {older}."
    )
    if out := [one for one in ranking if not one.is_allowed and one.rows]:
        first = out[0]
        names = ", ".join(one.strategy for one in out)
        why = first.why_not if len(out) == 1 else f"{first.strategy}: {first.why_not}"
        yield f"Not for this service: {names} ({why})."
    changes = [one.sentence for one in break_evens if one.value is not None]
    if changes:
        yield " ".join(changes[:2])


def no_answer(ranking: Sequence[Ranked]) -> Iterator[str]:
    """The answer where no candidate is allowed."""
    yield "No strategy is enough for this service as it is."
    for one in ranking[:2]:
        yield f"{one.label}: {one.why_not}."


def _with_interval(values: Sequence[float]) -> str:
    interval = median_interval(values) if len(values) > 1 else None
    middle = _number(median(values))
    if interval is None:
        return f"{middle} (n = {len(values)})"
    return f"{middle} [{_number(interval.low)} to {_number(interval.high)}, n = {len(values)}]"


def _number(value: float) -> str:
    return f"{value:,.0f}" if abs(value) >= 1000 else f"{value:.3g}"


def _percent(share: float) -> str:
    return f"{percents(share)} %"


def percents(share: float) -> str:
    """The share in per cent with two digits, or as many as its whole number has."""
    return f"{100 * share:.0f}" if share >= 0.0995 else f"{100 * share:.2g}"
