"""The strategies to choose: the least price first, and of equals the next price, until one is left.

A difference counts where it is more than a fifth, and more than chance makes of counts of that size. From three repeats
on it must be more than their scatter, too. So a strategy neither wins nor loses by a little.
"""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import median

from loadtest.figures.run_summary import RunSummary
from loadtest.report.answer.candidate import MeasuredCandidate
from loadtest.stats.intervals import REPEATS_MIN
from loadtest.stats.sentences import known
from loadtest.stats.verdicts import ComparisonOutcome, SamplePair, judge

MATTERS = 1.2
"""The ratio from which on a difference matters to who chooses."""
CHANCE = 2.0
"""The standard deviations that chance alone may make two counts differ by."""


@dataclass(frozen=True, slots=True)
class Price:
    """A figure that is to be low."""

    field: str
    count: Callable[[RunSummary], float] | None = None
    """The number of events behind the figure, by which chance is judged; None for a figure that is no count."""


def _waits(row: RunSummary) -> float:
    return (row.waited_share or 0.0) * (row.requests - (row.cold_requests or 0))


PEAK = Price("steady_peak_1s", lambda row: row.steady_peak_1s or 0)
READS = Price("origin_reads", lambda row: row.origin_reads)
WAITS = Price("waited_share", _waits)
SLOWEST = Price("steady_p99_ms")
COMMANDS = Price("commands_per_request")
FAILED = Price("failed_during", lambda row: row.failed_during or 0)
BACK = Price("recovers_after_s")
OLDER = Price("older_share", lambda row: (row.older_share or 0.0) * row.requests)

TO_SPARE_THE_ORIGIN = (PEAK, WAITS, SLOWEST, READS, COMMANDS, OLDER)
AGAINST_WAITS = (WAITS, SLOWEST, PEAK, READS, COMMANDS, OLDER)
AFTER_A_TRIGGER = (FAILED, BACK)
"""The prices that come before all others where a trigger hit the system."""


def cheapest(candidates: Sequence[MeasuredCandidate], prices: Sequence[Price]) -> list[MeasuredCandidate]:
    """Those that no other is clearly cheaper than, by the first price that tells them apart; in their order."""
    left = list(candidates)
    for price in prices:
        values = [one.values(price.field) for one in left]
        if len(left) < 2 or not all(values) or any(price.field in one.row.assumed for one in left):
            continue
        least = min(left, key=lambda one: median(one.values(price.field)))
        left = [one for one in left if not is_clearly_more(one, least, price)]
    return left


def is_clearly_more(one: MeasuredCandidate, other: MeasuredCandidate, price: Price) -> bool:
    """Whether the price of one is more than that of the other, and not by chance."""
    mine, its = one.values(price.field), other.values(price.field)
    high, low = median(mine), median(its)
    if not high > MATTERS * low:
        return False
    if price.count is not None:
        counts = [median([price.count(row) for row in of.repeats]) for of in (one, other)]
        if counts[0] - counts[1] <= CHANCE * math.sqrt(sum(counts)):
            return False
    if min(len(mine), len(its)) < REPEATS_MIN or math.isinf(high):
        return True
    (verdict,) = judge([SamplePair(tuple(its), tuple(mine), known(price.field).resolution)])
    return verdict.outcome is ComparisonOutcome.HIGHER
