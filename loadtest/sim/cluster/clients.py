"""The clients of virtual time: the scenario's arrivals, seeded as in every world."""

import heapq
from collections.abc import Iterator
from random import Random
from typing import NamedTuple, Protocol

import numpy as np

from app.latency import Latency
from loadtest.figures.records import Floats
from loadtest.workload.arrivals import arrivals, closed_keys, first_pause_s, pauses_s, rng_of
from loadtest.workload.client import number_of
from loadtest.workload.scenario import Scenario

NEVER_S = float("inf")


class Ask(NamedTuple):
    """An attempt of a request on its way to a pod."""

    arrives_s: float  # at the pod
    sent_s: float
    intended_s: float  # the start of the first attempt
    number: int  # of the request, see `loadtest.workload.client`
    key: int
    turn: int  # pods are asked in turn
    attempt: int = 1


class Clients(Protocol):
    """The requests of a run, in order of their arrival at a pod."""

    def due_s(self) -> float:
        """The arrival of the next request, seconds; `NEVER_S` when there is none."""
        ...

    def take(self) -> Ask | None:
        """Take the request that is due; None where none is, after all."""
        ...

    def answered(self, ask: Ask, ended_s: float) -> None:
        """Note that the last answer to a request has arrived, or that its client has given up."""
        ...

    def due_so_far(self) -> int:
        """The number of requests that were due up to now, sent or not."""
        ...


def clients(scenario: Scenario, seed: int, start_s: float) -> Clients:
    """The scenario's load, beginning at `start_s`."""
    return (OpenLoop if scenario.load.loop == "open" else ClosedLoop)(scenario, seed, start_s)


class OpenLoop:
    """Arrivals that come at their own times, however long the answers take."""

    def __init__(self, scenario: Scenario, seed: int, start_s: float) -> None:
        self._asks = self._walk(scenario, seed, start_s)
        self._next = next(self._asks, None)
        self._taken = 0

    def due_s(self) -> float:
        return self._next.arrives_s if self._next else NEVER_S

    def take(self) -> Ask | None:
        ask, self._next = self._next, next(self._asks, None)
        self._taken += 1
        return ask

    def due_so_far(self) -> int:
        return self._taken

    def answered(self, ask: Ask, ended_s: float) -> None:
        """Ignore the answer: an open loop does not wait for any."""

    @staticmethod
    def _walk(scenario: Scenario, seed: int, start_s: float) -> Iterator[Ask]:
        network, rng = Latency.parse(scenario.virtual.network), rng_of(seed, "network")
        turn = 0
        late: list[Ask] = []  # still on their way when the next chunk begins
        for chunk in arrivals(scenario.load, scenario.keys, scenario.duration_s, seed):
            intended_s = start_s + chunk.time_s
            arrives_s = intended_s + _draws_ms(network, rng, len(intended_s)) / 1000
            turns = range(turn, turn + len(intended_s))
            turn += len(intended_s)
            meant_s = intended_s.tolist()
            columns = (arrives_s.tolist(), meant_s, meant_s, turns, chunk.key.tolist(), turns)
            asks = list(map(Ask, *columns))
            if network.is_fixed:
                yield from asks
                continue
            late += asks
            late.sort()
            known_s = float(intended_s[-1])
            split = next((place for place, ask in enumerate(late) if ask.arrives_s > known_s), len(late))
            yield from late[:split]
            late = late[split:]
        yield from late


def _draws_ms(latency: Latency, rng: np.random.Generator, count: int) -> Floats:
    if latency.is_fixed:
        return np.full(count, latency.mean_ms)
    own = Random(int(rng.integers(2**62)))  # the distributions are written for a Random: one per chunk
    return np.array([latency.draw_ms(own) for _ in range(count)])


class ClosedLoop:
    """Users who wait for their answer, then think or look at their timetable, and ask again."""

    def __init__(self, scenario: Scenario, seed: int, start_s: float) -> None:
        load = scenario.load
        assert load.users is not None
        self._users = load.users
        self._end_s = start_s + scenario.duration_s
        self._period_s = load.users / load.rate_per_s if load.rate_per_s else None
        users = range(load.users)
        self._pauses_s = [] if self._period_s else [pauses_s(load, seed, 0, user) for user in users]
        self._keys = closed_keys(scenario.keys, seed)
        self._asked = [0] * load.users
        self._network = Latency.parse(scenario.virtual.network)
        self._network_rng = Random(f"{seed}/network")
        self._upcoming: list[tuple[float, float, float, int]] = []
        """The requests to come, each by its arrival, its sending, its intended start and its user."""
        self._taken = 0
        for user in users:
            pause_s = first_pause_s(seed, 0, user, self._period_s) if self._period_s else next(self._pauses_s[user])
            self._ask(user, start_s + pause_s, start_s + pause_s)

    def due_s(self) -> float:
        return self._upcoming[0][0] if self._upcoming else NEVER_S

    def take(self) -> Ask:
        arrives_s, sent_s, intended_s, user = heapq.heappop(self._upcoming)
        asked = self._asked[user]
        self._asked[user] += 1
        self._taken += 1
        number = number_of(user, asked, self._users)
        return Ask(arrives_s, sent_s, intended_s, number, next(self._keys), user + asked)

    def due_so_far(self) -> int:
        return self._taken

    def answered(self, ask: Ask, ended_s: float) -> None:
        user = ask.number % self._users
        if self._period_s is None:
            due_s = ended_s + next(self._pauses_s[user])
            self._ask(user, due_s, due_s)
        else:
            due_s = ask.intended_s + self._period_s
            self._ask(user, due_s, max(due_s, ended_s))

    def _ask(self, user: int, intended_s: float, sent_s: float) -> None:
        if sent_s >= self._end_s:
            return
        arrives_s = sent_s + self._network.draw_ms(self._network_rng) / 1000
        heapq.heappush(self._upcoming, (arrives_s, sent_s, intended_s, user))
