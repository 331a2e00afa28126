"""Who sends which part of a load: the master deals, again whenever workers come or go, and says so every second.

A worker that has no part sends nothing, whatever the reason: what is unknown is never "alone". One that does not hear
from its master for a while pauses, because somebody else may have its part by then.
"""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from loadtest.generator.meter import now_s

START_LEAD_S = 0.5
"""What processes are given to hear of a test and get ready, so that all begin at the same moment."""
DEAL_EVERY_S = 1.0
"""Between two announcements of the master."""
DEAL_LEAD_S = 1.5
"""What workers are given to hear of a new deal, before it counts."""
SILENCE_S_MAX = 5.0
"""Without a word of the master's a worker that sends pauses."""


class Share(NamedTuple):
    """Of a load that `of` processes send together, the part of process `number`."""

    number: int
    of: int
    start_s: float
    """Of the whole load, since the epoch."""
    duration_s: float | None
    """None: it has no end."""
    from_s: float = 0.0
    """Since when it is dealt like this, seconds from the start of the load."""

    def nothing(self) -> "Share":
        """No part of the same load, since the same moment."""
        return self._replace(number=0, of=0)

    def part(self, whole: int) -> int:
        """Its part of a bound, at least 1."""
        return max(1, (whole + self.of - 1 - self.number) // self.of)


class Dealer:
    """The master's part of one test."""

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
        """For `own_share`; plain values, because it travels. `ever` is how many workers have had a part."""

    def look(self, workers: Iterable[str], users: int) -> bool:
        """Deal again if others are at work than before; whether that is so."""
        at_work = sorted(workers)
        if at_work == self.deal["workers"] and users == self.deal["users"]:
            return False
        self._ever.update(at_work)
        from_s = max(0.0, self._clock_s() + DEAL_LEAD_S - self.deal["start_s"])
        self.deal |= {"workers": at_work, "from_s": from_s, "users": users, "ever": len(self._ever)}
        return True


def own_share(worker: str, deal: Mapping[str, Any]) -> Share | None:
    """That worker's part of the load; None where it has none."""
    workers = deal["workers"]
    if worker not in workers:
        return None
    return Share(workers.index(worker), len(workers), deal["start_s"], deal["duration_s"], deal["from_s"])


def all_of_it(duration_s: float | None) -> Share:
    """For a process that sends alone."""
    return Share(0, 1, now_s() + START_LEAD_S, duration_s)
