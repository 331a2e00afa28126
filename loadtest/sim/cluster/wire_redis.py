"""The Redis of a simulated wire, as a cluster and its faults see it."""

from collections.abc import Sequence
from typing import Literal

from app.subscription import CHANNEL, DELETIONS, SETTINGS, STORED
from loadtest.sim.cluster.events import EntryRead, LockEvicted, Observers, RedisFlushed
from loadtest.sim.cluster.wire_commands import LOCK_ENDS, CommandEvents, cache_command
from loadtest.sim.wire.network import Network
from loadtest.sim.wire.refusals import CommandRefusal, ReplyCode
from loadtest.sim.wire.resp import NoReply, Reply
from loadtest.sim.wire.server import VirtualRedis
from loadtest.workload.faults import REFUSED_BY, CacheFull
from loadtest.workload.scenario import Scenario

FOREIGN = b"\xff\xfe\x00"
"""Bytes that are no text, so that they can be no key of the lab's."""
OF_A_POD = "#"
"""The separator in a host's name of the pod's name and the number of its instance."""


class WireRedis:
    """The server of a network. Implements `loadtest.sim.cluster.depth.FaultyRedis`."""

    def __init__(self, network: Network, scenario: Scenario, seed: int, observers: Observers) -> None:
        self.server = VirtualRedis(network, seed=seed)
        self._emit = observers.emit
        virtual = scenario.virtual
        self._as_built = virtual.redis_entries_max, virtual.redis_policy
        self._is_away = False
        if any(isinstance(fault, CacheFull) for fault in scenario.faults):
            self.server.keep_order()
        if virtual.redis_entries_max is not None:
            self.have_room()
        self._events = CommandEvents(observers.emit, self.server.ends_s, observers.hear(EntryRead))
        self.server.when_executed = self._executed
        self._evicted: list[bytes] = []
        """The keys that made room for the command that is executed, its own lock among them."""
        self.server.tell_evicted(self._evicted.append)

    def _executed(self, host: str, words: Sequence[bytes], reply: Reply | NoReply) -> None:
        self._events.executed(host.partition(OF_A_POD)[0], words[0].decode().lower(), words[1:], reply)
        self._tell_evicted()

    def _tell_evicted(self) -> None:
        for evicted in self._evicted:
            key = evicted.decode(errors="replace")
            if key.endswith(LOCK_ENDS):
                self._emit(LockEvicted(key.removesuffix(LOCK_ENDS)))
        self._evicted.clear()

    @property
    def is_away(self) -> bool:
        return self._is_away

    @is_away.setter
    def is_away(self, is_away: bool) -> None:
        if is_away and not self._is_away:
            self.server.go_away(is_emptied=False)
        elif self._is_away and not is_away:
            self.server.come_back()
        self._is_away = is_away

    @property
    def stored(self) -> int:
        return self.server.stored

    @property
    def locks_left(self) -> int:
        return sum(key.endswith(LOCK_ENDS.encode()) for key in self.server.entries())

    def now_s(self) -> float:
        return self.server.now_s()

    def flush(self) -> None:
        self.server.flush()
        self._emit(RedisFlushed())

    def pause(self) -> None:
        self.server.pause()

    def go_on(self) -> None:
        self.server.go_on()

    def refuse(self, error: str, commands: frozenset[str]) -> None:
        kind = ReplyCode(error)
        if not commands:
            self.server.refuse()
        elif commands == REFUSED_BY[error]:
            self.server.refuse([CommandRefusal(kind)])
        else:
            self.server.refuse([CommandRefusal(kind, lambda asked: cache_command(asked) in commands)])

    def reset(self, share: float) -> None:
        self.server.reset_under(share)

    def fill_up(self, entries_max: int, policy: Literal["allkeys-lru", "noeviction"]) -> None:
        built_max = self._as_built[0]
        self.server.limit(entries_max if built_max is None else min(entries_max, built_max), policy)
        self._tell_evicted()

    def have_room(self) -> None:
        self.server.limit(*self._as_built)

    def publish_foreign(self) -> None:
        for channel in (CHANNEL, DELETIONS, SETTINGS, STORED):
            self.server.publish(channel.encode(), FOREIGN)

    def set_clock(self, by_s: float) -> None:
        self.server.set_clock(by_s)
