"""An open loop whose pure hits are answered by array, and whose other requests are asked one by one.

Most requests find a fresh entry. Of each entry the strategy is asked once how long it answers with it whatever else
happens (`loadtest.sim.cluster.purity`). Until then, or until another entry lands, arrivals of that key need no
simulation. An answer takes the network's time, and its age is its arrival less the moment at which the entry was read.

So arrivals are held in blocks. A heap has, of each key, the next arrival that is not known to be such a hit. Its top is
the next request that the traffic has to serve; what is due before, the loop never sees. Hits are recorded together,
each at its place between the others: at the end of a block, or before something changes for all keys.

Nothing is taken for granted. A key becomes pure with an answer that passed the client's check. Another entry ends that,
and so do a fault, an answer that was looked at, and a crowd at the bound of requests in flight. Then the next arrival
is simulated, and the strategy asked anew.
"""

import heapq
from array import array
from bisect import bisect_left
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import numpy as np

from app.latency import Latency
from app.strategy import Status
from loadtest.figures.records import STATUS_NUMBERS, Integers
from loadtest.sim.cluster.arrival_blocks import BEHIND, ArrivalBlock, blocks
from loadtest.sim.cluster.clients import NEVER_S, Ask
from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import (
    AnswerSent,
    CommandsChanged,
    EntryDeleted,
    EntryRead,
    EntryStored,
    Handlers,
    RedisFlushed,
    RequestAnswered,
    RequestArrived,
    RequestFailed,
    Subscriber,
)
from loadtest.sim.cluster.patience import soonest_s
from loadtest.sim.cluster.pod_cpu import needs_cpu
from loadtest.sim.cluster.purity import NEVER_S as NOT_PURE_S
from loadtest.sim.cluster.purity import Purity
from loadtest.sim.cluster.read_times import ReadTimes
from loadtest.sim.cluster.recorder import Columns, Recorder
from loadtest.sim.cluster.redis_server import SimulatedRedis

VAIN_MAX = 64
"""Askings without one pure answer, beyond which the strategy is not asked again and no arrival is passed over."""
ROUNDING_S = 1e-6
_HIT = STATUS_NUMBERS[Status.HIT]
_NOTHING = Columns(*(np.empty(0),) * 3, *(np.empty(0, dtype=np.int64),) * 4, np.empty(0, dtype=np.int8))


