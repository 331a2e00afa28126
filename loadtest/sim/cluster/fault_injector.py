"""The fault injector: it begins the faults of a scenario at their times, and ends them."""

import asyncio
import math
from collections.abc import Callable, Coroutine
from functools import partial
from typing import Any

from loadtest.sim.cluster.cluster import Cluster
from loadtest.sim.cluster.events import FaultBegan, FaultEnded, LoadBegan
from loadtest.sim.cluster.graceful_end import GracefulEnd
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.traffic import Traffic
from loadtest.workload import faults
from loadtest.workload.faults import Lasting


class FaultInjector:
    """The timers of a scenario's faults; those of one kind and pod may overlap, and end with the last of them."""

    def __init__(self, cluster: Cluster, traffic: Traffic, start_s: float) -> None:
        self._cluster, self._traffic, self._start_s = cluster, traffic, start_s
        self._ending: set[asyncio.Task[None]] = set()
        """The ends of pods that are under way."""
        self._lasting: list[Lasting] = []
        if why := cluster.scenario.why_not_in("virtual"):
            raise ValueError(why)
        cluster.observers.emit(LoadBegan())
        for fault in cluster.scenario.faults:
            cluster.loop.call_first_at(start_s + fault.at_s, partial(self._begin, fault))
            if isinstance(fault, Lasting):
                cluster.loop.call_first_at(start_s + fault.at_s + fault.for_s, partial(self._end, fault))

    def _begin(self, fault: faults.Fault) -> None:
        self._cluster.observers.emit(FaultBegan(fault))
        if isinstance(fault, Lasting):
            self._lasting.append(fault)
        with self._traffic.changing():
            _SET[type(fault)](self, fault, True)

    def _end(self, fault: Lasting) -> None:
        self._cluster.observers.emit(FaultEnded(fault))
        self._lasting.remove(fault)
        left = [other for other in self._lasting if _place(other) == _place(fault)]
        with self._traffic.changing():
            _SET[type(fault)](self, left[-1] if left else fault, bool(left))

    def _flush_cache(self, fault: faults.CacheFlushed, is_on: bool) -> None:
        self._cluster.redis.flush()

    def _take_cache_away(self, fault: faults.CacheUnreachable, is_on: bool) -> None:
        if is_on and fault.empty:  # seen only when Redis is back
            self._cluster.redis.flush()
        self._cluster.redis.is_away = is_on

    def _slow_cache(self, fault: faults.CacheSlow, is_on: bool) -> None:
        for pod in self._cluster.pods:
            pod.way.slow_down(fault.ms / 1000 if is_on else 0.0)

    def _pause_cache(self, fault: faults.CachePaused, is_on: bool) -> None:
        redis = self._cluster.redis
        (redis.pause if is_on else redis.go_on)()

    def _refuse(self, fault: faults.CacheRefuses, is_on: bool) -> None:
        self._cluster.redis.refuse(fault.error, fault.refused if is_on else frozenset())

    def _reset(self, fault: faults.CacheResets, is_on: bool) -> None:
        self._cluster.redis.reset(fault.share if is_on else 0.0)

    def _set_cache_clock(self, fault: faults.CacheClockApart, is_on: bool) -> None:
        self._cluster.set_cache_clock(fault.by_s if is_on else 0.0)

    def _silence(self, fault: faults.CacheSilent, is_on: bool) -> None:
        for pod in self._cluster.pods:
            self._set_connections(pod)

    def _slice(self, fault: faults.CacheSliced, is_on: bool) -> None:
        for pod in self._cluster.pods:
            pod.way.slice(fault.bytes if is_on else 0, fault.ms / 1000)

    def _read_slowly(self, fault: faults.CacheReadsSlowly, is_on: bool) -> None:
        for pod in self._cluster.pods:
            pod.way.read_slowly(fault.bytes_per_s if is_on else math.inf)

    def _kill_connections(self, fault: faults.ConnectionsDead, is_on: bool) -> None:
        self._set_connections(self._cluster.pods[fault.pod])

    def _lose_connections(self, fault: faults.ConnectionsLost, is_on: bool) -> None:
        self._cluster.pods[fault.pod].way.lose_connections(fault.resets)

    def _publish_foreign(self, fault: faults.ForeignMessage, is_on: bool) -> None:
        self._cluster.redis.publish_foreign()

    def _set_connections(self, pod: SimulatedPod) -> None:
        """Kill or revive a pod's connections: they are dead while a black hole, or their own fault, lasts."""
        dead = [
            fault
            for fault in self._lasting
            if isinstance(fault, faults.CacheSilent)
            or (isinstance(fault, faults.ConnectionsDead) and fault.pod == pod.number)
        ]
        pod.way.die(bool(dead), dead[-1].arrive if dead else False)

    def _fill_cache(self, fault: faults.CacheFull, is_on: bool) -> None:
        redis = self._cluster.redis
        if is_on:
            redis.fill_up(fault.room(redis.stored), fault.policy)
        else:
            redis.have_room()

    def _deafen(self, fault: faults.SubscriptionDead, is_on: bool) -> None:
        self._cluster.pods[fault.pod].way.go_deaf(is_on)

    def _fail_origin(self, fault: faults.OriginFails, is_on: bool) -> None:
        self._cluster.store.fails_share = fault.share if is_on else 0.0

    def _slow_origin(self, fault: faults.OriginSlow, is_on: bool) -> None:
        self._cluster.store.times = fault.times if is_on else 1.0

    def _hang_origin(self, fault: faults.OriginHangs, is_on: bool) -> None:
        store = self._cluster.store
        (store.hang if is_on else store.go_on)()

    def _set_clock(self, fault: faults.ClockApart, is_on: bool) -> None:
        self._cluster.walls_apart_s[fault.pod] = fault.by_s if is_on else 0.0

    def _kill(self, fault: faults.PodKilled, is_on: bool) -> None:
        """Kill a pod at once: it is silent from now on, and its locks stay until their leases end."""
        pod = self._cluster.pods[fault.pod]
        if is_on and pod.is_up:
            pod.is_up = pod.is_listening = False
            pod.way.cut_off()
            pod.paused_until_s = 0.0
            pod.gate.open()
            self._traffic.lose(pod)
            self._run(pod.aclose())
        elif not is_on:
            self._replace_if_over(fault.pod)

    def _terminate(self, fault: faults.PodTerminated, is_on: bool) -> None:
        pod = self._cluster.pods[fault.pod]
        if is_on and pod.is_up and not pod.is_ending:
            pod.is_ending = True
            self._run(self._end_gracefully(pod))
        elif not is_on:
            self._replace_if_over(fault.pod)

    async def _end_gracefully(self, pod: SimulatedPod) -> None:
        await GracefulEnd(pod, self._traffic).carry_out()
        with self._traffic.changing():
            self._replace_if_over(pod.number)

    def _replace_if_over(self, number: int) -> None:
        """Put a new pod in the place of one that has ended, unless a fault keeps the place empty."""
        emptying = (faults.PodKilled, faults.PodTerminated)
        is_kept_empty = any(isinstance(other, emptying) and other.pod == number for other in self._lasting)
        if not is_kept_empty and not self._cluster.pods[number].is_up:
            self._replace(number)

    def _run(self, ending: Coroutine[Any, Any, None]) -> None:
        task = self._cluster.loop.create_task(ending)
        self._ending.add(task)
        task.add_done_callback(self._ending.discard)

    def _replace(self, number: int) -> None:
        self._cluster.pods[number] = pod = self._cluster.new_pod(number)
        for slow in [other for other in self._lasting if isinstance(other, faults.CacheSlow)][-1:]:
            pod.way.slow_down(slow.ms / 1000)
        for silent in [other for other in self._lasting if isinstance(other, faults.CacheSilent)][-1:]:
            pod.way.die(True, silent.arrive)
        for sliced in [other for other in self._lasting if isinstance(other, faults.CacheSliced)][-1:]:
            pod.way.slice(sliced.bytes, sliced.ms / 1000)
        for slowly in [other for other in self._lasting if isinstance(other, faults.CacheReadsSlowly)][-1:]:
            pod.way.read_slowly(slowly.bytes_per_s)
        pod.begin()

    def _let_leave(self, fault: faults.ClientsLeave, is_on: bool) -> None:
        """Change nothing: clients know by the time at which they mean to begin (`Patience`)."""

    def _block_loop(self, fault: faults.LoopBlocked, is_on: bool) -> None:
        if (cpu := self._cluster.pods[fault.pod].cpu) is not None:
            cpu.take(fault.for_s)

    def _pause(self, fault: faults.PodPaused, is_on: bool) -> None:
        pod = self._cluster.pods[fault.pod]
        if is_on and pod.is_up:
            pod.pause(max(pod.paused_until_s, self._start_s + fault.at_s + fault.for_s))
        elif not is_on and not pod.gate.is_open:  # else it was killed meanwhile
            pod.go_on()
            self._traffic.release(pod)


