"""The stack of this checkout as the machine's Docker knows it: its containers, and what is done to them."""

import asyncio
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from loadtest import ROOT
from loadtest.worlds.uninterrupted import to_the_end
from loadtest.worlds.world import WorldFailed

DOCKER_WITHIN_S = 30.0
"""Seconds within which a command of Docker has ended; ending a pod takes its grace."""
_LABEL = "com.docker.compose"
_SHOWN = "\\t".join(
    (
        "{{.ID}}",
        f'{{{{.Label "{_LABEL}.service"}}}}',
        f'{{{{.Label "{_LABEL}.container-number"}}}}',
        "{{.State}}",
        "{{.Ports}}",
    )
)
_PUBLISHED = re.compile(r"([\d.]+:\d+)->(\d+)/tcp")


class StackMissing(WorldFailed):
    """No stack of this checkout runs, or it lacks a part; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Container:
    """A container of the stack: its id, service, number, state in Docker's words, and published ports by its own."""

    id: str
    service: str
    number: int
    state: str
    published: Mapping[int, str]

    @property
    def name(self) -> str:
        """The name that `make ps` and `X-Served-By` show."""
        return f"{self.service}-{self.number}"

    def url(self, port: int) -> str:
        """The URL on this machine of one of its ports. Raises `StackMissing` where it is not published now."""
        if port not in self.published:
            raise StackMissing(f"{self.name} is {self.state}, and has no port here: make up")
        return f"http://{self.published[port]}"


@dataclass(frozen=True, slots=True)
class Containers:
    """The containers of a stack at one moment, by number; those of one-off commands are left out."""

    all: Sequence[Container]

    def of(self, service: str) -> list[Container]:
        """The containers of a service. Raises `StackMissing` where it has none."""
        found = [one for one in self.all if one.service == service]
        if not found:
            raise StackMissing(f"no {service} runs: make up" if self.all else "no stack runs here: make up")
        return found


class DockerStack:
    """The stack of a checkout, found as the scripts of `bin/` find it. Every command raises `WorldFailed`."""

    def __init__(self, checkout: Path = ROOT) -> None:
        self._checkout = checkout

    async def containers(self) -> Containers:
        """The stack's containers, whatever their state. Raises `StackMissing` where there is no Docker."""
        script = self._checkout / "bin" / "compose"
        if not script.exists():
            raise StackMissing(f"{self._checkout} is no checkout of the lab, and so has no stack")
        project = await to_the_end(_ended("bash", str(script), "name"))
        wanted = (f"label={_LABEL}.project={project}", f"label={_LABEL}.oneoff=False")
        filters = [word for one in wanted for word in ("--filter", one)]
        listed = await self.docker("ps", "--all", "--no-trunc", *filters, "--format", _SHOWN)
        found = []
        for line in listed.splitlines():
            identity, service, number, state, *ports = line.split("\t")
            published = {int(port): place for place, port in _PUBLISHED.findall("".join(ports))}
            found.append(Container(identity, service, int(number), state, published))
        return Containers(sorted(found, key=lambda one: (one.service, one.number)))

    async def docker(self, *words: str) -> str:
        """The output of a command of `docker`, which is not left half done."""
        return await to_the_end(_ended("docker", *words))


async def _ended(*words: str) -> str:
    """The output of a command in a session of its own, so that a Ctrl-C of the terminal spares it."""
    try:
        process = await asyncio.create_subprocess_exec(
            *words,
            stdin=asyncio.subprocess.DEVNULL,
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
            start_new_session=True,
        )
    except FileNotFoundError:
        raise StackMissing(f"there is no {words[0]} here") from None
    try:
        async with asyncio.timeout(DOCKER_WITHIN_S):
            said, errors = await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
        raise WorldFailed(f"{' '.join(words)} has not ended within {DOCKER_WITHIN_S:g} s") from None
    if process.returncode == 0:
        return said.decode(errors="replace").strip()
    why = errors.decode(errors="replace").strip() or said.decode(errors="replace").strip()
    if process.returncode == 2 and why.startswith("error: "):  # of a script of bin/
        raise StackMissing(why.removeprefix("error: "))
    raise WorldFailed(f"{' '.join(words)} ended with {process.returncode}: {why}")
