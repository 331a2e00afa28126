"""Brings about the faults of a scenario, each at its time, and ends them."""

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any

from loadtest import faults
from loadtest.sim.world import Traffic, World


class Breakdowns:
    """Set once the load has begun."""

    def __init__(self, world: World, traffic: Traffic, start_s: float) -> None:
        self._world, self._traffic = world, traffic
        self._closing: set[asyncio.Task[None]] = set()
        for fault in world.scenario.faults:
            begin, end = _HOW[type(fault)]
            world.loop.call_at(start_s + fault.at_s, partial(begin, self, fault))
            if end is not None:
                world.loop.call_at(start_s + fault.at_s + getattr(fault, "for_s", 0.0), partial(end, self, fault))

    def flush(self, fault: faults.CacheFlushed) -> None:
        self._world.server.flush()
        self._world.watch.forget()

    def take_cache_away(self, fault: faults.CacheAway) -> None:
        self._world.server.is_away = True

    def bring_cache_back(self, fault: faults.CacheAway) -> None:
        if fault.empty:
            self._world.server.flush()
            self._world.watch.forget()
        for pod in self._world.pods:
            pod.miss_announcements()
        self._world.server.is_away = False

    def slow_cache(self, fault: faults.CacheSlow, slow: bool = True) -> None:
        for pod in self._world.pods:
            pod.cache.slow_down(fault.ms / 1000 if slow else 0.0)

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
        pod.is_up = False
        pod.cut_off(True)
        pod.gate.open()
        self._traffic.lose(pod)
        closing = self._world.loop.create_task(pod.aclose())
        self._closing.add(closing)
        closing.add_done_callback(self._closing.discard)

    def replace(self, fault: faults.PodKilled) -> None:
        if not self._world.pods[fault.pod].is_up:
            self._world.pods[fault.pod] = self._world.new_pod(fault.pod)

    def pause(self, fault: faults.PodPaused) -> None:
        self._world.pods[fault.pod].pause(self._world.loop.now_s + fault.for_s)

    def unpause(self, fault: faults.PodPaused) -> None:
        pod = self._world.pods[fault.pod]
        if pod.paused_until_s <= self._world.loop.now_s:  # else another pause goes on
            pod.go_on()
            self._traffic.release(pod)

    def set_clock(self, fault: faults.ClockApart, by_s: float | None = None) -> None:
        self._world.walls_apart_s[fault.pod] = fault.by_s if by_s is None else by_s


_Step = Callable[..., None]
_HOW: dict[type[Any], tuple[_Step, _Step | None]] = {
    faults.CacheFlushed: (Breakdowns.flush, None),
    faults.CacheAway: (Breakdowns.take_cache_away, Breakdowns.bring_cache_back),
    faults.CacheSlow: (Breakdowns.slow_cache, partial(Breakdowns.slow_cache, slow=False)),
    faults.OriginFails: (Breakdowns.fail_origin, partial(Breakdowns.fail_origin, fails=False)),
    faults.OriginSlow: (Breakdowns.slow_origin, partial(Breakdowns.slow_origin, slow=False)),
    faults.OriginHangs: (Breakdowns.hang_origin, Breakdowns.unhang_origin),
    faults.PodKilled: (Breakdowns.kill, Breakdowns.replace),
    faults.PodPaused: (Breakdowns.pause, Breakdowns.unpause),
    faults.ClockApart: (Breakdowns.set_clock, partial(Breakdowns.set_clock, by_s=0.0)),
}
