"""The check of every answer's content in virtual time, by the clients' own rules and by what the invariants know."""

from typing import NamedTuple

from app.strategy_runner import Answer
from loadtest.sim.cluster.clients import Ask
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import AnswerWrong
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.tolerances import has_wrong_clocks, new_check
from loadtest.workload.answer_check import NO_AGE, OLDER, Seen


class Known(NamedTuple):
    """The read time of the newest item of a key that clients have seen."""

    floor_s: float  # by what it says, of all of them
    seen_s: float  # really, of those that the cache has had
    name: str  # of the key in the cache


class ContentCheck:
    """A check that looks at a body once: what is known to be the newest is looked at again only when it is too old."""

    def __init__(self, cluster: Cluster) -> None:
        scenario = cluster.scenario
        self._loop, self._invariants, self._emit = cluster.loop, cluster.invariants, cluster.observers.emit
        self._check, self._newest = new_check(scenario, cluster.strategy, cluster.seed), dict[int, bytes]()
        self._floors, self._prefix = self._check.floors(cluster.strategy.name), f"lab:{cluster.strategy.name}:"
        self._newest_s = self._floors.newest_s
        self._oldest_s = scenario.stated(cluster.strategy).oldest_s()
        self._has_wrong_clocks = has_wrong_clocks(scenario)

    def known(self, key: int) -> Known:
        """The facts that are known of a key now."""
        name = f"{self._prefix}{key}"
        return Known(self._floors.floor_s(key, self._loop.now_s), self._invariants.seen_s(name), name)

    def is_newest(self, key: int, body: bytes) -> bool:
        """Whether the body is the newest one of the key, in which no fault was found."""
        return self._newest.get(key) is body

    def needs_look(self, key: int, answer: Answer) -> bool:
        """Whether the content of a 200 has to be looked at."""
        age_s = answer.age_s
        return not (self._newest.get(key) is answer.body and age_s is not None and 0 <= age_s <= self._oldest_s)

    def look_at(self, pod: SimulatedPod, ask: Ask, answer: Answer, ended_s: float, known: Known) -> bool:
        """Check the content of a 200, and tell whether no fault was found; `known` was known when it was asked for."""
        check, key, body, now_s = self._check, ask.key, answer.body, self._loop.now_s
        newest_s = self._newest_s.get(key, 0.0)
        seen = Seen(answer.status, self._age_s(answer), ask.arrives_s, ended_s)
        if fault := check.fault(pod.strategy, key, body, seen, known.floor_s):
            # an age is unknown where a clock was set between the read and the answer; of what is older the invariants
            # know more, because what was loaded without the cache only its reader has seen
            is_broken = fault != OLDER and not (fault == NO_AGE and seen.age_s is None)
            self._emit(AnswerWrong(pod.name, key, fault, is_broken))
        elif self._newest_s.get(key, 0.0) > newest_s or key not in self._newest:  # the first, read at 0 s
            self._newest[key] = body
        dated_s = now_s - (answer.age_s or 0.0)
        self._invariants.answers(pod.name, known.name, body, dated_s, known.seen_s)
        return not fault

    def look_at_absent(self, pod: SimulatedPod, key: int, body: bytes) -> None:
        """Check the content of a 404."""
        if fault := self._check.absent_fault(key, body):
            self._emit(AnswerWrong(pod.name, key, fault, is_broken=True))

    def _age_s(self, answer: Answer) -> float | None:
        """The age that an answer is held to: its stated one, unless clocks are wrong."""
        if not self._has_wrong_clocks:
            return answer.age_s
        now_s, invariants = self._loop.now_s, self._invariants
        # what is known is when its load was asked for: it may have been let in that much later
        return max(0.0, now_s - invariants.really_read_s(answer.body, now_s) - invariants.longest_load_s)
