"""Faults by hand: each by a name that is easy to remember, with its options and what to look at (`lab break`)."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from pydantic import TypeAdapter, ValidationError

from app.input_faults import input_faults
from loadtest.workload.faults import Fault
from loadtest.workload.near_names import no_such

FOR_S = 10.0
POD_S = 30.0
"""The default of what is done to pods: one that is back within 15 s is not missed."""
FOR_S_MAX = 600.0
"""The longest fault by hand, seconds: it ends by itself while somebody still looks."""
Option = Literal["ms", "share", "times", "pod", "policy"]
_FAULTS: TypeAdapter[Fault] = TypeAdapter(Fault)


class BadBreak(ValueError):
    """A fault that was asked for by hand cannot be; the text names what is wrong, and what there is."""


@dataclass(frozen=True, slots=True)
class Break:
    """A kind of fault by hand: its name, what it does, what to look at, and the options that it takes."""

    name: str
    kind: str
    does: str
    look_at: str
    options: Mapping[Option, Any] = field(default_factory=dict)
    """The options that it takes, with their defaults."""
    fixed: Mapping[str, Any] = field(default_factory=dict)
    """The fields of the fault that its name states."""
    for_s: float = FOR_S
    """How long it lasts by default, seconds; 0 for a moment."""

    @property
    def lasts(self) -> bool:
        """Whether it lasts until it is undone."""
        return self.for_s > 0

    def fault(self, for_s: float, given: Mapping[Option, Any]) -> Fault:
        """The fault, as a scenario would state it. Raises `BadBreak` for an option that it takes not, or beyond bounds.

        `pod` counts from 1, as the pods' names do, and the fault's from 0.
        """
        if not self.lasts and for_s:
            raise BadBreak(f"--for: {self.name} is a moment")
        for option in given:
            if option not in self.options:
                takes = [f"--{one}" for one in self.options] + (["--for"] if self.lasts else [])
                raise BadBreak(f"--{option}: {self.name} takes {' and '.join(takes) or 'no option'}")
        values = {**self.options, **given}
        if "pod" in values:
            values["pod"] -= 1
        lasting = {"for_s": for_s} if self.lasts else {}
        try:
            return _FAULTS.validate_python({"kind": self.kind, "at_s": 0.0, **lasting, **self.fixed, **values})
        except ValidationError as error:
            fault = input_faults(error)[0]
            raise BadBreak(f"--{fault.place[-1]}: {fault.reason}") from None


_AWAY = "the alert CacheAway, alone; origin reads rise, and no answer should fail"
_ORIGIN = "the alert OriginFails, alone; who had an entry still answers, and what is told of it is in Outage"
_POD = "the others carry its traffic; the alert PodLost after some 15 s"
_ONE: Mapping[Option, Any] = {"pod": 1}

BREAKS: Mapping[str, Break] = {
    one.name: one
    for one in (
        Break("redis-killed", "cache-away", "Redis is killed, and comes back empty", _AWAY),
        Break("redis-paused", "cache-paused", "Redis stands still, and then executes what has piled up", _AWAY),
        Break("redis-silent", "cache-silent", "no reply of Redis arrives, and no error", _AWAY),
        Break("redis-slow", "cache-slow", "every reply of Redis is --ms late", _AWAY, {"ms": 500.0}),
        Break(
            "redis-reset",
            "cache-resets",
            "a --share of the commands loses its connection",
            "failed Redis commands, which are tried again; no answer should fail",
            {"share": 0.5},
        ),
        Break(
            "redis-full",
            "cache-full",
            "Redis has no memory left, and goes by its --policy",
            "noeviction: the alert Errors, cause cache: what was read cannot be stored; allkeys-lru: more misses",
            {"policy": "noeviction", "share": 0.0},
        ),
        Break(
            "redis-flushed",
            "cache-flushed",
            "Redis loses every entry and every lock",
            "one needle of origin reads for each strategy: how high is what its name promises",
            for_s=0.0,
        ),
        Break(
            "redis-readonly",
            "cache-refuses",
            "Redis is demoted: it answers reads, and refuses writes",
            "the alert CacheAway, alone: a replica is none that the lab can use, and pods do without it",
            fixed={"error": "READONLY"},
        ),
        Break("origin-fails", "origin-fails", "a --share of the origin's reads fails", _ORIGIN, {"share": 1.0}),
        Break(
            "origin-slow",
            "origin-slow",
            "every read of the origin takes --times as long",
            "needles grow with the time of a read: 1 + λL",
            {"times": 5.0},
        ),
        Break("origin-hangs", "origin-hangs", "reads of the origin end only when the fault does", _ORIGIN),
        Break("pod-killed", "pod-killed", "pod number --pod is killed, and begins anew", _POD, _ONE, for_s=POD_S),
        Break("pod-paused", "pod-paused", "pod number --pod stands still, its locks held", _POD, _ONE, for_s=POD_S),
        Break(
            "pod-terminated",
            "pod-terminated",
            "pod number --pod is asked to end, and begins anew",
            "no answer fails; the others carry its traffic",
            _ONE,
        ),
    )
}
"""The faults by hand, by name."""


def named(name: str) -> Break:
    """The fault by hand of that name. Raises `BadBreak`, which names those that there are."""
    if name not in BREAKS:
        raise BadBreak(no_such("fault", name, BREAKS, "`lab break` names all"))
    return BREAKS[name]
