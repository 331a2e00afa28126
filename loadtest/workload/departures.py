"""Departures of clients: the `clients-leave` faults of a scenario, by the request that each client leaves."""

import math
from collections.abc import Sequence

from loadtest.workload.faults import ClientsLeave, Fault


class Departures:
    """The clients that leave before their answers, drawn from a run's seed and the numbers of their requests."""

    def __init__(self, faults: Sequence[Fault], seed: int) -> None:
        """Find the departures among the faults; without any it is false."""
        self._faults = [fault for fault in faults if isinstance(fault, ClientsLeave)]
        self._seed = seed

    def __bool__(self) -> bool:
        return bool(self._faults)

    @property
    def soonest_s(self) -> float:
        """The shortest time that a client of a leaving share stays, in seconds; infinite where all stay."""
        return min((fault.after_ms / 1000 for fault in self._faults), default=math.inf)

    def stays_s(self, number: int, meant_s: float) -> float:
        """The seconds from a request's intended start until its client leaves; infinite where it stays.

        `number` is the request's, and `meant_s` its intended start, in seconds from the start of the load.
        """
        if not self._faults:
            return math.inf
        return min(
            (
                fault.after_ms / 1000
                for fault in self._faults
                if fault.at_s <= meant_s < fault.at_s + fault.for_s and fault.leaves(self._seed, number)
            ),
            default=math.inf,
        )
