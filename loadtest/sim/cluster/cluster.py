"""A simulated cluster: pods, Redis, origin and pooler, in virtual time."""

import asyncio
import itertools
from collections.abc import Iterable
from typing import NamedTuple

from app.latency import Latency
from app.local_tier import LruTier
from app.payload import Payload
from app.strategy import Strategy
from loadtest.sim.cluster.depth import Depth
from loadtest.sim.cluster.events import LoadBegan, LoadEnded, Observer, Observers, Subscriber
from loadtest.sim.cluster.invariants import Invariants
from loadtest.sim.cluster.outage_invariants import OutageInvariants
from loadtest.sim.cluster.peers import VirtualPeers
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.pooler import VirtualPooler
from loadtest.sim.cluster.recorder import Recorder
from loadtest.sim.cluster.seam_depth import SeamDepth
from loadtest.sim.cluster.slow_store import SlowStore
from loadtest.sim.cluster.tolerances import allowed_in, epoch_s, has_wrong_clocks
from loadtest.sim.kernel.loop import VirtualClock, VirtualLoop
from loadtest.workload.scenario import Scenario


class Cluster:
    """A cluster that lives in the running virtual loop, whose pods can be replaced."""

    def __init__(
        self,
        scenario: Scenario,
        strategy: type[Strategy],
        seed: int,
        recorder: Recorder,
        observers: Iterable[Observer] = (),
    ) -> None:
        loop = asyncio.get_running_loop()
        assert isinstance(loop, VirtualLoop)
        self.loop, self.clock = loop, VirtualClock(loop)
        self.scenario, self.strategy, self.seed = scenario, strategy, seed
        self._settings = scenario.pod_settings(seed, "pod")
        virtual = scenario.virtual
        self.observers = Observers([recorder, *observers])
        self.depth = _new_depth(scenario, strategy, seed, loop, self.observers)
        self.redis = self.depth.redis
        self.epoch_s = epoch_s(scenario, strategy)
        self.set_cache_clock(0.0)
        allowed = allowed_in(scenario, strategy, seed)
        self.invariants = Invariants(
            self.clock,
            allowed,
            self.redis.now_s,
            has_wrong_clocks(scenario),
        )
        self.observers.add(self.invariants)
        self.outage_invariants = OutageInvariants(self.invariants.report, self.clock, scenario, strategy, allowed)
        self.observers.add(self.outage_invariants)
        self.store = SlowStore(
            scenario.keys.count,
            seed,
            self.observers,
            versions=None if scenario.writes is None else {},
            payload=None if scenario.payload is None else Payload.parse(scenario.payload.bytes),
        )
        self.pooler: VirtualPooler | None = None
        """The pooler of connections that pods share; None where they share none."""
        if scenario.connections_shared is not None:
            self.pooler = VirtualPooler(loop, Latency.parse(virtual.network), seed)
        self._peers: VirtualPeers | None = None
        self._names = frozenset(f"pod-{number + 1}" for number in range(scenario.pods))
        if scenario.pods > 1:
            timeout_s, network = self._settings.peer_timeout_ms / 1000, Latency.parse(virtual.network)
            self._peers = VirtualPeers(loop, network, seed, timeout_s, self._find)
        self.walls_apart_s = dict.fromkeys(range(scenario.pods) if has_wrong_clocks(scenario) else (), 0.0)
        """The error of each pod's own clock at the moment, seconds; empty where all go by the true one."""
        self._instance_ids = itertools.count()
        self._local_tiers: list[LruTier] = []
        self._local_hits_before = 0
        self._commands_before: int | None = None
        self.redis_commands: int | None = None
        """The commands of all pods during the load; None where they are not counted."""
        self.observers.add(Subscriber({LoadBegan: self._load_began, LoadEnded: self._load_ended}))
        self.pods = [self.new_pod(number) for number in range(scenario.pods)]
        self.observers.emit(ClusterReady(self))

    def new_pod(self, number: int) -> SimulatedPod:
        """A new pod for that place."""
        wall_s = None
        if self.walls_apart_s:

            def wall_s() -> float:
                return self.loop.now_s + self.epoch_s + self.walls_apart_s.get(number, 0.0)

        pod = SimulatedPod(
            number,
            self.strategy,
            self.scenario,
            self._settings,
            self.loop,
            self.depth,
            self.observers,
            self.store,
            next(self._instance_ids),
            wall_s,
            self.pooler,
            self._peers,
            self._names,
        )
        if pod.runner.local_tier is not None:
            self._local_tiers.append(pod.runner.local_tier)
        return pod

    @property
    def local_hits(self) -> int | None:
        """The answers of the load from copies of all pods that there were; None without a local tier."""
        return sum(tier.hits for tier in self._local_tiers) - self._local_hits_before if self._local_tiers else None

    def _load_began(self, _: LoadBegan) -> None:
        self._local_hits_before = self.local_hits or 0
        self._commands_before = self.depth.commands

    def _load_ended(self, _: LoadEnded) -> None:
        if self.depth.commands is not None and self._commands_before is not None:
            self.redis_commands = self.depth.commands - self._commands_before

    def _find(self, name: str) -> SimulatedPod:
        return self.pods[int(name.removeprefix("pod-")) - 1]

    def set_cache_clock(self, by_s: float) -> None:
        """Set Redis's clock so many seconds ahead of the right time."""
        self.redis.set_clock(self.epoch_s + by_s)

    async def aclose(self) -> None:
        """End the pods."""
        for pod in self.pods:
            await pod.aclose()


def _new_depth(
    scenario: Scenario, strategy: type[Strategy], seed: int, loop: VirtualLoop, observers: Observers
) -> Depth:
    """The depth at which Redis is simulated; the wire's is imported only where it is wanted, as that takes a while."""
    if not scenario.virtual.wire:
        return SeamDepth(scenario, seed, loop, observers)
    from loadtest.sim.cluster.wire_depth import WireDepth

    return WireDepth(scenario, seed, loop, observers, strategy.over_the_wire)


class ClusterReady(NamedTuple):
    """The event that a cluster is made, before anything happens in it."""

    cluster: Cluster
