"""The nemesis of the running stack: each fault is begun by commands of Docker, and undone by others."""

import asyncio
import shlex
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from loadtest.workload.fault_worlds import why_not
from loadtest.workload.faults import (
    CacheFlushed,
    CacheFull,
    CachePaused,
    CacheRefuses,
    CacheUnreachable,
    Fault,
    Lasting,
    PodKilled,
    PodPaused,
    PodTerminated,
)
from loadtest.worlds.docker_stack import Container, Containers, DockerStack
from loadtest.worlds.nemesis import CannotBreak, place_of
from loadtest.worlds.origin_faults import body_of
from loadtest.worlds.redis_faults import NO_ONE
from loadtest.worlds.relay_faults import trouble_of
from loadtest.worlds.stack_words import (
    Words,
    answers,
    origin_begins,
    origin_ends,
    redis_cli,
    relay_begins,
    relay_ends,
)
from loadtest.worlds.uninterrupted import to_the_end
from loadtest.worlds.world import WorldFailed

RUNNING = "running"
WELL_WITHIN_S = 15.0
LOOK_EVERY_S = 0.2
OOM_AT_ONCE_BYTES = 1
"""A bound of Redis's memory below what an empty one takes: whatever needs memory is refused."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The commands of `docker` that begin a fault, and those that undo it; a moment has nothing to undo."""

    begin: Sequence[Words]
    undo: Sequence[Words] = ()
    is_well: Words | None = None
    """The command that ends well once the part is well again; None where undoing it is enough."""


class StackNemesis:
    """The nemesis of a stack. Implements `Nemesis`; an end that has begun is not cancelled any more."""

    def __init__(self, stack: DockerStack) -> None:
        self._stack = stack
        self._on: dict[tuple[str, int | None], Steps] = {}

    async def steps(self, fault: Fault) -> Steps:
        """The steps of a fault, once it is known that it can be done. Raises `CannotBreak` or `StackMissing`."""
        found = await self._stack.containers()
        if reason := why_not(fault, "stack"):
            raise CannotBreak(reason)
        if isinstance(fault, PodKilled | PodPaused | PodTerminated):
            return _to_container(_pod(found, fault.pod), fault)
        if isinstance(fault, Lasting) and (body := body_of(fault)) is not None:
            return _of_origins(found, body, fault.for_s)
        if isinstance(fault, Lasting) and (trouble := trouble_of(fault)) is not None:
            relay = _relay(found)
            return Steps([relay_begins(relay, trouble.model_dump(), fault.for_s)], [relay_ends(relay, trouble.kind)])
        return await self._of_redis(_ready(found.of("redis")[0]), fault)

    async def _of_redis(self, redis: Container, fault: Fault) -> Steps:
        match fault:
            case CachePaused() | CacheUnreachable():
                return _to_container(redis, fault)
            case CacheFlushed():
                return Steps([redis_cli(redis, "flushall")])
            case CacheFull():
                return await self._full(redis, fault.policy, 1.0 if fault.share is None else fault.share)
            case CacheRefuses(error="OOM"):
                return await self._full(redis, "noeviction")
            case CacheRefuses(error="READONLY"):
                # a replica of a master that is not there: it keeps what it has, and answers reads
                return Steps([redis_cli(redis, "replicaof", *NO_ONE)], [redis_cli(redis, "replicaof", "no", "one")])
        raise CannotBreak("the stack has no means for it")

    async def begin(self, fault: Fault) -> None:
        """Implements `Nemesis.begin`; a beginning that fails half-way is undone."""
        await self.end(fault)
        steps = await self._steps_or_why(fault)
        self._on[place_of(fault)] = steps
        try:
            await self._do(steps.begin)
        except WorldFailed as error:
            with suppress(CannotBreak):
                await self.end(fault)
            raise CannotBreak(str(error)) from error

    async def end(self, fault: Fault) -> None:
        """Implements `Nemesis.end`; where it cannot be undone, the text says what would."""
        steps = self._on.pop(place_of(fault), None)
        if steps is not None:
            await to_the_end(self._undo(steps))

    async def _undo(self, steps: Steps) -> None:
        try:
            await self._do(steps.undo)
        except WorldFailed as error:
            by_hand = "; ".join(f"docker {shlex.join(words)}" for words in steps.undo)
            raise CannotBreak(f"{error}\nby hand: {by_hand}") from error
        if steps.is_well is not None:
            await self._wait_until(steps.is_well)

    async def _wait_until(self, is_well: Words) -> None:
        """Wait until a part is well again. Raises `CannotBreak` after `WELL_WITHIN_S`."""
        try:
            async with asyncio.timeout(WELL_WITHIN_S):
                while True:
                    with suppress(WorldFailed):
                        await self._stack.docker(*is_well)
                        return
                    await asyncio.sleep(LOOK_EVERY_S)
        except TimeoutError:
            raise CannotBreak(f"it is undone, and not well again within {WELL_WITHIN_S:g} s: make ps") from None

    async def _do(self, every: Sequence[Words]) -> None:
        """Do all at once, to the end, and raise the error of the first that failed."""
        for error in await asyncio.gather(*(self._stack.docker(*words) for words in every), return_exceptions=True):
            if isinstance(error, BaseException):
                raise error

    async def _steps_or_why(self, fault: Fault) -> Steps:
        try:
            return await self.steps(fault)
        except WorldFailed as error:
            raise CannotBreak(str(error)) from error

    async def _full(self, redis: Container, policy: str, share: float = 0.0) -> Steps:
        """The steps that leave Redis room for a share of what it holds, or no room at all where it evicts nothing."""
        was = await self._pairs(redis, "config", "get", "maxmemory*")
        memory = await self._pairs(redis, "info", "memory")
        stored = int(memory["used_memory_dataset"])
        room = int(memory["used_memory"]) - stored + int(stored * share)
        asked = {
            "maxmemory": str(room if policy == "allkeys-lru" else OOM_AT_ONCE_BYTES),
            "maxmemory-policy": policy,
        }
        full, as_it_was = (
            redis_cli(redis, "config", "set", *(word for name in asked for word in (name, values[name])))
            for values in (asked, was)
        )
        return Steps([full], [as_it_was])

    async def _pairs(self, redis: Container, *words: str) -> dict[str, str]:
        """The reply of Redis as pairs: lines in turn, or `name:value`."""
        lines = [line.strip() for line in (await self._stack.docker(*redis_cli(redis, *words))).splitlines()]
        if any(":" in line for line in lines):
            return dict(line.split(":", 1) for line in lines if ":" in line)
        return dict(zip(lines[::2], lines[1::2], strict=True))


