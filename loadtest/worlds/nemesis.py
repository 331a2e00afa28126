"""The seam by which a running system is broken and mended: by a plan at stated seconds, or by hand.

A `Nemesis` knows one kind of system: child processes here, or the containers of the stack. What begins when, overlaps,
and is recorded is the same for all, see `loadtest.worlds.planned_faults`. The word is Jepsen's.
"""

from typing import Protocol

from loadtest.workload.faults import Fault


class CannotBreak(RuntimeError):
    """A fault could not be begun or ended; the text says why."""


class Nemesis(Protocol):
    """A breaker of the parts of one running system, which mends them too.

    Faults of one place (`place_of`) are begun and ended one after the other, those of several places at once.
    """

    async def begin(self, fault: Fault) -> None:
        """Begin a fault, and return once it is on; one of the same place that is on already is replaced by it.

        Raises `CannotBreak`. What an implementation can, it bounds by `for_s`, so that a fault ends though its
        caller has gone.
        """

    async def end(self, fault: Fault) -> None:
        """End the fault that is on in its place, and return once the part is well again. Raises `CannotBreak`."""


def place_of(fault: Fault) -> tuple[str, int | None]:
    """The place of a fault: its kind and its pod. Faults of one place may overlap, and end with the last of them."""
    return fault.kind, getattr(fault, "pod", None)
