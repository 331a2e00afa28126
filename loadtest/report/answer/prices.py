"""The price of a strategy in words: reads, waits and age, beside the baseline's."""

import math

from app.latency import Latency
from loadtest.figures.run_summary import NEVER
from loadtest.report.answer.candidate import MeasuredCandidate
from loadtest.report.answer.sentence import Sentence
from loadtest.report.cells import digits
from loadtest.stats.intervals import Interval
from loadtest.stats.verdicts import ComparisonOutcome, Verdict, percent
from loadtest.workload.scenario import Scenario

SAME = 1.05
"""The ratio below which two figures are told as about the same."""
TOLD_COMMANDS = 1.2
"""The ratio of Redis commands per request from which on they are told."""
TOLD_TIMES = 2.0
"""The ratio from which on more reads are told as times, and not as per cent."""
LIKE_A_LOAD = 0.5
"""The share of a load's time from which on the p99 of answers that waited for none is stated."""
_FIGURES = ("steady_peak_1s", "origin_reads", "waited_share", "steady_p99_ms", "older_share", "age_max_s")


def price_in_words(
    one: MeasuredCandidate, base: MeasuredCandidate | None, verdict: Verdict | None, scenario: Scenario
) -> Sentence:
    """A sentence on what a strategy costs, beside another; `verdict` is on the worst seconds of both."""
    beside = None if base is one else base
    outage = _outage(one, beside)
    parts = [*outage, _reads(one, beside, verdict), *_waits(one, beside, scenario), _age(one, scenario)]
    if one.row.overtaken_share is not None:
        parts.append(f"{_share(one.row.overtaken_share)} had been overtaken by a write")
    has_claim = verdict is not None and verdict.p is not None and verdict.outcome is not ComparisonOutcome.SAME
    return Sentence(
        f"{one.name} {', '.join(filter(None, [*parts, *_commands(one, beside)]))}.",
        (*(("failed_during", "recovers_after_s") if outage else ()), *_FIGURES),
        tuple(each.row.strategy for each in (one, beside) if each is not None),
        one.n,
        interval=verdict.interval if verdict is not None and has_claim else None,
        is_claim=has_claim,
    )


def n_in_words(*of: MeasuredCandidate) -> str:
    """The repeats as "n = 5", or "n = 3 and 5"."""
    return f"n = {' and '.join(map(str, sorted({one.n for one in of})))}"


def times(ratio: float) -> str:
    """A ratio as "1/6.7" for fewer and as "1.2" for more."""
    return f"1/{digits(1 / ratio)}" if ratio < 1 else digits(ratio)


def _reads(one: MeasuredCandidate, beside: MeasuredCandidate | None, verdict: Verdict | None) -> str:
    mine, reads = one.row.steady_peak_1s or 0, f"{one.row.origin_reads:,}"
    if one.row.steady_peak_1s is None:
        n = f"{n_in_words(one)}{'' if one.n > 1 else ', no interval'}"
        return f"asked the origin for nothing after the cold start, and in it for {reads} reads ({n})"
    if beside is None or verdict is None:
        n = f"{n_in_words(one)}{'' if one.n > 1 else ', no interval'}"
        return f"asked the origin for {mine:,} reads in its worst second, {reads} in all ({n})"
    its = beside.row.steady_peak_1s or 0
    figures = f"{mine:,} reads against {its:,}, in all {reads} against {beside.row.origin_reads:,}"
    turned = _turned(mine, its, one.row.origin_reads, beside.row.origin_reads)
    n = n_in_words(one, beside)
    if verdict.outcome is ComparisonOutcome.SAME and verdict.p is not None:
        return f"is not distinguishable from {beside.name} in the origin's worst second{turned} ({figures}; {n})"
    bounds = verdict.interval
    how = "as often" if mine == its else "about as often"
    if not mine:
        how = "not at all, and not" if its else how
    elif its and not 1 / SAME < mine / its < SAME:
        times_ = times(mine / its)
        how = f"{times_}{_between(bounds)}{'' if mine < its else ' times'} as often"
    n += "" if bounds else ", no interval"
    return f"asked the origin {how} as {beside.name} in its worst second{turned} ({figures}; {n})"


