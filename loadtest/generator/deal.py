"""The shares of a distributed load: the master assigns them when workers come or go, and repeats them every second.

A worker without a share sends nothing. A worker that has not heard from its master for a while pauses, because another
may have its share by then.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from loadtest.generator.meter import now_s

START_LEAD_S = 0.5
"""Seconds between the assignment and the load's begin, so that all processes begin at the same moment."""
ALONE_LEAD_S = 0.05
"""Seconds between the start of a process that sends alone and its load's begin, in which it draws the first keys."""
DEAL_EVERY_S = 1.0
"""Seconds between two messages of the master."""
DEAL_LEAD_S = 1.5
"""Seconds between a new assignment and the moment from which it counts."""
SILENCE_S_MAX = 5.0
"""Seconds without a message of the master after which a worker pauses."""


class Share(NamedTuple):
    """The share of one process: part `number` of `of` parts of a load."""

    number: int
    of: int
    start_s: float
    """The begin of the whole load, seconds since the epoch."""
    duration_s: float | None
    """The length of the load, seconds; None for one without an end."""
    from_s: float = 0.0
    """The moment from which this share counts, seconds from the start of the load."""

    def nothing(self) -> "Share":
        """An empty share of the same load, since the same moment."""
        return self._replace(number=0, of=0)

    def place(self, own: int) -> int:
        """The place in the whole load of what this share counts as its `own`, from 0 on; no other share has it."""
        return own * max(1, self.of) + self.number

    def part(self, whole: int) -> int:
        """The part of a bound that this share has, at least 1."""
        return max(1, (whole + self.of - 1 - self.number) // self.of)


class Dealer:
    """The master's assignment of shares in one test."""

    def __init__(
        self, workers: Iterable[str], duration_s: float | None, users: int, clock_s: Callable[[], float] = now_s
    ) -> None:
        self._clock_s = clock_s
        self._ever = set(workers)
        self.deal: dict[str, Any] = {
            "workers": sorted(self._ever),
            "start_s": clock_s() + START_LEAD_S,
            "duration_s": duration_s,
            "from_s": 0.0,
            "users": users,
            "ever": len(self._ever),
        }
        """The assignment that `own_share` reads, as plain values. `ever` counts the workers that have had a share."""

    def look(self, workers: Iterable[str], users: int) -> bool:
        """Assign the shares again if other workers are ready than before; whether they are."""
        at_work = sorted(workers)
        if at_work == self.deal["workers"] and users == self.deal["users"]:
            return False
        self._ever.update(at_work)
        from_s = max(0.0, self._clock_s() + DEAL_LEAD_S - self.deal["start_s"])
        self.deal |= {"workers": at_work, "from_s": from_s, "users": users, "ever": len(self._ever)}
        return True


def own_share(worker: str, deal: Mapping[str, Any]) -> Share | None:
    """The share of that worker; None without one."""
    workers = deal["workers"]
    if worker not in workers:
        return None
    return Share(workers.index(worker), len(workers), deal["start_s"], deal["duration_s"], deal["from_s"])


def all_of_it(duration_s: float | None) -> Share:
    """The whole load, for a process that sends alone."""
    return Share(0, 1, now_s() + ALONE_LEAD_S, duration_s)
