"""The events of a live page: numbered, few of them kept, and the whole state for who has missed some.

A viewer is a number: that of the last event that it got. No viewer has a queue, so that one that reads slowly, or
never, costs what its connection holds. It gets the whole state when it reads again.
"""

import re
from collections import deque
from collections.abc import Callable
from typing import NamedTuple

KEPT_MAX = 30
"""The events that are kept for viewers who come back; who has missed more gets the whole state."""
NONE_SEEN = -1
"""The number of a viewer who has seen nothing."""


class Event(NamedTuple):
    """A server-sent event; its data is one line."""

    number: int
    name: str
    data: str


class PageEvents:
    """The events of one bench.

    `figure` is the page's state but for the run that is on. `grown` is what that run has gained since the event before,
    and after a figure all of it. `finished` is the last event.
    """

    def __init__(self, instance: str) -> None:
        """Begin without events; `instance` tells this bench from another one that had the port before."""
        self._instance = instance
        self._number = 0
        self._figure: Event | None = None
        self._whole: Callable[[], str] | None = None
        self._kept: deque[Event] = deque(maxlen=KEPT_MAX)

    @property
    def number(self) -> int:
        """The number of the latest event."""
        return self._number

    def add_figure(self, data: str) -> None:
        """Add a figure, behind which no earlier event counts."""
        self._figure, self._whole = self._next("figure", data), None
        self._kept.clear()

    def add_grown(self, data: str, whole: Callable[[], str]) -> None:
        """Add what the run has gained; `whole` makes the event that stands for all since the figure."""
        self._kept.append(self._next("grown", data))
        self._whole = whole

    def add_finished(self, data: str) -> None:
        """Add the last event."""
        self._kept.append(self._next("finished", data))

    def after(self, seen: int) -> list[Event]:
        """The events that a viewer needs who has seen that one: those since, or the whole state."""
        if seen == self._number:
            return []
        first = self._kept[0].number if self._kept else self._number + 1
        if self._figure is None or (self._figure.number <= seen and first <= seen + 1):
            return [event for event in self._kept if event.number > seen]
        last = [event for event in self._kept if event.name == "finished"]
        before = self._number - len(last)
        whole = [] if self._whole is None else [Event(before, "grown", self._whole())]
        return [self._figure, *whole, *last]

    def id_of(self, event: Event) -> str:
        """The id of an event as its viewer sends it back."""
        return f"{self._instance}-{event.number}"

    def seen_by(self, last_id: str) -> int:
        """The number in an id that a viewer sends back; `NONE_SEEN` where it is not one of this bench."""
        instance, _, number = last_id.rpartition("-")
        is_known = instance == self._instance and re.fullmatch(r"[0-9]{1,9}", number) is not None
        return int(number) if is_known and int(number) <= self._number else NONE_SEEN

    def _next(self, name: str, data: str) -> Event:
        self._number += 1
        return Event(self._number, name, data)


def as_sent(event: Event, event_id: str) -> bytes:
    """The bytes of an event, as a stream of server-sent events has it."""
    return f"id: {event_id}\nevent: {event.name}\ndata: {event.data}\n\n".encode()