def _pod(found: Containers, place: int) -> Container:
    """The pod of that place, from 0, among the pods by number. Raises `CannotBreak` or `StackMissing`."""
    pods = found.of("app")
    if place >= len(pods):
        raise CannotBreak(f"there is no pod {place + 1}: there are {', '.join(pod.name for pod in pods)}")
    return _ready(pods[place])


def _ready(container: Container) -> Container:
    """The container, which runs. Raises `CannotBreak` where it is broken already."""
    if container.state == RUNNING:
        return container
    mend = "docker unpause" if container.state == "paused" else "docker start"
    raise CannotBreak(f"{container.name} is {container.state} already: {mend} {container.id[:12]} mends it")


def _to_container(container: Container, fault: Fault) -> Steps:
    """The steps of what is done to a process as a whole."""
    match fault:
        case CachePaused() | PodPaused():
            begin, undo = "pause", "unpause"
        case PodTerminated():
            begin, undo = "stop", "start"
        case _:
            begin, undo = "kill", "start"
    return Steps([(begin, container.id)], [(undo, container.id)], answers(container) if undo == "start" else None)


def _of_origins(found: Containers, body: Mapping[str, Any], for_s: float) -> Steps:
    """The steps for the origins of all pods that run. Raises `CannotBreak` or `StackMissing`."""
    _relay(found)  # both are there, or neither
    pods = [pod for pod in found.of("app") if pod.state == RUNNING]
    return Steps([origin_begins(pod, body, for_s) for pod in pods], [origin_ends(pod, body["kind"]) for pod in pods])


def _relay(found: Containers) -> Container:
    """The relay. Raises `StackMissing` where no stack runs, and `CannotBreak` where it was started without."""
    found.of("app")
    relays = [one for one in found.all if one.service == "relay"]
    if not relays:
        raise CannotBreak("these pods were started without the means for it: make up BREAK=1")
    return _ready(relays[0])
