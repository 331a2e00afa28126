"""The check that a healthy Redis is never taken for away."""

from collections.abc import Callable

from loadtest.figures.failures import Kind
from loadtest.sim.cluster import events
from loadtest.sim.cluster.tolerances import PARTING
from loadtest.sim.cluster.violation import Invariant

Report = Callable[[Invariant, str], None]


class HealthyRedis:
    """An observer that reports failures of a Redis that is well, until the first fault that may explain them."""

    def __init__(self, report: Report) -> None:
        """Set up the check; `report` receives what does not hold, as a sentence."""
        self._report = report
        self._is_well = True
        self.handlers: events.Handlers = {
            events.FaultBegan: self._fault_began,
            events.FailureCounted: self._failure_counted,
            events.RedisLeftAlone: self._redis_left_alone,
        }

    def _fault_began(self, event: events.FaultBegan) -> None:
        if isinstance(event.fault, PARTING):
            self._is_well = False

    def _failure_counted(self, event: events.FailureCounted) -> None:
        if event.kind is Kind.COMMAND:
            self._see(f"{event.what.upper()} failed")
        elif event.kind is Kind.UNSTORED:
            self._see("a load went on without it")

    def _redis_left_alone(self, event: events.RedisLeftAlone) -> None:
        self._see(f"{event.pod} leaves Redis alone")

    def _see(self, what: str) -> None:
        if self._is_well:
            self._report(Invariant.REDIS_IS_THERE, f"{what}, and nothing was done to Redis")
