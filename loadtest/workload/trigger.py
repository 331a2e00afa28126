"""The trigger of a scenario: the span of time in which something hits the system, after which it should come back."""

import math
from collections.abc import Sequence
from typing import NamedTuple

from loadtest.workload.faults import Fault
from loadtest.workload.traffic import Load, Spike, Step


class Trigger(NamedTuple):
    """A span of the load, in seconds from its start; one of a single moment ends where it begins."""

    begin_s: float
    end_s: float

    def within(self, duration_s: float) -> "Trigger | None":
        """The part of it inside a load of that length; None where the load is over before it begins."""
        return None if self.begin_s >= duration_s else Trigger(self.begin_s, min(self.end_s, duration_s))


def trigger_of(faults: Sequence[Fault], load: Load) -> Trigger | None:
    """The span of all faults, else that of the load's step or spike, or from its first marked phase to the last.

    A step has no end, because its load stays: what is asked is whether the system gets used to it.
    """
    if faults:
        return Trigger(
            min(fault.at_s for fault in faults), max(fault.at_s + getattr(fault, "for_s", 0.0) for fault in faults)
        )
    match load.shape:
        case Step() as step:
            return Trigger(step.at_s, step.at_s)
        case Spike() as spike:
            return Trigger(spike.at_s, spike.at_s + spike.for_s)
    marked = [span for span in load.spans(math.inf) if span.is_trigger]
    return Trigger(marked[0].begin_s, marked[-1].end_s) if marked else None
