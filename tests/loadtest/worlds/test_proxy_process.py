"""Real proxies in front of a pod of a few lines: how each gets its answers, in the lab's words, and that it ends."""

import asyncio
import json
import re
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress
from pathlib import Path

import httpx
import psutil
import pytest

from app.proxies.nginx import Nginx, NginxLock, NginxShared, NginxSwr
from app.proxies.varnish import Varnish, VarnishGrace, VarnishNoGrace, VarnishShared
from app.proxy import Proxy
from app.strategy import Status
from loadtest.worlds.child_processes import Children
from loadtest.worlds.proxy_process import Proxies, ProxyProcess
from loadtest.worlds.world import WorldFailed
from tests.proxies import program_of

TTL_S, AT_ONCE = 1, 6
LOAD_S = 0.7
"""How long a load takes, unless there is one for each request: who comes late finds it under way still."""


class FewLines:
    """A pod that says that its answers are fresh for `TTL_S`, and can be made to fail."""

    def __init__(self) -> None:
        self.loads, self.fails, self.load_s = 0, False, LOAD_S
        self._under_way, self._all_load = 0, asyncio.Event()
        self._writers: list[asyncio.StreamWriter] = []

    async def answer(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._writers.append(writer)
        with suppress(asyncio.IncompleteReadError, OSError):
            while True:
                head = await reader.readuntil(b"\r\n\r\n")
                line, headers, body = "200 OK", "", json.dumps({"pod": "pod-1"})
                if b"/data?" in head:
                    await self._load()
                    body, headers = f"load {self.loads}", f"cache-control: max-age={TTL_S}\r\n"
                    if self.fails:
                        line, headers = "503 Service Unavailable", "cache-control: no-store\r\n"
                writer.write(f"HTTP/1.1 {line}\r\n{headers}content-length: {len(body)}\r\n\r\n{body}".encode())

    async def _load(self) -> None:
        self.loads += 1
        self._under_way += 1
        if self._under_way == AT_ONCE:
            self._all_load.set()
        with suppress(TimeoutError):
            async with asyncio.timeout(self.load_s):
                await self._all_load.wait()
        self._under_way -= 1
        if not self._under_way:
            self._all_load.clear()

    async def aclose(self) -> None:
        for writer in self._writers:
            writer.close()
        await asyncio.gather(*(writer.wait_closed() for writer in self._writers), return_exceptions=True)


class InFront:
    """A proxy in front of that pod, and its answers."""

    def __init__(
        self, proxy: type[Proxy], process: ProxyProcess, pod: FewLines, client: httpx.AsyncClient, children: Children
    ) -> None:
        self.process, self.pod = process, pod
        self._proxy, self._client, self._children = proxy, client, children

    async def ask(self) -> tuple[int, Status]:
        """The code of an answer, and its status in the lab's words."""
        answer = await self._client.get(f"{self.process.url}/{self._proxy.name}/data?id=7")
        told = answer.headers["cache-status"]
        assert told.startswith(self._proxy.library), told
        found = re.search(r"; detail=(\w+)$", told)
        assert found is not None, told
        return answer.status_code, Status(found[1])

    async def ask_at_once(self) -> list[Status]:
        answers = await asyncio.gather(*(self.ask() for _ in range(AT_ONCE)))
        return sorted(status for _, status in answers)

    def told(self, proxies: Proxies) -> list[str]:
        """What a run tells of proxies that have ended, or lost a process, but for how they go on."""
        lost = [sentence.partition(" during")[0] for sentence in proxies.losses()]
        return lost + [child.name for child in self._children.fallen()]

    async def expired(self) -> None:
        """Wait until the answer has expired, whatever its program rounds."""
        await asyncio.sleep(TTL_S + self._proxy.rounding_s + 0.05)


def _client() -> httpx.AsyncClient:
    """A client with a connection for each request: nginx holds that of the one which begins a background update."""
    return httpx.AsyncClient(trust_env=False, limits=httpx.Limits(max_keepalive_connections=0))


@asynccontextmanager
async def in_front(proxy: type[Proxy], folder: Path) -> AsyncIterator[InFront]:
    program_of(proxy)
    pod = FewLines()
    servers = [await asyncio.start_server(pod.answer, "127.0.0.1", 0) for _ in range(1 + proxy.is_shared)]
    urls = [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}" for server in servers]
    try:
        async with Children() as children, _client() as client:
            process = ProxyProcess(children, proxy, 1, urls, folder)
            await process.start()
            try:
                yield InFront(proxy, process, pod, client, children)
            finally:
                await process.end()
    finally:
        for server in servers:
            server.close()
        await pod.aclose()


MISS, HIT, STALE, ERROR = Status.MISS, Status.HIT, Status.STALE, Status.ERROR
Case = tuple[type[Proxy], int, int, list[Status]]
# of requests at once: loads of what was never there, and the loads and the answers of what has expired
CLASSES: dict[str, list[Case]] = {
    "nginx": [
        (Nginx, AT_ONCE, AT_ONCE, [MISS] * AT_ONCE),
        (NginxLock, 1, AT_ONCE, [MISS] * AT_ONCE),
        (NginxSwr, 1, 1, [STALE] * AT_ONCE),
        (NginxShared, 1, 1, [STALE] * AT_ONCE),
    ],
    "varnish": [
        (Varnish, 1, 1, [STALE] * AT_ONCE),
        (VarnishNoGrace, 1, 1, [HIT] * (AT_ONCE - 1) + [MISS]),
        (VarnishGrace, 1, 1, [STALE] * AT_ONCE),
        (VarnishShared, 1, 1, [STALE] * AT_ONCE),
    ],
}


@pytest.mark.alone
@pytest.mark.parametrize("library", CLASSES)
def test_a_proxy_has_its_class_of_protection_when_an_answer_is_new_and_when_it_has_expired(
    library: str, tmp_path: Path
) -> None:
    async def tried(proxy: type[Proxy], at_first: int, at_expiry: int, told: list[Status]) -> None:
        (folder := tmp_path / proxy.name).mkdir()
        async with in_front(proxy, folder) as one:
            first = await one.ask_at_once()
            assert (one.pod.loads, first.count(MISS)) == (at_first, at_first), proxy.name
            assert await one.ask() == (200, HIT), proxy.name
            await one.expired()
            assert await one.ask_at_once() == told, proxy.name
            await asyncio.sleep(LOAD_S + 0.1)  # what goes on in the background
            assert one.pod.loads == at_first + at_expiry, proxy.name
            assert await one.ask() == (200, HIT), proxy.name

    async def side_by_side() -> None:
        await asyncio.gather(*(tried(*case) for case in CLASSES[library]))

    asyncio.run(side_by_side())


# the first answer and the next ones while the pod fails, once what was there has expired
FAILING: dict[str, dict[type[Proxy], tuple[Status, Status]]] = {
    "nginx": {Nginx: (ERROR, ERROR), NginxSwr: (STALE, STALE)},
    "varnish": {Varnish: (STALE, ERROR), VarnishNoGrace: (ERROR, ERROR), VarnishGrace: (STALE, STALE)},
}


@pytest.mark.parametrize("library", FAILING)
def test_an_error_of_the_pod_is_never_kept_and_an_old_answer_takes_its_place_where_the_setting_says_so(
    library: str, tmp_path: Path
) -> None:
    async def tried(proxy: type[Proxy], told: tuple[Status, Status]) -> None:
        (folder := tmp_path / proxy.name).mkdir()
        async with in_front(proxy, folder) as one:
            one.pod.load_s = 0.05
            assert await one.ask() == (200, MISS), proxy.name
            one.pod.fails = True
            await one.expired()
            for status in told:
                assert await one.ask() == (503 if status == ERROR else 200, status), proxy.name
                await asyncio.sleep(0.2)  # what goes on in the background
            one.pod.fails = False
            await one.ask()
            assert (await one.ask())[0] == 200, proxy.name

    async def side_by_side() -> None:
        await asyncio.gather(*(tried(proxy, told) for proxy, told in FAILING[library].items()))

    asyncio.run(side_by_side())


@pytest.mark.parametrize("proxy", [NginxSwr, Varnish], ids=lambda proxy: proxy.name)
def test_a_proxy_that_is_killed_is_told_and_nothing_of_it_is_left(proxy: type[Proxy], tmp_path: Path) -> None:
    async def tried() -> None:
        async with in_front(proxy, tmp_path) as one:
            await one.ask()
            proxies, before = Proxies([one.process]), one.process.cpu_s()
            assert before
            assert not one.told(proxies)
            *_, youngest = before
            psutil.Process(youngest).kill()
            give_up_s = time.monotonic() + 5
            while not (told := one.told(proxies)) and time.monotonic() < give_up_s:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
            assert told == [f"{one.process.name}{' has lost a process' * (len(before) > 1)}"]
            family = {*before, *one.process.cpu_s()}
        assert not [pid for pid in family if psutil.pid_exists(pid)]

    asyncio.run(tried())
    left = {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*") if path.is_file()}
    assert left in ({"nginx-1/nginx.conf", "nginx-1.log"}, {"varnish-1/pod.vcl", "varnish-1.log"})


def test_a_program_that_refuses_its_configuration_is_named_with_what_it_says(tmp_path: Path) -> None:
    class Slip(NginxLock):
        directives = ("proxy_cash_lock on;",)

    async def tried() -> None:
        async with in_front(Slip, tmp_path):
            raise AssertionError("it started")

    with pytest.raises(WorldFailed, match=r"(?s)nginx-1 did not start: .*exited with 1.*proxy_cash_lock"):
        asyncio.run(tried())


def test_a_proxy_that_is_not_installed_names_the_command_that_installs_it(tmp_path: Path) -> None:
    class Absent(Nginx):
        program = "nginx-of-nobody"

    async def tried() -> None:
        async with Children() as children:
            await ProxyProcess(children, Absent, 1, ["http://127.0.0.1:1"], tmp_path).start()

    with pytest.raises(WorldFailed, match="nginx is not installed: apt-get install nginx-light"):
        asyncio.run(tried())
