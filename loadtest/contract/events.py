"""Counts of the events that a strategy runner, its flights and its origin report."""

from collections import Counter

from app.ledger import AskedRead
from app.nets.nets import Net
from app.peers.peers import PeerOutcome
from app.strategy import Shed, Status


class Events(Counter[str]):
    """The counts by event. Implements `app.strategy_runner.RunnerEvents` and `app.origin.OriginEvents`."""

    def answered(self, status: Status, duration_s: float, age_s: float | None) -> None:
        self[f"answered {status}"] += 1

    def origin_asked(self, read: AskedRead, again: bool) -> None:
        self[f"asked {read.reason}"] += 1
        self["asked again"] += again

    def origin_shed(self, read: AskedRead, error: Shed) -> None:
        self["origin shed"] += 1

    def origin_started(self, read: AskedRead) -> None:
        self[f"started {read.reason}"] += 1

    def origin_failed(self, read: AskedRead, error: BaseException) -> None:
        self["origin failed"] += 1

    def origin_ended(self, read: AskedRead, duration_s: float) -> None:
        self["origin ended"] += 1

    def lock_asked(self, taken: bool) -> None:
        self["lock taken" if taken else "lock refused"] += 1

    def lock_waited(self, seconds: float) -> None:
        self["lock waits"] += 1

    def peer_asked(self, outcome: PeerOutcome) -> None:
        self[f"peer {outcome}"] += 1

    def asked_by_peer(self) -> None:
        self["asked by peer"] += 1

    def task_died(self, task: str) -> None:
        self[f"died {task}"] += 1

    def write_refused(self) -> None:
        self["writes refused"] += 1

    def load_unstored(self) -> None:
        self["loads unstored"] += 1

    def value_corrupt(self) -> None:
        self["values corrupt"] += 1

    def net_acted(self, net: Net) -> None:
        self[f"net {net}"] += 1

    def prefix_asked(self, prefix: str) -> None:
        self[f"asked {prefix}"] += 1
