"""Brings about the faults of a scenario, each at its time, and ends them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from loadtest.sim.cluster.cluster import Traffic, World
from loadtest.workload import faults
from loadtest.workload.faults import Lasting


class Breakdowns:
    """Set once the load has begun. Faults of one kind, and of one pod, may overlap: it ends with the last of them."""

    def __init__(self, world: World, traffic: Traffic, start_s: float) -> None:
        self._world, self._traffic, self._start_s = world, traffic, start_s
        self._closing: set[asyncio.Task[None]] = set()
        self._lasting: list[Lasting] = []
        world.tell("the load begins")
        for fault in world.scenario.faults:
            world.loop.call_at(start_s + fault.at_s, partial(self._begin, fault))
            if isinstance(fault, Lasting):
                world.loop.call_at(start_s + fault.at_s + fault.for_s, partial(self._end, fault))

    def _begin(self, fault: faults.Fault) -> None:
        self._world.tell(f"fault: {fault}")
        begin, _ = _HOW[type(fault)]
        begin(self, fault)
        if isinstance(fault, Lasting):
            self._lasting.append(fault)

    def _end(self, fault: Lasting) -> None:
        self._world.tell(f"ends: {fault}")
        self._lasting.remove(fault)
        begin, end = _HOW[type(fault)]
        assert end is not None
        left = [other for other in self._lasting if _place(other) == _place(fault)]
        if left:
            begin(self, left[-1])
        else:
            end(self, fault)

    def flush(self, fault: faults.CacheFlushed) -> None:
        self._world.server.flush()
        self._world.watch.forget()

    def take_cache_away(self, fault: faults.CacheAway) -> None:
        if fault.empty:  # nobody sees it before it is back
            self._world.server.flush()
            self._world.watch.forget()
        self._world.server.is_away = True

    def bring_cache_back(self, fault: faults.CacheAway) -> None:
        for pod in self._world.pods:
            pod.miss_announcements()
        self._world.server.is_away = False

    def slow_cache(self, fault: faults.CacheSlow, slow: bool = True) -> None:
        for pod in self._world.pods:
            pod.cache.slow_down(fault.ms / 1000 if slow else 0.0)

    def pause_cache(self, fault: faults.CachePaused) -> None:
        self._world.server.trouble.pause()

    def unpause_cache(self, fault: faults.CachePaused) -> None:
        self._world.server.trouble.go_on()

    def refuse(self, fault: faults.CacheRefuses) -> None:
        self._world.server.trouble.refuse(fault.error, fault.refused)

    def refuse_nothing(self, fault: faults.CacheRefuses) -> None:
        self._world.server.trouble.refuse("", frozenset())

    def reset(self, fault: faults.CacheResets, resets: bool = True) -> None:
        self._world.server.trouble.reset(fault.share if resets else 0.0)

    def set_cache_clock(self, fault: faults.CacheClockApart, by_s: float | None = None) -> None:
        self._world.set_cache_clock(fault.by_s if by_s is None else by_s)

    def kill_connections(self, fault: faults.ConnectionsDead, dead: bool = True) -> None:
        self._world.pods[fault.pod].lose_connections(dead, fault.arrive)

    def deafen(self, fault: faults.SubscriptionDead, deaf: bool = True) -> None:
        self._world.pods[fault.pod].go_deaf(deaf)

    def fail_origin(self, fault: faults.OriginFails, fails: bool = True) -> None:
        self._world.store.fails_share = fault.share if fails else 0.0

    def slow_origin(self, fault: faults.OriginSlow, slow: bool = True) -> None:
        self._world.store.times = fault.times if slow else 1.0

    def hang_origin(self, fault: faults.OriginHangs) -> None:
        self._world.store.hang()

    def unhang_origin(self, fault: faults.OriginHangs) -> None:
        self._world.store.go_on()

    def kill(self, fault: faults.PodKilled) -> None:
        """Gone in this moment: nothing of it is heard any more, and its locks stay until their leases end."""
        pod = self._world.pods[fault.pod]
        if not pod.is_up:
            return
        pod.is_up = False
        pod.cut_off(True)
        pod.paused_until_s = 0.0
        pod.gate.open()
        self._traffic.lose(pod)
        closing = self._world.loop.create_task(pod.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def replace(self, fault: faults.PodKilled) -> None:
        self._world.pods[fault.pod] = pod = self._world.new_pod(fault.pod)
        for slow in [other for other in self._lasting if isinstance(other, faults.CacheSlow)][-1:]:
            pod.cache.slow_down(slow.ms / 1000)

    def pause(self, fault: faults.PodPaused) -> None:
        pod = self._world.pods[fault.pod]
        if pod.is_up:
            pod.pause(max(pod.paused_until_s, self._start_s + fault.at_s + fault.for_s))

    def unpause(self, fault: faults.PodPaused) -> None:
        pod = self._world.pods[fault.pod]
        if not pod.gate.is_open:  # else it was killed meanwhile
            pod.go_on()
            self._traffic.release(pod)

    def set_clock(self, fault: faults.ClockApart, by_s: float | None = None) -> None:
        self._world.walls_apart_s[fault.pod] = fault.by_s if by_s is None else by_s


def _place(fault: Lasting) -> tuple[type[Lasting], int | None]:
    return type(fault), getattr(fault, "pod", None)


_Step = Callable[..., None]
_HOW: dict[type[Any], tuple[_Step, _Step | None]] = {
    faults.CacheFlushed: (Breakdowns.flush, None),
    faults.CacheAway: (Breakdowns.take_cache_away, Breakdowns.bring_cache_back),
    faults.CacheSlow: (Breakdowns.slow_cache, partial(Breakdowns.slow_cache, slow=False)),
    faults.CachePaused: (Breakdowns.pause_cache, Breakdowns.unpause_cache),
    faults.CacheRefuses: (Breakdowns.refuse, Breakdowns.refuse_nothing),
    faults.CacheResets: (Breakdowns.reset, partial(Breakdowns.reset, resets=False)),
    faults.CacheClockApart: (Breakdowns.set_cache_clock, partial(Breakdowns.set_cache_clock, by_s=0.0)),
    faults.ConnectionsDead: (Breakdowns.kill_connections, partial(Breakdowns.kill_connections, dead=False)),
    faults.SubscriptionDead: (Breakdowns.deafen, partial(Breakdowns.deafen, deaf=False)),
    faults.OriginFails: (Breakdowns.fail_origin, partial(Breakdowns.fail_origin, fails=False)),
    faults.OriginSlow: (Breakdowns.slow_origin, partial(Breakdowns.slow_origin, slow=False)),
    faults.OriginHangs: (Breakdowns.hang_origin, Breakdowns.unhang_origin),
    faults.PodKilled: (Breakdowns.kill, Breakdowns.replace),
    faults.PodPaused: (Breakdowns.pause, Breakdowns.unpause),
    faults.ClockApart: (Breakdowns.set_clock, partial(Breakdowns.set_clock, by_s=0.0)),
}
