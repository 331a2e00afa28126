"""The recovery of a run from its trigger: when its goodput came back to what it was before, and stayed.

Goodput is compared as a share of the requests that were meant for a second. The chance of Poisson arrivals, and a load
that changes, cancel out in it. Users who wait for answers ask less while the system is slow, so that such a share would
hide a standstill. There the numbers of good answers are compared.

Goodput is *back* where it is at least `BACK_SHARE` of the mean before, or only as far below that mean as chance takes
it (`_limit`). A system that fails 3 % of its requests when it is well has seconds below 95 %. So has one whose users
wait for a herd at each expiry.

Shares are taken in windows of `WINDOW_S` that begin every `STEP_S`. At a low rate the window is longer, so that one
failed request of ten is no outage. A recovery is exact to about a twentieth of the window.
"""

import math
from dataclasses import dataclass

import numpy as np

from loadtest.figures.records import Floats, Integers
from loadtest.workload.trigger import Trigger

STEP_S = 0.1
"""Seconds of a step in which requests are counted."""
BACK_SHARE = 0.95
"""The share of the goodput before from which on it counts as back."""
WINDOW_S = 1.0
WINDOW_S_MAX = 10.0
WINDOW_REQUESTS_MIN = 100
"""The fewest requests that a window should hold at the mean rate, within its bound."""
CHANCE_Z = 4.0
"""Standard deviations that chance explains: hundreds of windows are looked at, of which none may be short by chance."""
LIMIT_SHARE_MIN = 0.5
"""The least share of the goodput before that counts as back, however much it scattered."""
BEFORE_S_MIN, BEFORE_S_MAX = 2.0, 30.0
"""Seconds before the trigger that are compared with: the later half of them, because the first may be a cold start."""
STAYS_S = 5.0
"""Seconds at the run's end through which goodput has to be back; with fewer after its trigger a run tells nothing."""
CUT_S = 1.0
"""Seconds at the end of a closed loop that are left out: its users stop one by one."""


@dataclass(frozen=True, slots=True)
class Recovery:
    """The goodput after a trigger, compared with that before."""

    recovers_after_s: float | None
    """Seconds from the trigger's end until it is back and stays; infinite for never, None where that is not known."""
    worst_second: float | None
    """The least goodput in any second from the trigger's beginning on, as a share of that before; None without one."""


UNKNOWN = Recovery(None, None)


def recovery(asked: Integers, good: Integers, trigger: Trigger, is_paced: bool) -> Recovery:
    """The recovery of a run from the numbers of its requests, and of those with a good answer, in steps of `STEP_S`.

    Both count by intended start, from the beginning of the load. `is_paced` says that a schedule sets it, not answers.
    """
    steps = len(asked) if is_paced else len(asked) - round(CUT_S / STEP_S)
    begin, end = round(trigger.begin_s / STEP_S), math.ceil(round(trigger.end_s / STEP_S, 6))
    first = max(begin // 2, begin - round(BEFORE_S_MAX / STEP_S))
    if begin - first < round(BEFORE_S_MIN / STEP_S) or not good[first:begin].any():
        return UNKNOWN
    width = _width(float(asked[first:begin].mean()))
    before = float(good[first:begin].sum() / asked[first:begin].sum()) if is_paced else float(good[first:begin].mean())
    goodput = _Goodput(asked[:steps], good[:steps], is_paced)
    worst = goodput.in_windows(begin, round(WINDOW_S / STEP_S))
    worst = worst[~np.isnan(worst)]
    return Recovery(
        _back_s(goodput, before, first, begin, end, width),
        round(float(worst.min()) / before, 4) if len(worst) else None,
    )


def _width(requests_in_step: float) -> int:
    """The steps of a window that holds `WINDOW_REQUESTS_MIN` requests, within its bounds."""
    least, most = round(WINDOW_S / STEP_S), round(WINDOW_S_MAX / STEP_S)
    return min(most, max(least, math.ceil(WINDOW_REQUESTS_MIN / requests_in_step)))


def _back_s(goodput: "_Goodput", before: float, first: int, begin: int, end: int, width: int) -> float | None:
    stays, left = round(STAYS_S / STEP_S), goodput.steps - end
    if left < max(stays, width):
        return None
    limit = _limit(goodput, before, goodput.in_windows(first, width, begin), width)
    short = np.flatnonzero(goodput.in_windows(end, width) < limit - 1e-12)  # NaN is not: nobody asked
    back = int(short[-1]) + 1 if len(short) else 0
    if left - back < width:  # the last window is short of it
        return math.inf
    return round(back * STEP_S, 1) if left - back >= stays else None


def _limit(goodput: "_Goodput", before: float, normal: Floats, width: int) -> float:
    """The least goodput that counts as back: a share of the mean before, or what chance makes of that mean.

    Chance is the scatter of the windows before, and that of so many requests (as a binomial share, or as a Poisson
    count). Few failures are skewed, and their square roots are not (Anscombe 1948): on that scale `CHANCE_Z` deviations
    are further by a quarter of its square.
    """
    scatter = float(np.nanstd(normal)) if (~np.isnan(normal)).any() else 0.0
    if goodput.is_paced:
        requests = width * goodput.asked_in_step
        chance = CHANCE_Z * math.sqrt(before * (1 - before) / requests) + CHANCE_Z**2 / 4 / requests
    else:
        chance = CHANCE_Z * math.sqrt(before / width)
    return max(LIMIT_SHARE_MIN * before, min(BACK_SHARE * before, before - max(CHANCE_Z * scatter, chance)))


class _Goodput:
    """Goodput in windows: as a share of the requests, or in good answers a step."""

    def __init__(self, asked: Integers, good: Integers, is_paced: bool) -> None:
        self.steps, self.is_paced, self.asked_in_step = len(asked), is_paced, float(asked.mean())
        self._asked, self._good = (np.concatenate(([0], np.cumsum(counts))) for counts in (asked, good))

    def in_windows(self, first: int, width: int, end: int | None = None) -> Floats:
        """The goodput of all windows of so many steps from `first` on that end by `end`; NaN where none was asked."""
        end = self.steps if end is None else end
        good, asked = (
            counts[first + width : end + 1] - counts[first : max(first, end + 1 - width)]
            for counts in (self._good, self._asked)
        )
        if not self.is_paced:
            return np.asarray(good / width)
        return np.asarray(np.divide(good, asked, out=np.full(len(good), np.nan), where=asked > 0))