def _turned(mine: float, its: float, all_mine: float, all_its: float) -> str:
    """The reads in all, where they are more though those of the worst second are fewer, or the other way about."""
    if not all_its or 1 / SAME < all_mine / all_its < SAME or (mine < its) == (all_mine < all_its):
        return ""
    ratio = all_mine / all_its
    if ratio >= TOLD_TIMES:
        return f", but in all {times(ratio)} times as often"
    return f", but in all {percent(abs(ratio - 1))} {'more' if ratio > 1 else 'less'} often"


def _between(bounds: Interval | None) -> str:
    return "" if bounds is None else f" [{times(bounds.low)}, {times(bounds.high)}]"


def _waits(one: MeasuredCandidate, beside: MeasuredCandidate | None, scenario: Scenario) -> list[str]:
    if one.row.waited_share is None:
        return []
    if any(one.values("waited_share")):
        told = f"{_share(one.row.waited_share)} of the requests waited for a load{_p99(one)}"
    else:
        told = "nobody waited for a load"
        load_ms = Latency.parse(scenario.origin.latency).mean_ms
        if _knows_p99(one) and (one.row.steady_p99_ms or 0) >= LIKE_A_LOAD * load_ms:
            told += f", though the p99 was {digits(one.row.steady_p99_ms or 0)} ms"
    if beside is None or not beside.row.waited_share:
        return [told]
    return [f"{told} ({beside.name}: {_share(beside.row.waited_share)}{_p99(beside)})"]


def _knows_p99(one: MeasuredCandidate) -> bool:
    """Whether the p99 was measured or simulated: one that is only assumed is the ground of no word."""
    return one.row.steady_p99_ms is not None and "steady_p99_ms" not in one.row.assumed


def _p99(one: MeasuredCandidate) -> str:
    return f", p99 {digits(one.row.steady_p99_ms or 0)} ms" if _knows_p99(one) else ""


def _age(one: MeasuredCandidate, scenario: Scenario) -> str:
    ttl_s, older = scenario.cache.ttl_s, one.row.older_share
    if older is None:
        return "no answer told its age"
    if not any(one.values("older_share")):
        return f"no answer was older than {ttl_s:g} s"
    oldest = "" if one.row.age_max_s is None else f", the oldest {one.row.age_max_s:.1f} s"
    return f"{_share(older)} of the answers were older than {ttl_s:g} s{oldest}"


def _commands(one: MeasuredCandidate, beside: MeasuredCandidate | None) -> list[str]:
    mine = one.row.commands_per_request
    its = None if beside is None else beside.row.commands_per_request
    if not mine or not its or 1 / TOLD_COMMANDS < mine / its < TOLD_COMMANDS:
        return []
    return [f"and took {digits(mine)} Redis commands for each request against {digits(its)}"]


def _outage(one: MeasuredCandidate, beside: MeasuredCandidate | None) -> list[str]:
    if one.row.failed_during is None:
        return []
    failed = one.row.failed_during
    left = (
        f"left {failed:,} requests of the trigger's time without a good answer" if failed else "answered all under it"
    )
    its = ""
    if beside is not None and (failed, _back(one)) != (beside.row.failed_during, _back(beside)):
        its = f" ({beside.name}: {beside.row.failed_during or 0:,} without one, {_back(beside)})"
    return [f"{left} and was {_back(one)}{its}"]


def _back(one: MeasuredCandidate) -> str:
    after_s = one.row.recovers_after_s
    if after_s is None:
        return "not known to be back"
    return f"{NEVER} back" if math.isinf(after_s) else f"back {after_s:.1f} s later" if after_s else "back at once"


def _share(share: float) -> str:
    percent = 100 * share
    if not share:
        return "none"
    return "less than 0.01 %" if percent < 0.01 else f"{percent:.2g} %" if percent < 9.95 else f"{percent:.0f} %"
