"""One fault in virtual time, with everything that clients and origin saw of it.

As in REFERENCE.md, section 5, in small: an open loop, three pods, warmed, the fault from 8 s on. Times are seconds from
the start of the load.
"""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from app.discovery import discover
from app.strategy import Status
from loadtest.figures.records import STATUSES, Answers
from loadtest.sim.cluster.events import AnswerSent, OriginAsked, Subscriber
from loadtest.sim.cluster.open_read import OpenRead
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario

STRATEGIES = discover().strategies
PODS, KEYS, RATE = 3, 10, 100.0
TTL_S, LOAD_S, NETWORK_S = 2.0, 0.1, 0.0005  # the network both ways
AT_S, FOR_S, DURATION_S = 8.0, 3.0, 20.0
SEED = 1


def fault(kind: str, for_s: float = FOR_S, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "for_s": for_s} | more


def workload(*faults: dict[str, Any], **tables: dict[str, Any]) -> Scenario:
    """Tables change fields of those below, `top` fields outside of any table."""
    told: dict[str, dict[str, Any]] = {
        "load": {"loop": "open", "rate_per_s": RATE},
        "keys": {"count": KEYS},
        "cache": {"ttl_s": TTL_S},
        "origin": {"latency": f"fixed({LOAD_S * 1000:g})", "connections": 8},
        "warm": {"keys": "burst"},
    }
    top = {"name": "drill", "title": "A drill", "duration_s": DURATION_S, "pods": PODS} | tables.pop("top", {})
    merged = {name: told.get(name, {}) | tables.get(name, {}) for name in told | tables}
    return Scenario.model_validate(top | merged | {"faults": [{"at_s": AT_S} | fault for fault in faults]})


class Drill:
    """Plays it and keeps what happened. Fails when an invariant breaks."""

    def __init__(self, strategy: str, *faults: dict[str, Any], seed: int = SEED, **tables: dict[str, Any]) -> None:
        scenario = workload(*faults, **tables)
        self.chunks: list[Answers] = []
        self.opened: list[OpenRead] = []
        self.pods: list[int] = []
        seen = Subscriber(
            {
                Answers: self.chunks.append,
                AnswerSent: lambda event: self.pods.append(int(event.pod.removeprefix("pod-")) - 1),
                OriginAsked: lambda event: self.opened.append(event.read),
            }
        )
        outcome = simulate(scenario, STRATEGIES[strategy], seed, observers=[seen])
        self.story = f"{strategy}, seed {seed}, {faults}"
        assert outcome.violation is None, f"{self.story}: {outcome.violation}"
        self.row = outcome.row
        self.start_s = min(chunk.intended_s.min() for chunk in self.chunks)
        self.asked_s, self.ended_s, self.age_s, self.code, self.status = (
            np.concatenate(column) for column in zip(*(chunk[:5] for chunk in self.chunks), strict=True)
        )
        self.pod = np.array(self.pods)
        self.latency_s = self.ended_s - self.asked_s
        self.asked_s, self.ended_s = self.asked_s - self.start_s, self.ended_s - self.start_s
        self.read_s = np.array([read.asked_s for read in self.opened]) - self.start_s
        self.read_ended_s = np.array([read.ended_s for read in self.opened]) - self.start_s
        self.read_key = np.array([read.key for read in self.opened])

    def asked(self, from_s: float, to_s: float = DURATION_S) -> NDArray[np.bool_]:
        """Which requests were meant for that time."""
        return (self.asked_s >= from_s) & (self.asked_s < to_s)

    def success(self, from_s: float = 0.0, to_s: float = DURATION_S) -> float:
        """Share of the requests of that time."""
        return float(np.mean(self.code[self.asked(from_s, to_s)] == 200))

    def share(self, status: Status, from_s: float = 0.0, to_s: float = DURATION_S) -> float:
        """Of the requests of that time, those with this status."""
        return float(np.mean(self.status[self.asked(from_s, to_s)] == STATUSES.index(status)))

    def reads(self, from_s: float = 0.0, to_s: float = DURATION_S) -> int:
        """That the origin was asked for in that time."""
        return int(np.sum((self.read_s >= from_s) & (self.read_s < to_s)))

    def peak(self, from_s: float = 0.0, to_s: float = DURATION_S) -> int:
        """Most reads asked for in any second that begins in that time."""
        begun = self.read_s[(self.read_s >= from_s) & (self.read_s < to_s)]
        return max((int(np.sum((self.read_s >= at_s) & (self.read_s < at_s + 1))) for at_s in begun), default=0)

    def at_once(self, from_s: float = 0.0, to_s: float = DURATION_S) -> int:
        """Most reads of one key that were under way together, at a moment of that time at which one began."""
        return max(
            int(np.sum((self.read_key == key) & (self.read_s <= at_s) & (self.read_ended_s > at_s)))
            for key, at_s in zip(self.read_key, self.read_s, strict=True)
            if from_s <= at_s < to_s
        )
