import asyncio
import os
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field, replace

import psutil
import pytest
from rich.console import Console
from typer.testing import CliRunner

from app.discovery import discover
from benchmarks.__main__ import app
from benchmarks.hitpath.comparison import IDS, compare_hitpath
from benchmarks.hitpath.generator import HOST, Order, Sample, UnexpectedAnswer, drive
from benchmarks.hitpath.result import RATIOS_MIN, HitpathResult, ScrapeTime, Window, WindowPair
from benchmarks.hitpath.scrapes import measure_scrapes
from benchmarks.hitpath.table import print_hitpath
from loadtest import ROOT

pytestmark = pytest.mark.alone

SMALL = "asyncio.run(compare_hitpath(pairs=1, window_s=0.3, connections=(1, 8), seed=1))"


@dataclass
class Watched:
    """A small comparison, run for real, and the processes that were seen at work in it."""

    result: HitpathResult
    told: list[Window]
    pids: set[int]


@pytest.fixture(scope="module")
def watched() -> Watched:
    mine = psutil.Process()
    others = {child.pid for child in mine.children()}
    told: list[Window] = []
    pids: set[int] = set()

    def tell(run: Window) -> None:
        told.append(run)
        pids.update(child.pid for child in mine.children() if child.pid not in others)

    return Watched(
        asyncio.run(compare_hitpath(pairs=1, window_s=0.3, connections=(1, 8), seed=1, tell=tell)), told, pids
    )


def test_both_servers_are_measured_under_load_and_alone(watched: Watched) -> None:
    result = watched.result
    ((loaded,), (alone,)) = result.pairs[8], result.pairs[1]
    assert result.strategy == discover().baseline
    for pair, connections in ((loaded, 8), (alone, 1)):
        assert (pair.service.server, pair.bare.server) == ("service", "bare")
        for run in (pair.service, pair.bare):
            assert run.connections == connections
            assert run.requests > 0
            assert 0 < run.cpu_s < 2 * run.seconds
            assert 0 < run.p50_ms < 1000 * run.seconds
    assert result.ratio(8) == loaded.ratio > 0
    assert alone.ratio > 0
    assert sorted(run.requests for run in watched.told) == sorted(
        run.requests for pair in (loaded, alone) for run in (pair.service, pair.bare)
    )


def test_all_of_the_services_answers_are_hits_but_the_first_of_each_id(watched: Watched) -> None:
    counted = sum(pair.service.requests for pairs in watched.result.pairs.values() for pair in pairs)
    assert watched.result.statuses.keys() == {"hit", "miss"}
    assert watched.result.statuses["miss"] == IDS
    assert watched.result.statuses["hit"] >= counted


def test_all_processes_of_a_comparison_are_gone_when_it_ends(watched: Watched) -> None:
    assert len(watched.pids) >= 3  # Redis, the service, the bare app
    assert not [pid for pid in watched.pids if psutil.pid_exists(pid)]