class PureHits:
    """The requests of an open loop but for its pure hits; those it records itself. Implements `Clients`."""

    def __init__(
        self, cluster: Cluster, redis: SimulatedRedis, recorder: Recorder, purity: Purity, start_s: float
    ) -> None:
        scenario = cluster.scenario
        self._cluster, self._recorder, self._purity, self._loop = cluster, recorder, purity, cluster.loop
        self._way_s = Latency.parse(scenario.virtual.network).mean_ms / 1000
        self._oldest_s = scenario.stated(cluster.strategy).oldest_s()
        self._peek = redis.peek
        self._prefix = f"lab:{cluster.strategy.name}:"
        self._until_s = array("d", [NOT_PURE_S]) * scenario.keys.ids
        """The moment up to which the answers of each key are pure hits."""
        self._all_until_s = np.frombuffer(self._until_s)
        self._read_times = ReadTimes(scenario.keys.ids)
        self._asked_again = array("q", [-1]) * scenario.keys.ids
        """The first arrival of the latest block in which each key had another arrival when it was asked for."""
        self._behind_blocks = 0
        """The number of arrivals up to the end of the latest block."""
        self._blocks = blocks(scenario, cluster.seed, start_s)
        self._block = next(self._blocks, None)
        self._waiting: list[int] = []
        """The places of the next arrivals that may not be pure, at least one of each key that has any: a heap."""
        self._settled = 0
        """The place up to which answers are recorded."""
        self._last = -1
        """The place of the last request that was asked."""
        self._due: int | None = None
        """The place of the request that is due next, as of when that was asked last: right before it is taken."""
        self._asking: int | None = None
        """The place of the request that is being asked at the moment."""
        self._asked: list[int] = []
        self._answered_s: list[float] = []
        self._answered_at: list[int] = []
        """The moments and places at which answers that are not settled were recorded."""
        self._is_first = False
        """Whether arrivals of this moment are still to come."""
        self._has_pure = False
        self._vain: int | None = 0
        """The askings without a pure answer; None once there was one."""
        self._is_hopeless = False
        """Whether no answer of the strategy was pure so far, so that every arrival is simulated."""
        self.is_calm = True
        """Whether hits may be pure at all: no pod or command is out of the ordinary, and no request too many."""
        self.hurried: Callable[[], None] = lambda: None
        """The function called when a request may be due earlier than it was."""
        recorder.settle_all = self._settle_now
        self._apart = set[str]()
        """The pods whose commands take time or may fail."""
        handlers: Handlers = {
            CommandsChanged: self._commands_changed,
            EntryStored: self._entry_changed,
            EntryDeleted: self._entry_changed,
            RedisFlushed: lambda event: self.doubt_all(),
        }
        cluster.observers.add(Subscriber(handlers))
        self._look(0)

    @classmethod
    def of(cls, cluster: Cluster, recorder: Recorder, start_s: float) -> "PureHits | None":
        """The pure hits of a run that begins now; None where a hit of it depends on more than the entry and time."""
        scenario, observers = cluster.scenario, cluster.observers
        virtual = scenario.virtual
        if scenario.load.loop != "open" or not Latency.parse(virtual.network).is_fixed:
            return None
        has_rate_limit = cluster.pods[0].runner.rate_limit is not None  # a hit depends on how many came before it
        if has_rate_limit or needs_cpu(scenario) or cluster.walls_apart_s:
            return None
        way_s = Latency.parse(virtual.network).mean_ms / 1000
        if soonest_s(scenario) <= 2 * way_s + ROUNDING_S:
            return None  # hits may come too late for their clients
        is_observed = observers.hear(AnswerSent, EntryRead, RequestAnswered, RequestArrived, RequestFailed)
        if is_observed or cluster.loop.is_shuffled or not are_calm(cluster):
            return None
        redis = cluster.redis
        if not isinstance(redis, SimulatedRedis) or redis.keeps_order:  # a hit is a command, or decides who is evicted
            return None
        purity = Purity.of(cluster.strategy, scenario.pod_settings(cluster.seed, "pod-1"))
        return None if purity is None else cls(cluster, redis, recorder, purity, start_s)

    def due_s(self) -> float:
        """Implements `Clients.due_s`; the end of a block counts as a request, though there may be none."""
        self._asking = None
        while (block := self._block) is not None:
            self._due = place = self._next_place(block)
            if place is not None:
                return block.moments_s[place]
            if self._loop.now_s < block.last_s:
                return block.last_s
            self._settle(block.size)
            self._behind_blocks = block.first + block.size
            self._block, self._settled, self._last = next(self._blocks, None), 0, -1
            self._look(0)
        return NEVER_S

    def take(self) -> Ask | None:
        """Implements `Clients.take`."""
        block, place = self._block, self._due
        if block is None or place is None:
            return None
        arrives_s, key = block.moments_s[place], block.keys[place]
        if arrives_s > self._loop.now_s:
            return None
        if self._is_hopeless:
            pass
        elif (following := block.next_of(key, place + 1)) is None:
            heapq.heappop(self._waiting)
        else:
            heapq.heapreplace(self._waiting, following)
            self._asked_again[key] = block.first
        self._last = self._asking = place
        self._asked.append(place)
        number = block.first + place
        intended_s = block.intended_s.item(place)
        return Ask(arrives_s, intended_s, intended_s, number, key, number)

    def due_so_far(self) -> int:
        """Implements `Clients.due_so_far`: pure hits are requests like any other."""
        return self._behind_blocks if self._block is None else self._block.first + self._to_come()

    def answered(self, ask: Ask, ended_s: float) -> None:
        """Implements `Clients.answered`: note the place of an answer that was recorded just now."""
        place = self._asking
        if place is None:
            place = self._to_come() if self._is_first else BEHIND
        self._answered_s.append(self._loop.now_s)
        self._answered_at.append(place)

    def judge(self, key: int, body: bytes) -> None:
        """Find out whether further hits of the key are pure, after an answer in which no client found fault."""
        now_s = self._loop.now_s
        if self._until_s[key] > now_s or not self.is_calm or self._apart or self._is_hopeless:
            return
        if self._block is None or self._asked_again[key] != self._block.first:
            return  # asking costs as much as a hit or two: a key that is seldom asked for is not worth it
        name = f"{self._prefix}{key}"
        stored = self._peek(name)
        if stored is None or stored[0].body is not body or stored[0].absent:
            return
        entry, kept_until_s = stored
        until_s = self._purity.until_s(name, entry, now_s)
        if self._vain is not None:
            self._vain = self._vain + 1 if until_s <= now_s else None
            self._is_hopeless = self._vain == VAIN_MAX
        # what the cache no longer has, or the client would look at again, is no pure hit
        until_s = min(until_s, kept_until_s, entry.keep_until_s, entry.read_at_s + self._oldest_s)
        if entry.read_at_s <= now_s < until_s:
            self._until_s[key], self._has_pure = until_s, True
            place = BEHIND if self._asking is None else self._asking + 1
            self._read_times.change(key, now_s, place, entry.read_at_s)

    def doubt(self, key: int) -> None:
        """Take the key's further hits for impure until it is judged again."""
        if self._until_s[key] <= self._loop.now_s:
            return
        self._until_s[key] = NOT_PURE_S
        if self._block is not None and (place := self._block.next_of(key, self._to_come())) is not None:
            heapq.heappush(self._waiting, place)
            if self._asking is None:
                self.hurried()

    def doubt_all(self) -> None:
        """Take no hit for pure until its key is judged again; answers up to now are recorded."""
        place = self._to_come()
        self._settle(place)
        if self._has_pure:
            self._all_until_s.fill(NOT_PURE_S)
            self._has_pure = False
            self._look(place)

    @contextmanager
    def changing(self) -> Iterator[None]:
        """Let something change for many keys, before the arrivals of this moment."""
        self._asking, self._is_first = None, True
        self._settle(self._to_come())
        yield
        self.doubt_all()
        self._is_first = False

    def _next_place(self, block: ArrivalBlock) -> int | None:
        """The place of the next arrival that is not a pure hit, as far as is known now; it is on top of the heap."""
        waiting, keys, moments_s = self._waiting, block.keys, block.moments_s
        if self._is_hopeless:
            return self._last + 1 if self._last + 1 < block.size else None
        while waiting:
            place = waiting[0]
            if place > self._last:
                until_s = self._until_s[keys[place]]
                if until_s <= moments_s[place]:
                    return place
                if until_s <= block.last_s:
                    following = block.next_of(keys[place], bisect_left(moments_s, until_s))
                    if following is not None:
                        heapq.heapreplace(waiting, following)
                        continue
            heapq.heappop(waiting)
        return None

    def _look(self, place: int) -> None:
        self._waiting = [] if self._block is None else self._block.firsts(self._all_until_s, place)

    def _to_come(self) -> int:
        """The place of the first arrival that is still to come."""
        if self._block is None:
            return 0
        if self._asking is not None:
            return self._asking + 1
        # arrivals are the first of their moment, but for the faults that begin or end at it
        return int(np.searchsorted(self._block.arrives_s, self._loop.now_s, "left" if self._is_first else "right"))

    def _entry_changed(self, event: EntryStored | EntryDeleted) -> None:
        number = event.key.removeprefix(self._prefix)
        if number.isdecimal() and (key := int(number)) < len(self._until_s):
            self.doubt(key)

    def _commands_changed(self, event: CommandsChanged) -> None:
        (self._apart.discard if event.are_direct else self._apart.add)(event.pod)
        if not self._is_first:
            self.doubt_all()
            self.hurried()

    def _settle_now(self) -> None:
        self._settle(self._to_come())

    def _settle(self, end: int) -> None:
        """Record the pure hits up to that place, and the other answers so far between them."""
        block, start = self._block, self._settled
        if block is None:
            self._put(_NOTHING, np.zeros(len(self._answered_s), dtype=np.int64))
            return
        is_hit = np.ones(end - start, dtype=np.bool_)
        is_hit[np.array(self._asked, dtype=np.int64) - start] = False
        place = np.flatnonzero(is_hit) + start
        key, arrives_s = block.key[place], block.arrives_s[place]
        hits = Columns(
            intended_s=block.intended_s[place],
            ended_s=arrives_s + self._way_s,
            age_s=arrives_s - self._read_times.take(block, place, key),
            key=key,
            code=np.full(len(place), 200),
            status=np.full(len(place), _HIT),
            pod=(block.first + place) % len(self._cluster.pods),
            attempts=np.ones(len(place), dtype=np.int8),
        )
        at = block.places(self._answered_s, self._answered_at)
        self._put(hits, np.concatenate(([0], np.cumsum(is_hit)))[np.clip(at - start, 0, end - start)])
        self._asked.clear()
        self._settled = end

    def _put(self, hits: Columns, before: Integers) -> None:
        self._recorder.settle(hits, before)
        self._answered_s.clear()
        self._answered_at.clear()


def are_calm(cluster: Cluster) -> bool:
    """Whether every pod is at work, and every command is executed at once."""
    return all(pod.is_up and not pod.is_ending and pod.gate.is_open and pod.way.is_direct for pod in cluster.pods)
