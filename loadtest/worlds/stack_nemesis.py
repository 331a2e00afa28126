"""The nemesis of the running stack: each fault is begun by commands of Docker, and undone by others."""

import shlex
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass

from loadtest.workload.faults import (
    CacheFlushed,
    CacheFull,
    CachePaused,
    CacheRefuses,
    CacheUnreachable,
    Fault,
    PodKilled,
    PodPaused,
    PodTerminated,
)
from loadtest.worlds.docker_stack import Container, Containers, DockerStack, to_the_end
from loadtest.worlds.nemesis import CannotBreak, place_of
from loadtest.worlds.world import WorldFailed

Words = tuple[str, ...]
RUNNING = "running"
OOM_AT_ONCE_BYTES = 1
"""A bound of Redis's memory below what an empty one takes: whatever needs memory is refused."""


@dataclass(frozen=True, slots=True)
class Steps:
    """The commands of `docker` that begin a fault, and those that undo it; a moment has nothing to undo."""

    begin: Sequence[Words]
    undo: Sequence[Words] = ()


class StackNemesis:
    """The nemesis of a stack. Implements `Nemesis`; an end that has begun is not cancelled any more."""

    def __init__(self, stack: DockerStack) -> None:
        self._stack = stack
        self._on: dict[tuple[str, int | None], Steps] = {}

    async def steps(self, fault: Fault) -> Steps:
        """The steps of a fault, once it is known that it can be done. Raises `CannotBreak` or `StackMissing`."""
        found = await self._stack.containers()
        match fault:
            case PodKilled() | PodPaused() | PodTerminated():
                return _to_container(_pod(found, fault.pod), fault)
            case CachePaused():
                return _to_container(_redis(found), fault)
            case CacheUnreachable() if fault.empty:
                return _to_container(_redis(found), fault)
            case CacheFlushed():
                return Steps([_redis_cli(_redis(found), "flushall")])
            case CacheRefuses() if fault.error == "READONLY" and not fault.commands:
                # a replica of a master that is not there: it keeps what it has, and answers reads
                demote, promote = ("127.0.0.1", "1"), ("no", "one")
                demoted, promoted = (_redis_cli(_redis(found), "replicaof", *words) for words in (demote, promote))
                return Steps([demoted], [promoted])
            case CacheFull():
                return await self._full(_redis(found), fault)
        raise CannotBreak(f"{fault.kind}: the stack cannot do it")

    async def begin(self, fault: Fault) -> None:
        """Implements `Nemesis.begin`; a beginning that fails half-way is undone."""
        await self.end(fault)
        steps = await self._steps_or_why(fault)
        self._on[place_of(fault)] = steps
        try:
            for words in steps.begin:
                await self._stack.docker(*words)
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
        for words in steps.undo:
            try:
                await self._stack.docker(*words)
            except WorldFailed as error:
                raise CannotBreak(f"{error}\nby hand: docker {shlex.join(words)}") from error

    async def _steps_or_why(self, fault: Fault) -> Steps:
        try:
            return await self.steps(fault)
        except WorldFailed as error:
            raise CannotBreak(str(error)) from error

    async def _full(self, redis: Container, fault: CacheFull) -> Steps:
        was = await self._pairs(redis, "config", "get", "maxmemory*")
        memory = await self._pairs(redis, "info", "memory")
        stored = int(memory["used_memory_dataset"])
        room = int(memory["used_memory"]) - stored + int(stored * (1.0 if fault.share is None else fault.share))
        most = room if fault.policy == "allkeys-lru" else OOM_AT_ONCE_BYTES
        asked = {"maxmemory": str(most), "maxmemory-policy": fault.policy}
        full, as_it_was = (
            _redis_cli(redis, "config", "set", *(word for name in asked for word in (name, values[name])))
            for values in (asked, was)
        )
        return Steps([full], [as_it_was])

    async def _pairs(self, redis: Container, *words: str) -> dict[str, str]:
        """The reply of Redis as pairs: lines in turn, or `name:value`."""
        lines = [line.strip() for line in (await self._stack.docker(*_redis_cli(redis, *words))).splitlines()]
        if any(":" in line for line in lines):
            return dict(line.split(":", 1) for line in lines if ":" in line)
        return dict(zip(lines[::2], lines[1::2], strict=True))


def _redis(found: Containers) -> Container:
    return _ready(found.of("redis")[0])


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
    return Steps([(begin, container.id)], [(undo, container.id)])


def _redis_cli(redis: Container, *words: str) -> Words:
    """The command that asks Redis in its container; the client's exit code tells of an error reply."""
    return ("exec", redis.id, "redis-cli", "-e", *words)
