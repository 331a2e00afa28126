"""A warmer beside pods that run already: those of the stack, or of one's own; only ones that are the lab's."""

import asyncio
import os
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest import ROOT
from loadtest.worlds.ambient import child_environment, shown_url
from loadtest.worlds.docker_stack import DockerStack
from loadtest.worlds.lease import KEY
from loadtest.worlds.system import ANSWER_WITHIN_S
from loadtest.worlds.uninterrupted import to_the_end
from loadtest.worlds.world import WorldFailed

LOOKED_AT_MAX = 1_000
"""The keys of a Redis that are looked at, to tell whether they are the lab's."""
ENDS_WITHIN_S = 15.0
"""Seconds within which a warmer whose input has ended has told how far it came."""
OURS = ("lab:", "stampede-lab:")
_MANNERS = (
    "--rm", "--interactive", "--read-only", "--cap-drop=ALL", "--security-opt=no-new-privileges:true", "--memory=192m",
    "--pids-limit=4096", "--tmpfs=/data:uid=10001,gid=10001,mode=0700,size=64m", "--tmpfs=/tmp:size=16m",
)  # fmt: skip
"""The options of the warmer's container, as the stack's own have them."""
_WORDS = ("-m", "app.warming", "--until-eof")


class Foreign(ValueError):
    """A Redis is somebody else's, or a run has it; the text says which."""


async def in_the_stack(stack: DockerStack, options: Sequence[str]) -> list[str]:
    """The command of a warmer in a container of its own beside the stack's pods. Raises `WorldFailed`.

    It has the first pod's image, settings and network, and takes nothing of that pod's memory.
    """
    pod = (await stack.containers()).of("app")[0]
    shown = "{{.Config.Image}}{{println}}{{range .Config.Env}}{{println .}}{{end}}"
    image, *variables = (await stack.docker("inspect", "--format", shown, pod.id)).splitlines()
    settings = [f"--env={one}" for one in variables if one.startswith("LAB_")]
    beside = [f"--network=container:{pod.id}", *settings, "--env=LAB_POD=warmer"]
    return ["docker", "run", *_MANNERS, *beside, "--entrypoint=python", image, *_WORDS, *options]


def of_ones_own(options: Sequence[str]) -> list[str]:
    """The command of a warmer on this machine."""
    return [sys.executable, *_WORDS, *options]


async def refuse_foreign(redis_url: str) -> None:
    """Raise `Foreign` where a Redis holds keys that are not the lab's, or a run has it; `WorldFailed` if it is away."""
    try:
        async with Redis.from_url(redis_url, socket_timeout=ANSWER_WITHIN_S) as client:
            if await client.exists(KEY):
                raise Foreign(f"{shown_url(redis_url)}: a run has this Redis, and a warmer would spoil it")
            looked_at = 0
            async for key in client.scan_iter(count=LOOKED_AT_MAX):
                name = key.decode(errors="replace")
                if not name.startswith(OURS):
                    raise Foreign(f"{shown_url(redis_url)}: holds {name[:80]!r}, which is not the lab's")
                if (looked_at := looked_at + 1) >= LOOKED_AT_MAX:
                    break
    except (RedisError, OSError) as error:
        raise WorldFailed(f"Redis at {shown_url(redis_url)} does not answer: {error}") from error


def environment(stated: Mapping[str, str], redis_url: str) -> dict[str, str]:
    """The environment of a warmer on this machine: the settings that pods have, and what is stated instead."""
    inherited = {name: value for name, value in os.environ.items() if name.startswith("LAB_")}
    # a mistake is warmed where it is named, and only there
    own = {"LAB_REDIS_URL": redis_url, "LAB_POD": "warmer", "LAB_WRONG": "True", "PYTHONPATH": str(ROOT)}
    return child_environment({**inherited, **stated, **own}, home=os.environ.get("HOME", "/"))


async def follow(command: Sequence[str], variables: Mapping[str, str] | None, say: Callable[[str], None]) -> int:
    """Run a warmer, say what it says, and return its exit code.

    Whoever cancels this ends its input, and with that the warmer, which then tells how far it came. It ends the same
    way where this process is killed. Raises `WorldFailed` where the command is not there.
    """
    try:
        process = await asyncio.create_subprocess_exec(
            *command,
            stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE,
            env=variables,
            start_new_session=True,  # Ctrl-C reaches this process alone
        )
    except FileNotFoundError:
        raise WorldFailed(f"there is no {command[0]} here") from None
    listening = asyncio.create_task(_listen(process, say), name="listen to the warmer")
    try:
        await asyncio.shield(listening)
        return await process.wait()
    except asyncio.CancelledError:
        await to_the_end(_end(process, listening))
        raise


async def _listen(process: asyncio.subprocess.Process, say: Callable[[str], None]) -> None:
    assert process.stdout is not None
    while line := await process.stdout.readline():
        say(line.decode(errors="replace").rstrip())


async def _end(process: asyncio.subprocess.Process, listening: "asyncio.Task[None]") -> None:
    assert process.stdin is not None
    process.stdin.close()
    with suppress(TimeoutError):
        async with asyncio.timeout(ENDS_WITHIN_S):
            await asyncio.shield(listening)
            await process.wait()
            return
    process.kill()
    await process.wait()
    await listening