def _place(fault: Lasting) -> tuple[type[Lasting], int | None]:
    return type(fault), getattr(fault, "pod", None)


_SET: dict[type, Callable[..., None]] = {
    faults.CacheFlushed: FaultInjector._flush_cache,
    faults.CacheUnreachable: FaultInjector._take_cache_away,
    faults.CacheSlow: FaultInjector._slow_cache,
    faults.CachePaused: FaultInjector._pause_cache,
    faults.CacheRefuses: FaultInjector._refuse,
    faults.CacheResets: FaultInjector._reset,
    faults.CacheSilent: FaultInjector._silence,
    faults.CacheSliced: FaultInjector._slice,
    faults.CacheReadsSlowly: FaultInjector._read_slowly,
    faults.CacheFull: FaultInjector._fill_cache,
    faults.CacheClockApart: FaultInjector._set_cache_clock,
    faults.ConnectionsDead: FaultInjector._kill_connections,
    faults.ConnectionsLost: FaultInjector._lose_connections,
    faults.ForeignMessage: FaultInjector._publish_foreign,
    faults.SubscriptionDead: FaultInjector._deafen,
    faults.OriginFails: FaultInjector._fail_origin,
    faults.OriginSlow: FaultInjector._slow_origin,
    faults.OriginHangs: FaultInjector._hang_origin,
    faults.PodKilled: FaultInjector._kill,
    faults.PodTerminated: FaultInjector._terminate,
    faults.PodPaused: FaultInjector._pause,
    faults.LoopBlocked: FaultInjector._block_loop,
    faults.ClockApart: FaultInjector._set_clock,
    faults.ClientsLeave: FaultInjector._let_leave,
}
"""The function that begins and ends each kind of fault."""
