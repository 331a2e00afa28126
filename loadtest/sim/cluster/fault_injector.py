"""Brings about the faults of a scenario, each at its time, and ends them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import FaultBegan, FaultEnded, LoadBegan
from loadtest.sim.cluster.traffic import Traffic
from loadtest.workload import faults
from loadtest.workload.faults import Lasting


class FaultInjector:
    """Set once the load has begun. Faults of one kind, and of one pod, may overlap: it ends with the last of them."""

    def __init__(self, cluster: Cluster, traffic: Traffic, start_s: float) -> None:
        self._cluster, self._traffic, self._start_s = cluster, traffic, start_s
        self._closing: set[asyncio.Task[None]] = set()
        self._lasting: list[Lasting] = []
        cluster.observers.emit(LoadBegan())
        for fault in cluster.scenario.faults:
            cluster.loop.call_at(start_s + fault.at_s, partial(self._begin, fault))
            if isinstance(fault, Lasting):
                cluster.loop.call_at(start_s + fault.at_s + fault.for_s, partial(self._end, fault))

    def _begin(self, fault: faults.Fault) -> None:
        self._cluster.observers.emit(FaultBegan(fault))
        begin, _ = _HOW[type(fault)]
        begin(self, fault)
        if isinstance(fault, Lasting):
            self._lasting.append(fault)

    def _end(self, fault: Lasting) -> None:
        self._cluster.observers.emit(FaultEnded(fault))
        self._lasting.remove(fault)
        begin, end = _HOW[type(fault)]
        assert end is not None
        left = [other for other in self._lasting if _place(other) == _place(fault)]
        if left:
            begin(self, left[-1])
        else:
            end(self, fault)

    def flush(self, fault: faults.CacheFlushed) -> None:
        self._cluster.server.flush()

    def take_cache_away(self, fault: faults.CacheAway) -> None:
        if fault.empty:  # nobody sees it before it is back
            self._cluster.server.flush()
        self._cluster.server.is_away = True

    def bring_cache_back(self, fault: faults.CacheAway) -> None:
        self._cluster.server.is_away = False

    def slow_cache(self, fault: faults.CacheSlow, slow: bool = True) -> None:
        for pod in self._cluster.pods:
            pod.cache.slow_down(fault.ms / 1000 if slow else 0.0)

    def pause_cache(self, fault: faults.CachePaused) -> None:
        self._cluster.server.trouble.pause()

    def unpause_cache(self, fault: faults.CachePaused) -> None:
        self._cluster.server.trouble.go_on()

    def refuse(self, fault: faults.CacheRefuses) -> None:
        self._cluster.server.trouble.refuse(fault.error, fault.refused)

    def refuse_nothing(self, fault: faults.CacheRefuses) -> None:
        self._cluster.server.trouble.refuse("", frozenset())

    def reset(self, fault: faults.CacheResets, resets: bool = True) -> None:
        self._cluster.server.trouble.reset(fault.share if resets else 0.0)

    def set_cache_clock(self, fault: faults.CacheClockApart, by_s: float | None = None) -> None:
        self._cluster.set_cache_clock(fault.by_s if by_s is None else by_s)

    def kill_connections(self, fault: faults.ConnectionsDead, dead: bool = True) -> None:
        self._cluster.pods[fault.pod].cache.die(dead, fault.arrive)

    def deafen(self, fault: faults.SubscriptionDead, deaf: bool = True) -> None:
        self._cluster.pods[fault.pod].cache.go_deaf(deaf)

    def fail_origin(self, fault: faults.OriginFails, fails: bool = True) -> None:
        self._cluster.store.fails_share = fault.share if fails else 0.0

    def slow_origin(self, fault: faults.OriginSlow, slow: bool = True) -> None:
        self._cluster.store.times = fault.times if slow else 1.0

    def hang_origin(self, fault: faults.OriginHangs) -> None:
        self._cluster.store.hang()

    def unhang_origin(self, fault: faults.OriginHangs) -> None:
        self._cluster.store.go_on()

    def kill(self, fault: faults.PodKilled) -> None:
        """Gone in this moment: nothing of it is heard any more, and its locks stay until their leases end."""
        pod = self._cluster.pods[fault.pod]
        if not pod.is_up:
            return
        pod.is_up = False
        pod.cache.is_cut_off = True
        pod.paused_until_s = 0.0
        pod.gate.open()
        self._traffic.lose(pod)
        closing = self._cluster.loop.create_task(pod.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def replace(self, fault: faults.PodKilled) -> None:
        self._cluster.pods[fault.pod] = pod = self._cluster.new_pod(fault.pod)
        for slow in [other for other in self._lasting if isinstance(other, faults.CacheSlow)][-1:]:
            pod.cache.slow_down(slow.ms / 1000)

    def pause(self, fault: faults.PodPaused) -> None:
        pod = self._cluster.pods[fault.pod]
        if pod.is_up:
            pod.pause(max(pod.paused_until_s, self._start_s + fault.at_s + fault.for_s))

    def unpause(self, fault: faults.PodPaused) -> None:
        pod = self._cluster.pods[fault.pod]
        if not pod.gate.is_open:  # else it was killed meanwhile
            pod.go_on()
            self._traffic.release(pod)

    def set_clock(self, fault: faults.ClockApart, by_s: float | None = None) -> None:
        self._cluster.walls_apart_s[fault.pod] = fault.by_s if by_s is None else by_s


def _place(fault: Lasting) -> tuple[type[Lasting], int | None]:
    return type(fault), getattr(fault, "pod", None)


_Step = Callable[..., None]
_HOW: dict[type[Any], tuple[_Step, _Step | None]] = {
    faults.CacheFlushed: (FaultInjector.flush, None),
    faults.CacheAway: (FaultInjector.take_cache_away, FaultInjector.bring_cache_back),
    faults.CacheSlow: (FaultInjector.slow_cache, partial(FaultInjector.slow_cache, slow=False)),
    faults.CachePaused: (FaultInjector.pause_cache, FaultInjector.unpause_cache),
    faults.CacheRefuses: (FaultInjector.refuse, FaultInjector.refuse_nothing),
    faults.CacheResets: (FaultInjector.reset, partial(FaultInjector.reset, resets=False)),
    faults.CacheClockApart: (FaultInjector.set_cache_clock, partial(FaultInjector.set_cache_clock, by_s=0.0)),
    faults.ConnectionsDead: (FaultInjector.kill_connections, partial(FaultInjector.kill_connections, dead=False)),
    faults.SubscriptionDead: (FaultInjector.deafen, partial(FaultInjector.deafen, deaf=False)),
    faults.OriginFails: (FaultInjector.fail_origin, partial(FaultInjector.fail_origin, fails=False)),
    faults.OriginSlow: (FaultInjector.slow_origin, partial(FaultInjector.slow_origin, slow=False)),
    faults.OriginHangs: (FaultInjector.hang_origin, FaultInjector.unhang_origin),
    faults.PodKilled: (FaultInjector.kill, FaultInjector.replace),
    faults.PodPaused: (FaultInjector.pause, FaultInjector.unpause),
    faults.ClockApart: (FaultInjector.set_clock, partial(FaultInjector.set_clock, by_s=0.0)),
}
