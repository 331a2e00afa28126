"""The nemesis of child processes here: by signals, Redis's own commands, a relay, and the pods' controls."""

import asyncio
import signal
from collections.abc import Sequence
from urllib.parse import urlsplit

from loadtest.workload import faults
from loadtest.workload.faults import Fault
from loadtest.workload.scenario import Scenario
from loadtest.worlds.nemesis import CannotBreak, Nemesis
from loadtest.worlds.origin_faults import OriginFaults, body_of
from loadtest.worlds.pod_process import PodProcess
from loadtest.worlds.redis_faults import RedisFaults
from loadtest.worlds.redis_process import RedisProcess
from loadtest.worlds.relay_faults import RelayFaults, trouble_of
from loadtest.worlds.system import BeforePodEnds
from loadtest.worlds.world import WorldFailed

LOOK_EVERY_S = 0.1
"""How often a pod that ends is asked for its counters and its ledger, seconds: what it says last is kept."""


def needs_relay(scenario: Scenario) -> bool:
    """Whether a fault of the scenario is one of the wire; else there is no relay, which costs a hop."""
    return any(trouble_of(fault) is not None for fault in scenario.faults)


def needs_control(scenario: Scenario) -> bool:
    """Whether a fault of the scenario is one of the origin."""
    return any(body_of(fault) is not None for fault in scenario.faults)


def why_not_with(scenario: Scenario, redis_url: str) -> str:
    """The reason why faults of the scenario cannot be done to a Redis that was there before; empty where they can."""
    for number, fault in enumerate(scenario.faults):
        told = f"faults.{number}: {fault.kind}"
        if trouble_of(fault) is not None:
            if urlsplit(redis_url).scheme != "redis":
                return f"{told}: a relay is for TCP without TLS (redis://), and LAB_REDIS_URL names another Redis"
        elif fault.kind.startswith("cache-"):
            return f"{told} breaks the server, and that of LAB_REDIS_URL is not the lab's own: unset it"
    return ""


class NativeNemesis:
    """The nemesis of one system of child processes. Implements `Nemesis`."""

    def __init__(
        self,
        redis: RedisProcess | None,
        pods: Sequence[PodProcess],
        relay: RelayFaults | None,
        before_pod_ends: BeforePodEnds,
    ) -> None:
        """`redis` is None where the server is not the lab's own, and `relay` where there is none."""
        self._redis, self._pods, self._before_pod_ends = redis, pods, before_pod_ends
        self._origin = OriginFaults(lambda: [pod.url for pod in pods if not pod.may_end])
        self._of_redis = None if redis is None else RedisFaults(redis.url)
        self._relay = relay
        self._farewells: dict[int, asyncio.Task[None]] = {}

    async def begin(self, fault: Fault) -> None:
        try:
            match fault:
                case faults.CacheUnreachable(empty=True):
                    await self._server().kill()
                case faults.CachePaused():
                    self._server().signal(signal.SIGSTOP)
                case faults.PodKilled(pod=number):
                    await self._kill(number)
                case faults.PodTerminated(pod=number):
                    self._terminate(number)
                case faults.PodPaused(pod=number):
                    self._pods[number].signal(signal.SIGSTOP)
                case faults.ClientsLeave():
                    pass  # the generator does it, and goes by the same seconds
                case _:
                    await self._other(fault).begin(fault)
        except WorldFailed as error:
            raise CannotBreak(str(error)) from error

    async def end(self, fault: Fault) -> None:
        try:
            match fault:
                case faults.CacheUnreachable(empty=True):
                    await self._server().start_again()
                case faults.CachePaused():
                    self._server().signal(signal.SIGCONT)
                case faults.PodKilled(pod=number) | faults.PodTerminated(pod=number):
                    await self._start_again(number)
                case faults.PodPaused(pod=number):
                    self._pods[number].signal(signal.SIGCONT)
                case faults.ClientsLeave():
                    pass
                case _:
                    await self._other(fault).end(fault)
        except WorldFailed as error:
            raise CannotBreak(str(error)) from error

    def _server(self) -> RedisProcess:
        if self._redis is None:
            raise CannotBreak("this Redis is not the lab's own")
        return self._redis

    def _other(self, fault: Fault) -> Nemesis:
        """The one of this nemesis's own that such a fault is for."""
        if body_of(fault) is not None:
            return self._origin
        found = self._of_redis if trouble_of(fault) is None else self._relay
        if found is None:
            raise CannotBreak("this system was not started for it")
        return found

    async def _kill(self, number: int) -> None:
        pod = self._pods[number]
        if not pod.may_end:
            await self._before_pod_ends(number, pod.lives)
            await pod.kill()

    def _terminate(self, number: int) -> None:
        pod = self._pods[number]
        if not pod.may_end:
            pod.terminate()
            self._farewells[number] = asyncio.create_task(
                self._say_farewell(number), name=f"the last words of {pod.name}"
            )

    async def _say_farewell(self, number: int) -> None:
        """Ask a pod that drains for what it has counted, until it has ended."""
        pod = self._pods[number]
        while not pod.has_ended:
            if not await self._before_pod_ends(number, pod.lives):
                return
            await asyncio.sleep(LOOK_EVERY_S)

    async def _start_again(self, number: int) -> None:
        pod = self._pods[number]
        await pod.start_again()
        if (farewell := self._farewells.pop(number, None)) is not None:
            await farewell
        await self._origin.tell_new_pod(pod.url)
