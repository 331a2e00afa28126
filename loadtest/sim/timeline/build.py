"""A case as a timeline: it is run twice, to know its violation and its hottest items, and then to watch them."""

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.cluster.events import RequestArrived, Subscriber
from loadtest.sim.search.case import Case, Ran, run_case
from loadtest.sim.timeline.spans import Timeline
from loadtest.sim.timeline.watcher import Watcher
from loadtest.sim.timeline.why import WaitReasons

EVENTS_MAX = 6_000
"""The most events of one timeline; it ends before, or begins after, those that are too many."""
BINS = 240


class AnotherRun(Exception):
    """The watched run is another one than the unwatched, as where both take longer than a run may in real time."""


class WatchedRun(NamedTuple):
    """A run, and the timeline of a part of it."""

    ran: Ran
    timeline: Timeline


def watch(
    strategy: type[Strategy],
    case: Case,
    items: Sequence[int] = (),
    hottest: int = 3,
    since_s: float = 0.0,
    until_s: float = math.inf,
    events_max: int = EVENTS_MAX,
) -> WatchedRun:
    """Run a case and make its timeline from `since_s` to `until_s`, or to its violation, of these or the hottest items.

    Raises AnotherRun where the watched run is another one than the unwatched.

    Of too many events the last ones are left out, but where there is a violation the first ones.
    """
    asked = Counter[int]()
    counter = Subscriber({RequestArrived: lambda event: asked.update((event.item_id,))})
    unwatched = run_case(strategy, case, [counter])
    violation = unwatched.violation
    if violation is not None:
        until_s = min(until_s, violation.at_s)
    chosen = sorted(items or sorted(asked, key=lambda item: (-asked[item], item))[:hottest])
    watcher = Watcher(chosen, until_s, since_s)
    ran = run_case(strategy, case, [watcher])
    if ran != unwatched:
        raise AnotherRun(
            f"the run is another one each time, so nothing is drawn: {ran.violation or 'no violation'}; "
            f"before: {unwatched.violation or 'no violation'}"
        )
    watcher.end(violation)
    return WatchedRun(ran, _timeline(watcher, chosen, since_s, until_s, events_max, violation is not None))


def _timeline(
    watched: Watcher, items: list[int], since_s: float, until_s: float, events_max: int, keeps_end: bool
) -> Timeline:
    until_s = max(since_s, min(until_s, watched.ended_s))
    told = watched.told
    left_out = max(0, len(told) - events_max)
    if left_out and keeps_end:
        told = told[left_out:]
        since_s = told[0].at_s
    elif left_out:
        told = told[:events_max]
        until_s = told[-1].at_s

    def is_within(began_s: float, ended_s: float) -> bool:
        return began_s <= until_s and ended_s >= since_s

    reasons = WaitReasons(watched)
    shown = Timeline(since_s, until_s, watched.pods, items, events=told, left_out=left_out)
    shown.loads = [load for load in watched.loads if is_within(load.began_s, load.ended_s)]
    shown.locks = [lock for lock in watched.locks if is_within(lock.since_s, lock.until_s)]
    shown.waits = [wait for wait in watched.waits if is_within(wait.since_s, wait.until_s)]
    shown.moments = [moment for moment in watched.moments if is_within(moment.at_s, moment.at_s)]
    shown.requests = [request for request in watched.requests if is_within(request.asked_s, request.ended_s)]
    for request in shown.requests:
        request.why = reasons.why(request)
    shown.bin_s = max((until_s - since_s) / BINS, 1e-6)
    shown.hits.update((pod, int((at_s - since_s) / shown.bin_s)) for pod, at_s in watched.hits if is_within(at_s, at_s))
    return shown
