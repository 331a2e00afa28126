"""The depth at which the wire is replaced: pods run the service's own cache over a network in memory."""

import itertools
from collections.abc import Callable
from dataclasses import replace
from functools import partial
from random import Random

from app.latency import Latency
from app.pod import PodCache
from app.settings import Settings
from loadtest.sim.cluster.depth import PodPlace, RedisWay
from loadtest.sim.cluster.events import NotificationsMissed, Observers
from loadtest.sim.cluster.pod_code import PodCode
from loadtest.sim.cluster.pod_cpu import PodCpu
from loadtest.sim.cluster.wire_cache import WireCache, WireEvents
from loadtest.sim.cluster.wire_redis import OF_A_POD, WireRedis
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.trouble import LinkTrouble
from loadtest.workload.scenario import Scenario

CONNECTIONS_AT_REST = 2
"""The connections of a pod to Redis at rest: the pipe's, on which it asks for the time, and the subscription's."""
KILLED = LinkTrouble(is_silent=True, arrives=True)
"""The link of a killed process: its system closes its connections, and nothing reaches it any more."""


class WireWay:
    """The way of one pod over the network. Implements `loadtest.sim.cluster.depth.RedisWay`."""

    is_direct = False

    def __init__(self, depth: "WireDepth", host: Host, cache: WireCache, code: PodCode, pod: str) -> None:
        self.cache, self.code, self._depth, self._host, self._pod = cache, code, depth, host, pod
        self._trouble = LinkTrouble()

    def slow_down(self, extra_s: float) -> None:
        self._set(replace(self._trouble, extra_s=extra_s / 2))

    def die(self, is_dead: bool, arrive: bool) -> None:
        self._set(replace(self._trouble, is_silent=is_dead, arrives=is_dead and arrive))
        self._miss(is_dead)

    def go_deaf(self, is_deaf: bool) -> None:
        self._depth.deafen(self._host.name, is_deaf)
        self._miss(is_deaf)

    def slice(self, size_bytes: int, apart_s: float) -> None:
        self._set(replace(self._trouble, slice_bytes=size_bytes, slice_apart_s=apart_s if size_bytes else 0.0))

    def read_slowly(self, bytes_per_s: float) -> None:
        self._set(replace(self._trouble, server_bytes_per_s=bytes_per_s))

    def lose_connections(self, resets: bool) -> None:
        self._depth.redis.server.port.lose_track(self._host.name, resets)

    def left(self) -> list[str]:
        if isinstance(self.code, PodCpu) and not self.code.is_free:
            return []  # it works off reads that nobody waits for any more, and is not at rest
        server, name = self._depth.redis.server, self._host.name
        connections, subscriptions = len(server.port.connections(name)), server.subscriptions(name)
        found = []
        is_at_rest = connections == CONNECTIONS_AT_REST and subscriptions == 1
        if not (is_at_rest or self._depth.is_for_library):  # how many a library keeps in its pool is its own affair
            found.append(f"{self._pod}: {connections} connections to Redis, {subscriptions} of them subscribed")
        if self.cache.reads_under_way:
            found.append(f"{self._pod}: {self.cache.reads_under_way} reads of Redis")
        return found

    def cut_off(self) -> None:
        self._set(KILLED)
        for end in self._depth.redis.server.port.connections(self._host.name):
            end.peer.abort()

    def stand_still(self) -> None:
        self._miss(True)

    def move_on(self) -> None:
        self._miss(False)

    def _set(self, trouble: LinkTrouble) -> None:
        self._trouble = trouble
        self._depth.redis.server.port.set_trouble(trouble, self._host.name)

    def _miss(self, is_deaf: bool) -> None:
        hears = self._depth.redis.server.hears(self._host.name)  # which a connection that is half-open does not
        self._depth.observers.emit(NotificationsMissed(self._pod, is_deaf or not hears))


class WireDepth:
    """The network of a cluster, with its Redis. Implements `loadtest.sim.cluster.depth.Depth`."""

    def __init__(
        self, scenario: Scenario, seed: int, loop: VirtualLoop, observers: Observers, is_for_library: bool
    ) -> None:
        """Set up the network; with `is_for_library` the commands are those that Redis gets, of whatever client."""
        self._loop, self.observers, self._seed = loop, observers, seed
        self._sent_by_pods = 0
        self.is_for_library = is_for_library
        """Whether a library has connections of its own beside those of the pods' caches."""
        self._scenario = scenario
        self._latency = Latency.parse(scenario.virtual.redis)
        network = loop.network = Network(loop)
        self.redis = WireRedis(network, scenario, seed, observers)
        self.redis_url = self.redis.server.url
        self._hosts = itertools.count()
        self._deaf: set[str] = set()

    @property
    def commands(self) -> int:
        return self.redis.server.executed if self.is_for_library else self._sent_by_pods

    def new_way(self, place: PodPlace) -> RedisWay:
        host = Host(f"{place.name}{OF_A_POD}{next(self._hosts)}", self._way_s(place.name), place.cpu)
        code = place.cpu or PodCode()
        code.mark(dialling, host)
        hears = partial(self.redis.server.hears, host.name)
        cache = self._cache(place.settings, place.failed, place.wall_s, hears)
        return WireWay(self, host, cache, code, place.name)

    def new_cache(self, name: str) -> PodCache:
        settings = self._scenario.pod_settings(self._seed, name).model_copy(update={"redis_url": self.redis_url})
        return self._cache(settings, lambda command: None, None, lambda: True)

    def deafen(self, host: str, is_deaf: bool) -> None:
        """Withhold notifications from a host, or end that."""
        (self._deaf.add if is_deaf else self._deaf.discard)(host)
        self.redis.server.deafen(self._deaf)

    def _cache(
        self,
        settings: Settings,
        failed: Callable[[str], None],
        wall_s: Callable[[], float] | None,
        hears: Callable[[], bool],
    ) -> WireCache:
        told = WireEvents(self.observers.emit, settings.pod, self._sent, failed)
        return WireCache(settings, told, self.observers.emit, self._loop.time, wall_s or self._loop.time, hears)

    def _sent(self) -> None:
        self._sent_by_pods += 1

    def _way_s(self, pod: str) -> Callable[[], float]:
        """Draws the time of one way: half of that of a command and its reply."""
        latency, rng = self._latency, Random(f"{self._seed}/{pod}/redis")
        if latency.is_fixed:
            way_s = latency.mean_ms / 2000
            return lambda: way_s
        return lambda: latency.draw_ms(rng) / 2000
