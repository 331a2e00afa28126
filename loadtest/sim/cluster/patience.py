"""The patience of virtual time's clients: they abandon an attempt at its deadline, and try again after a delay.

Nothing here reaches a pod. An attempt that is abandoned goes on there, and its answer is dropped when it comes.
"""

import asyncio
from collections.abc import Callable
from random import Random

from app.latency import Latency
from loadtest.sim.cluster.clients import NEVER_S, Ask, Clients
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import RetryGranted
from loadtest.workload.client import Outcome, RetryPolicy
from loadtest.workload.departures import Departures
from loadtest.workload.scenario import Scenario

WAITING_MAX = 1_000_000
"""The most requests that wait for their next attempt at once; one beyond ends without it, which spoils the run."""


class Patience:
    """The deadlines and the retries of a run's clients, by the same policy as in every world."""

    def __init__(self, cluster: Cluster, clients: Clients, start_s: float) -> None:
        """Set up the patience for a load that begins at `start_s`."""
        scenario = cluster.scenario
        self._loop, self._seed, self._start_s = cluster.loop, cluster.seed, start_s
        self._emit = cluster.observers.emit
        self._clients = clients
        self._timeout_s = NEVER_S if scenario.client.timeout_s is None else scenario.client.timeout_s
        self._departures = Departures(scenario.faults, cluster.seed)
        self._policy = RetryPolicy(scenario.client, cluster.seed)
        self._counted = 0
        self._network, self._rng = Latency.parse(scenario.virtual.network), Random(f"{cluster.seed}/network again")
        self._timers: dict[Ask, asyncio.TimerHandle] = {}
        self.abandoned = set[Ask]()
        """The attempts that a pod still works on, though their clients have given up."""
        self.waiting = 0
        """The requests that wait for the time of their next attempt."""
        self.not_sent = 0
        """The retries that a bound stopped."""
        self.too_late = 0
        """The answers that came after their clients had given up."""

    @classmethod
    def of(cls, cluster: Cluster, clients: Clients, start_s: float) -> "Patience | None":
        """The patience of a run's clients; None where they wait for every answer, and ask once."""
        scenario = cluster.scenario
        departures = Departures(scenario.faults, cluster.seed)
        return None if scenario.client.is_patient and not departures else cls(cluster, clients, start_s)

    @property
    def is_over(self) -> bool:
        """Whether no request waits for another attempt, and no pod works on an abandoned one."""
        return not self.waiting and not self.abandoned

    def watch(self, ask: Ask, abandon: "Abandon") -> None:
        """Let an attempt that waits be abandoned at its deadline."""
        deadline_s = self._deadline_s(ask)
        if deadline_s < NEVER_S and ask not in self._timers:
            at_s = max(self._loop.now_s, deadline_s)
            self._timers[ask] = self._loop.call_at(at_s, self._abandon, ask, deadline_s, abandon)

    def hears_until_s(self, ask: Ask) -> float:
        """The moment until which the client hears an answer that is on its way now."""
        if ask in self.abandoned:
            self.abandoned.remove(ask)
            return -NEVER_S
        if (timer := self._timers.pop(ask, None)) is not None:
            timer.cancel()
        return self._deadline_s(ask)

    def next_after(self, ask: Ask, outcome: Outcome, ended_s: float, not_sent: int) -> Ask | None:
        """The attempt that follows on one that ended so; None where the request ends with it.

        `not_sent` of the requests that were due so far were never sent, and earn nothing for the budget.
        """
        if not outcome.is_retried:
            return None
        sent_so_far = self._clients.due_so_far() - not_sent
        self._policy.begin(sent_so_far - self._counted)
        self._counted = sent_so_far
        leaves_s = self._leaves_s(ask)
        if ended_s >= leaves_s:
            return None
        delay_s = self._policy.delay_s(ask.number, ask.attempt, outcome)
        if delay_s is None or (sent_s := ended_s + delay_s) >= leaves_s:
            return None
        if self.waiting >= WAITING_MAX:
            self.not_sent += 1
            return None
        self._emit(RetryGranted(ask.attempt + 1, sent_so_far))
        arrives_s = sent_s + self._network.draw_ms(self._rng) / 1000
        return ask._replace(arrives_s=arrives_s, sent_s=sent_s, turn=ask.turn + 1, attempt=ask.attempt + 1)

    def _abandon(self, ask: Ask, deadline_s: float, abandon: "Abandon") -> None:
        del self._timers[ask]
        self.abandoned.add(ask)
        abandon(self, ask, deadline_s)

    def _deadline_s(self, ask: Ask) -> float:
        return min(ask.sent_s + self._timeout_s, self._leaves_s(ask))

    def _leaves_s(self, ask: Ask) -> float:
        """The moment at which the client leaves because of a fault, whether or not it would try again."""
        return ask.intended_s + self._departures.stays_s(ask.number, ask.intended_s - self._start_s)


Abandon = Callable[[Patience, Ask, float], None]
"""A function that is called with an attempt that its client has abandoned, and with its deadline in seconds."""


def soonest_s(scenario: Scenario) -> float:
    """The shortest time after which a client may abandon an attempt, in seconds; `NEVER_S` where none does."""
    timeout_s = NEVER_S if scenario.client.timeout_s is None else scenario.client.timeout_s
    return min(timeout_s, Departures(scenario.faults, 0).soonest_s)
