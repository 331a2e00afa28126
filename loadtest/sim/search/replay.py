"""The replay of a run, event by event."""

from collections import deque
from collections.abc import Callable
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.sim.search.case import Case, Ran, run_case
from loadtest.sim.search.event_log import EventLog


class Retold(NamedTuple):
    """A replayed run, and the number of events that were not shown."""

    ran: Ran
    left_out: int  # events before the ones that were told


def retell(
    strategy: type[Strategy],
    case: Case,
    take: Callable[[str], None],
    last: int | None,
    until_s: float = float("inf"),
) -> Retold:
    """Run a case again, and hand its events up to `until_s` to `take` as lines, or the `last` before the violation.

    The case is run twice: at first to learn where the violation is.
    """
    violation, _ = run_case(strategy, case)
    if last is None:
        log = EventLog(take, violation, until_s)
        ran = run_case(strategy, case, [log])
        log.end()
        return Retold(ran, 0)
    kept = deque[str](maxlen=last)
    told = 0

    def keep(line: str) -> None:
        nonlocal told
        told += 1
        kept.append(line)

    log = EventLog(keep, violation, until_s if violation is None else min(until_s, violation.at_s))
    ran = run_case(strategy, case, [log])
    log.end()
    for line in kept:
        take(line)
    return Retold(ran, told - len(kept))
