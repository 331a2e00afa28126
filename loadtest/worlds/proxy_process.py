"""A proxy as a child process in front of one pod or of all, with a port and a folder of its own."""

import asyncio
import json
import shutil
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil

from app.proxy import Placement, Proxy
from loadtest.figures.whole_file import write_whole
from loadtest.worlds.child_processes import GRACE_S, Child, Children
from loadtest.worlds.python_server import HOST, START_WITHIN_S, free_port
from loadtest.worlds.world import WorldFailed

PORT_TRIES = 3
LOOK_EVERY_S = 0.02
ANSWER_WITHIN_S = 2.0
"""Seconds within which a pod answers through its proxy that it is ready."""


class ProxyProcess:
    """A proxy that stands in front of pods, for one run."""

    def __init__(
        self, children: Children, proxy: type[Proxy], number: int, pod_urls: Sequence[str], folder: Path
    ) -> None:
        """The proxy has that number, from 1 on, stands in front of those pods, and has a folder in `folder`."""
        self._children, self._proxy, self._pod_urls = children, proxy, pod_urls
        self.name = f"{proxy.library}-{number}"
        self._log, self._folder = folder / f"{self.name}.log", folder.absolute() / self.name
        self._port = 0
        self._child: Child | None = None
        self._processes: dict[int, psutil.Process] = {}

    @property
    def url(self) -> str:
        return f"http://{HOST}:{self._port}"

    async def start(self) -> None:
        """Start it on a free port, and wait until its pod answers through it. Raises `WorldFailed`."""
        program = self._proxy.found()
        if program is None:
            raise WorldFailed(f"{self._proxy.library} is not installed: {self._proxy.install}")
        for _ in range(PORT_TRIES):  # another program may take a free port before it is used
            self._port = free_port()
            if await self._starts(program):
                return
        raise WorldFailed(f"{self.name} did not start: {program} {self._how_it_ended}")

    async def _starts(self, program: str) -> bool:
        placement = Placement(self._port, tuple(urlsplit(url).netloc for url in self._pod_urls), self._folder)
        self._folder.mkdir(exist_ok=True)
        for name, text in self._proxy.files(placement).items():
            (self._folder / name).write_text(text, encoding="utf-8")
        command = self._proxy.command(program, placement)
        try:
            self._child = child = await self._children.start(self.name, command, self._log, role=self._proxy.library)
        except OSError as error:
            raise WorldFailed(f"{program} cannot be started: {error}") from error
        if await self._leads_to_pod(child):
            self._processes = {process.pid: process for process in _family(child.pid)}
            return True
        how = child.how_it_ended if child.ended else f"did not answer within {START_WITHIN_S:g} s"
        await self._children.discard(child)
        self._how_it_ended = f"{how}\n{child.last_words()}".rstrip()
        return False

    async def _leads_to_pod(self, child: Child) -> bool:
        """Whether a pod of its own answers through it, once one does; False when it has ended instead."""
        async with httpx.AsyncClient(timeout=ANSWER_WITHIN_S, trust_env=False, verify=False) as client:
            pods = {await _who_answers(client, url) for url in self._pod_urls} - {""}
            give_up_s = time.monotonic() + START_WITHIN_S
            while not child.ended and time.monotonic() < give_up_s:
                if await _who_answers(client, self.url) in pods:
                    return True
                await asyncio.sleep(LOOK_EVERY_S)
        return False

    def cpu_s(self) -> Mapping[int, float]:
        """The CPU seconds of each of its processes that runs, by their ids."""
        assert self._child is not None, "it was started"
        return {process.pid: cpu_s for process in _family(self._child.pid) if (cpu_s := _cpu_s(process)) is not None}

    @property
    def has_lost(self) -> bool:
        """Whether a process that it has started itself has ended, though it runs on: what it had cached is gone."""
        if self._child is None or self._child.ended:
            return False
        return not all(one.is_running() for pid, one in self._processes.items() if pid != self._child.pid)

    async def end(self) -> None:
        """End it, and leave nothing in its folder but its configuration."""
        if self._child is not None:
            family = [*self._processes.values(), *_family(self._child.pid)]
            await self._children.discard(self._child)
            left = [process for process in family if process.is_running()]
            for process in left:  # as where its manager was killed
                with suppress(psutil.NoSuchProcess):  # psutil tells a process from another one with its id
                    process.kill()
            await asyncio.to_thread(psutil.wait_procs, left, timeout=GRACE_S)
        kept = self._proxy.files(Placement(0, (), self._folder))
        for path in self._folder.iterdir() if self._folder.is_dir() else ():
            if path.name not in kept:
                shutil.rmtree(path, ignore_errors=True) if path.is_dir() else path.unlink(missing_ok=True)


class Proxies:
    """The proxies in front of the pods of one run: one for each, or one for all."""

    def __init__(self, processes: Sequence[ProxyProcess]) -> None:
        self._processes = processes

    @property
    def urls(self) -> list[str]:
        """Their URLs, in the order of the pods behind them; a single one in front of all."""
        return [one.url for one in self._processes]

    def keep_cpu(self, path: Path) -> None:
        """Write down the CPU seconds of all their processes so far."""
        write_whole(path, json.dumps({one.name: one.cpu_s() for one in self._processes}, indent=2))

    def losses(self) -> Iterator[str]:
        """The proxies that run and have lost a process, in sentences; one that has fallen counts among the children."""
        for one in self._processes:
            if one.has_lost:
                yield f"{one.name} has lost a process during the run, and what that had cached"


async def _who_answers(client: httpx.AsyncClient, url: str) -> str:
    """The name of the pod that answers there; empty where none does."""
    try:
        return str((await client.get(f"{url}/readyz")).json()["pod"])
    except (httpx.HTTPError, ValueError, KeyError, TypeError):
        return ""


def _family(pid: int) -> list[psutil.Process]:
    """The process and all that it has started; none where it has ended."""
    try:
        process = psutil.Process(pid)
        return [process, *process.children(recursive=True)]
    except psutil.NoSuchProcess:
        return []


def _cpu_s(process: psutil.Process) -> float | None:
    try:
        times = process.cpu_times()
    except psutil.NoSuchProcess:
        return None
    return float(times.user + times.system)