def test_an_interrupted_comparison_leaves_no_process() -> None:
    program = f"import asyncio\nfrom benchmarks.hitpath.comparison import compare_hitpath\n{SMALL.replace('0.3', '60')}"
    owner = subprocess.Popen(
        [sys.executable, "-c", program], cwd=ROOT, stderr=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        children = _children_of(owner.pid, at_least=4)
        owner.send_signal(signal.SIGINT)
        _, errors = owner.communicate(timeout=30)
        assert "KeyboardInterrupt" in errors
        assert not [pid for pid in children if psutil.pid_exists(pid)]
    finally:
        owner.kill()
        owner.communicate()


def _children_of(pid: int, at_least: int) -> list[int]:
    give_up_s = time.monotonic() + 60
    while time.monotonic() < give_up_s:
        if len(children := psutil.Process(pid).children()) >= at_least:
            return [child.pid for child in children]
        time.sleep(0.02)
    raise TimeoutError(f"fewer than {at_least} processes after a minute")


@dataclass
class Canned:
    """A server on a port of its own that gives every request the same answer, in these chunks."""

    chunks: list[bytes]
    hangs_up: bool = False
    port: int = field(init=False)

    async def drive(self, connections: int = 2, may_fail: bool = False) -> Sample:
        server = await asyncio.start_server(self._serve, HOST, 0)
        async with server:
            self.port = server.sockets[0].getsockname()[1]
            order = Order(
                port=self.port,
                server_pid=os.getpid(),
                paths=["/?id=7"],
                bodies=["seven"],
                head_must_hold="cache-status: it; hit",
                connections=connections,
                warm_s=0.05,
                window_s=0.1,
                may_fail=may_fail,
            )
            return await drive(order)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while not self.hangs_up and await reader.readuntil(b"\r\n\r\n"):
                for chunk in self.chunks:
                    writer.write(chunk)
                    await writer.drain()
                    await asyncio.sleep(0)
        except (asyncio.IncompleteReadError, ConnectionError):
            pass
        finally:
            writer.close()


GOOD = b"HTTP/1.1 200 OK\r\ncache-status: it; hit\r\ncontent-length: 5\r\n\r\nseven"


@pytest.mark.parametrize("cut", [0, 20, GOOD.index(b"\r\n\r\n") + 2, len(GOOD) - 3])
def test_an_answer_in_chunks_is_one_answer(cut: int) -> None:
    sample = asyncio.run(Canned([GOOD[:cut], GOOD[cut:]]).drive())
    assert sample.requests > 0
    assert sample.seconds >= 0.1


@pytest.mark.parametrize(
    ("server", "reason"),
    [
        (Canned([GOOD.replace(b"seven", b"eight")]), "eight"),
        (Canned([GOOD.replace(b"200 OK", b"503 No")]), "503"),
        (Canned([GOOD.replace(b"; hit", b"; fwd=miss")]), "fwd=miss"),
        (Canned([GOOD.replace(b"content-length: 5", b"x: y")]), "without a length"),
        (Canned([GOOD + b"!"]), "seven!"),
        (Canned([], hangs_up=True), "a connection ended"),
        (Canned([]), "no answer within"),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_any_other_answer_ends_the_run(server: Canned, reason: str) -> None:
    with pytest.raises(UnexpectedAnswer, match=reason):
        asyncio.run(server.drive())


@pytest.fixture
def result() -> HitpathResult:
    bare = Window("bare", 64, requests=1_000, seconds=1.0, cpu_s=1.0, p50_ms=6.0, errors=7)
    pairs = tuple(
        WindowPair(replace(bare, server="service", requests=count, errors=0), bare) for count in (1_100, 1_300, 1_200)
    )
    alone = (
        WindowPair(
            replace(bare, server="service", connections=1, requests=500, errors=0),
            replace(bare, connections=1, errors=0),
        ),
    )
    return HitpathResult("plain", 597, {1: alone, 64: pairs}, {"miss": 100, "hit": 4_000})


def test_the_ratio_is_the_median_over_the_pairs(result: HitpathResult) -> None:
    assert result.ratio(64) == pytest.approx(1.2)


def test_what_is_printed_holds_the_ratios_with_their_spread(result: HitpathResult) -> None:
    console = Console(width=110)
    machine = {"machine": {"cores": 2, "cpu": "a test"}}
    with console.capture() as captured:
        print_hitpath(console, result, [ScrapeTime(20, 0.62)], machine)
    rows = [line.replace(" ", "").split("│")[1:-1] for line in captured.get().splitlines()]
    assert ["service", "64", "1,200", "1,200", "6.00", "0", "1.20", "1.10", "1.30"] in rows
    assert ["bare", "64", "1,000", "1,000", "6.00", "21", "1", "", ""] in rows
    assert ["service", "1", "500", "500", "6.00", "0", "0.50", "0.50", "0.50"] in rows
    said = " ".join(captured.get().split())
    assert "takes 0.62 ms at 20 strategies" in said
    assert "2 cores of a test, where the bare app's own windows differed by up to 0%" in said


def test_a_scrape_is_timed_at_few_and_at_many_strategies() -> None:
    few, many = measure_scrapes()
    assert few.strategies < many.strategies
    assert 0 < few.ms < many.ms


def test_a_server_that_may_fail_is_asked_again_and_its_errors_are_counted() -> None:
    class Limping(Canned):
        """It answers every third connection, once each, and fails the others."""

        served = 0

        async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            self.served += 1
            try:
                while await reader.readuntil(b"\r\n\r\n"):
                    if self.served % 3 == 0:
                        writer.write(GOOD)
                        self.served += 1
                        continue
                    writer.write(b"HTTP/1.1 500 No\r\ncontent-length: 2\r\nconnection: close\r\n\r\nno")
                    break
            except asyncio.IncompleteReadError:
                pass
            finally:
                writer.close()

    sample = asyncio.run(Limping([]).drive(may_fail=True))
    assert sample.errors > sample.requests > 0
    with pytest.raises(UnexpectedAnswer, match="500 No"):
        asyncio.run(Limping([]).drive())


@pytest.mark.parametrize(("better", "code"), [(0.99, 1), (1.01, 0)])
def test_the_command_fails_below_the_least_ratio_of_any_number_of_connections(
    better: float, code: int, result: HitpathResult, monkeypatch: pytest.MonkeyPatch
) -> None:
    bare = result.pairs[1][0].bare

    async def compared(**_: object) -> HitpathResult:
        ratios = RATIOS_MIN | {64: RATIOS_MIN[64] * better}
        pairs: dict[int, tuple[WindowPair, ...]] = {
            at: (WindowPair(replace(bare, server="service", requests=round(least * bare.requests)), bare),)
            for at, least in ratios.items()
        }
        return replace(result, pairs=pairs)

    monkeypatch.setattr("benchmarks.cli.hitpath.compare_hitpath", compared)
    ended = CliRunner().invoke(app, ["hitpath"], env={"COLUMNS": "200"})
    assert ended.exit_code == code, ended.output
    assert ("at 64 (at least 1.5)" in ended.stderr) == bool(code)
