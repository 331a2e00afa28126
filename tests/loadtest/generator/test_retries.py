"""Clients that give up and try again, in the closed loop as in the open one, against servers in this process."""

import asyncio
import csv
import math
import socket
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

import gevent
import pytest
from gevent.pool import Pool
from gevent.server import StreamServer

from loadtest.figures.generator_record import Due, read_generator
from loadtest.generator import retry_meter
from loadtest.generator.answer_recorder import RETRIED, AnswerRecorder, ClientLeft, EndedRequest
from loadtest.generator.client import Client
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.open_client import OpenClient
from loadtest.generator.plan import LoadPlan
from loadtest.generator.schedule import Arrival
from loadtest.workload.client import BUDGET_BURST, backoff_s
from tests.loadtest.generator.liar import lines_of
from tests.loadtest.generator.test_client import WHOLE
from tests.loadtest.generator.test_plan import OPEN, plan

GOOD = WHOLE["a length"]
SHED = b"HTTP/1.1 503 Service Unavailable\r\ncontent-length: 4\r\n\r\nshed"
SHED_FOR_A_SECOND = SHED.replace(b"content-length", b"retry-after: 1\r\ncontent-length")
GHOST = GOOD.replace(b"X-Served-By: me", b"X-Served-By: ghost")
SILENCE = b""
TIMEOUT_S = 0.15
PATIENT_S = 20.0


@dataclass
class Server:
    """A server that says one after the other to whoever asks, and the last for ever; silence lasts until one leaves."""

    says: list[bytes]
    late_s: float = 0.0
    """Seconds after which it answers all the same, where it was silent."""
    asked: int = 0
    left: int = 0
    """Clients that closed their connections before an answer."""
    heads: list[bytes] = field(default_factory=list)
    url: str = field(init=False)

    def handle(self, connection: socket.socket, address: object) -> None:
        """A client may leave before it has sent anything: on a busy machine its time is up by then."""
        is_owed = True
        try:
            while head := connection.recv(65_536):
                self.heads.append(head)
                said = self.says[min(self.asked, len(self.says) - 1)]
                self.asked += 1
                if is_owed := said is SILENCE:
                    if self.late_s:
                        gevent.sleep(self.late_s)
                        connection.sendall(GHOST)
                    is_owed = not connection.recv(65_536)
                    break
                connection.sendall(said)
        except ConnectionError:
            pass
        self.left += is_owed

    def wait_until_left(self, times: int) -> None:
        """Raises `gevent.Timeout` where not so many connections were closed."""
        with gevent.Timeout(PATIENT_S):
            while self.left < times:
                gevent.sleep(0.005)


@contextmanager
def serving(*says: bytes, late_s: float = 0.0) -> Iterator[Server]:
    one = Server([*says], late_s)
    server = StreamServer(("127.0.0.1", 0), one.handle, spawn=Pool())
    server.start()
    one.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield one
    finally:
        server.stop(timeout=PATIENT_S)  # its connections have ended when it has


class Asked(NamedTuple):
    """What so many requests leave."""

    plan: LoadPlan
    lines: list[dict[str, str]]
    retries: list[dict[str, str]]
    unsent: list[dict[str, str]]
    meter: Meter
    reports: list[EndedRequest]


Ask = Callable[[LoadPlan, Meter, AnswerRecorder, int, float, int, float], None]


def ask_as_users(
    mine: LoadPlan, meter: Meter, recorder: AnswerRecorder, times: int, for_s: float, processes: int, meant_s: float
) -> None:
    client = Client(mine, meter, recorder)
    client.policy, client.start_s = mine.retry_policy(processes), now_s() - meant_s
    users = [gevent.spawn(client.ask, "x", 0, number, None, number) for number in range(times)]
    gevent.joinall(users, timeout=for_s)
    gevent.killall(users)
    client.close()


def ask_in_the_open_loop(
    mine: LoadPlan, meter: Meter, recorder: AnswerRecorder, times: int, for_s: float, processes: int, meant_s: float
) -> None:
    async def main() -> None:
        client = OpenClient(mine, meter, recorder, processes)
        for number in range(times):
            client.ask(Arrival(number, meant_s, 0), now_s())
        until_s = now_s() + for_s
        while not client.is_idle and now_s() < until_s:
            client.look()
            await asyncio.sleep(0.02)
        client.cut_off()
        await asyncio.sleep(0)

    gevent.get_hub().threadpool.apply(asyncio.run, (main(),))


LOOPS: dict[str, Ask] = {"closed": ask_as_users, "open": ask_in_the_open_loop}
in_both_loops = pytest.mark.parametrize("loop", LOOPS)


def asked(
    loop: str,
    folder: Path,
    table: str,
    *servers: Server,
    times: int = 1,
    for_s: float = PATIENT_S,
    processes: int = 1,
    meant_s: float = 0.0,
) -> Asked:
    targets = ",".join(server.url for server in servers)
    mine = plan(folder, f"{OPEN}\n[client]\n{table}", targets=targets, answers=str(folder), strategy="x")
    reports: list[EndedRequest] = []
    meter = Meter(100)
    LOOPS[loop](mine, meter, AnswerRecorder(mine, reports.append), times, for_s, processes, meant_s)
    mine.records.close()
    meter.write(folder, "mine")
    return Asked(mine, lines_of(folder), _lines(folder, "retries"), _lines(folder, "unsent"), meter, reports)


def _lines(folder: Path, what: str) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = []
    for path in folder.glob(f"{what}-*.csv"):
        with path.open(newline="") as file:
            lines += csv.DictReader(file)
    return lines


@in_both_loops
def test_a_request_is_tried_again_until_it_is_answered_and_is_one_line_from_its_first_start_to_its_last_answer(
    loop: str, tmp_path: Path
) -> None:
    with serving(SHED, SHED, GOOD) as server:
        one = asked(loop, tmp_path, "retries = 5\nbase_s = 0.05", server)
    (line,) = one.lines
    assert (line["code"], line["attempts"], line["gave_up"], line["status"]) == ("200", "3", "0", "hit")
    assert server.asked == 3
    assert [(retry["attempt"], retry["key"]) for retry in one.retries] == [("2", "0"), ("3", "0")]
    # what was drawn for request 0 of this seed, as in virtual time
    delays_s = [backoff_s(one.plan.scenario.client, one.plan.seed, 0, attempt) for attempt in (1, 2)]
    first_s, second_s = (float(retry["sent_s"]) for retry in one.retries)
    assert first_s - float(line["sent_s"]) >= delays_s[0] - 0.002
    assert second_s - first_s >= delays_s[1] - 0.002
    assert float(line["ended_s"]) >= second_s
    assert (one.meter.sent, one.meter.retries.sent, one.meter.in_flight, one.meter.retries.waiting) == (1, 2, 0, 0)
    assert [(report.name, report.answer.code, report.attempt) for report in one.reports] == [
        (RETRIED, 503, 1), (RETRIED, 503, 2), ("/x/data", 200, 3),
    ]  # fmt: skip
    assert one.reports[-1].latency_s >= sum(delays_s) - 0.004


@in_both_loops
def test_a_client_gives_up_closes_its_connection_and_nothing_reads_the_late_answer(loop: str, tmp_path: Path) -> None:
    with serving(SILENCE, GOOD, late_s=2 * TIMEOUT_S) as server:
        one = asked(loop, tmp_path, f"timeout_s = {TIMEOUT_S}\nretries = 1\nbase_s = 0.001", server, times=1)
        server.wait_until_left(1)
    assert [(line["code"], line["attempts"], line["pod"]) for line in one.lines] == [("200", "2", "me")]
    (retried, _) = one.reports
    assert str(retried.answer.error) == f"no answer within {TIMEOUT_S:g} s"
    assert retried.answer.took_ms / 1000 >= TIMEOUT_S - 0.001


@in_both_loops
def test_a_server_that_never_answers_costs_every_attempt_and_the_request_is_given_up(loop: str, tmp_path: Path) -> None:
    with serving(SILENCE) as server:
        one = asked(loop, tmp_path, f"timeout_s = {TIMEOUT_S}\nretries = 2\nbase_s = 0.01", server, times=5)
        server.wait_until_left(15)
    assert server.left == 15 >= server.asked
    assert [(line["code"], line["attempts"], line["gave_up"]) for line in one.lines] == [("0", "3", "1")] * 5
    assert all(float(line["ended_s"]) - float(line["intended_s"]) >= 3 * TIMEOUT_S for line in one.lines)
    assert (one.meter.sent, one.meter.retries.sent, one.meter.in_flight) == (5, 10, 0)


@in_both_loops
def test_a_retry_after_is_the_least_delay(loop: str, tmp_path: Path) -> None:
    with serving(SHED_FOR_A_SECOND, GOOD) as server:
        one = asked(loop, tmp_path, "retries = 1\nbase_s = 0.001", server)
    (line,), (retry,) = one.lines, one.retries
    assert (line["code"], line["attempts"]) == ("200", "2")
    assert float(retry["sent_s"]) - float(line["sent_s"]) >= 0.99


@in_both_loops
@pytest.mark.parametrize("processes", [1, 5])
def test_a_process_keeps_its_part_of_the_budget(loop: str, processes: int, tmp_path: Path) -> None:
    with serving(SHED) as server:
        one = asked(loop, tmp_path, "retries = 3\nbase_s = 0.001\nbudget = 0.1", server, times=30, processes=processes)
    assert one.meter.retries.sent == BUDGET_BURST / processes, "all begin at once, and no more than that is saved up"
    assert sum(int(line["attempts"]) for line in one.lines) == server.asked == 30 + one.meter.retries.sent


@in_both_loops
def test_a_retry_asks_the_next_pod_in_turn(loop: str, tmp_path: Path) -> None:
    with serving(SHED) as ill, serving(GOOD) as well:
        one = asked(loop, tmp_path, "retries = 1\nbase_s = 0.01", ill, well, times=10)
    assert [line["code"] for line in one.lines] == ["200"] * 10
    assert (ill.asked, well.asked) == (5, 10)


@in_both_loops
def test_what_is_wrong_with_the_request_itself_is_not_tried_again(loop: str, tmp_path: Path) -> None:
    with serving(b"HTTP/1.1 422 Unprocessable\r\ncontent-length: 0\r\n\r\n") as server:
        one = asked(loop, tmp_path, "retries = 3", server)
    assert [(line["code"], line["attempts"]) for line in one.lines] == [("422", "1")]
    assert server.asked == 1


@in_both_loops
def test_retries_whose_time_has_not_come_at_the_end_have_their_lines_and_are_said_to_be_unsent(
    loop: str, tmp_path: Path
) -> None:
    with serving(SHED) as server:
        one = asked(loop, tmp_path, 'retries = 3\nbase_s = 50\ncap_s = 50\njitter = "none"', server, times=4, for_s=0.3)
    assert [(line["code"], line["attempts"], line["gave_up"]) for line in one.lines] == [("503", "1", "0")] * 4
    assert [(retry["attempt"], retry["key"]) for retry in one.unsent] == [("2", "0")] * 4
    assert all(
        float(retry["due_s"]) == pytest.approx(float(line["ended_s"]) + 50, abs=0.001)
        for retry, line in zip(one.unsent, one.lines, strict=True)
    )
    assert (one.meter.retries.unsent, one.meter.retries.sent, one.meter.in_flight) == (4, 0, 0)
    generator = read_generator(tmp_path)
    assert generator is not None
    assert generator.notes == ["retries whose time had not come when the run ended, and that were never sent: 4"]
    assert not [fault for fault in generator.faults(Due(0.0, None), 4) if "retries" in fault]


def test_a_retry_that_waits_takes_no_room_in_flight_and_too_many_are_not_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(retry_meter, "RETRIES_WAITING_MAX", 3)
    with serving(SHED) as server:
        one = asked("open", tmp_path, 'retries = 1\nbase_s = 0.2\njitter = "none"', server, times=10)
    assert (one.meter.retries.waiting_peak, one.meter.retries.not_sent, one.meter.retries.sent) == (3, 7, 3)
    assert sorted(line["attempts"] for line in one.lines) == ["1"] * 7 + ["2"] * 3
    generator = read_generator(tmp_path)
    assert generator is not None
    assert any(fault.startswith("7 retries were not sent") for fault in generator.faults(Due(0.0, None), 10))


def test_a_retry_beyond_the_bound_in_flight_is_not_sent_and_its_request_ends_with_the_last_answer(
    tmp_path: Path,
) -> None:
    """One attempt may be in flight, and the first request's is for as long as the second one waits."""
    reports: list[EndedRequest] = []
    meter = Meter(1)
    with serving(SHED, SILENCE) as server:
        table = f'timeout_s = {3 * TIMEOUT_S}\nretries = 1\nbase_s = 0.05\njitter = "none"'
        mine = plan(tmp_path, f"{OPEN}\n[client]\n{table}", targets=server.url, answers=str(tmp_path))

        async def main() -> None:
            client = OpenClient(mine, meter, AnswerRecorder(mine, reports.append))
            client.ask(Arrival(0, 0.0, 0), now_s())
            async with asyncio.timeout(PATIENT_S):
                await until(lambda: meter.retries.waiting == 1)
                client.ask(Arrival(1, 0.0, 1), now_s())
                await until(lambda: not meter.retries.waiting)
            client.cut_off()

        async def until(is_so: Callable[[], bool]) -> None:
            while not is_so():  # noqa: ASYNC110 - nothing tells of it
                await asyncio.sleep(0.001)

        gevent.get_hub().threadpool.apply(asyncio.run, (main(),))
    mine.records.close()
    assert (meter.retries.not_sent, meter.retries.sent, meter.in_flight) == (1, 0, 0)
    assert [(line["key"], line["code"], line["attempts"]) for line in lines_of(tmp_path)] == [
        ("0", "503", "1"), ("1", "0", "1"),
    ]  # fmt: skip


def test_the_lateness_of_retries_is_the_generators() -> None:
    meter = Meter(in_flight_max=None)
    meter.retries.waits()
    meter.leaves_again(0.4)
    assert meter.lateness_ms(1.0) == pytest.approx(400, rel=1e-3)
    assert (meter.retries.sent, meter.in_flight) == (1, 1)


def test_a_load_without_the_table_keeps_no_file_of_retries(tmp_path: Path) -> None:
    with serving(SHED) as server:
        one = asked("open", tmp_path, "", server)
    assert [(line["code"], line["attempts"]) for line in one.lines] == [("503", "1")]
    assert [path.name.partition("-")[0] for path in tmp_path.glob("*.csv")] == ["answers"]


LEAVES = '\n[[faults]]\nkind = "clients-leave"\nat_s = 0\nfor_s = 1\nshare = 0.5\nafter_ms = 60'


@in_both_loops
def test_the_clients_that_leave_close_their_connections_and_try_no_more(loop: str, tmp_path: Path) -> None:
    """Those that stay time out, and try again. Which leave is drawn from the seed, as in virtual time."""
    with serving(SILENCE) as server:
        table = f"timeout_s = {TIMEOUT_S}\nretries = 1\nbase_s = 0.01{LEAVES}"
        one = asked(loop, tmp_path, table, server, times=20)
        leaving = [number for number in range(20) if one.plan.departures.stays_s(number, 0.0) < math.inf]
        server.wait_until_left(20 + 20 - len(leaving))
    assert 3 < len(leaving) < 17
    assert Counter((line["code"], line["attempts"], line["gave_up"]) for line in one.lines) == {
        ("0", "1", "1"): len(leaving), ("0", "2", "1"): 20 - len(leaving),
    }  # fmt: skip
    left = [report for report in one.reports if isinstance(report.failed, ClientLeft)]
    assert len(left) == len(leaving)
    assert all(report.latency_s >= 0.058 for report in left)
    assert (one.meter.in_flight, one.meter.retries.sent) == (0, 20 - len(leaving))


@in_both_loops
def test_after_the_fault_no_client_leaves(loop: str, tmp_path: Path) -> None:
    with serving(SILENCE) as server:
        table = f"timeout_s = {TIMEOUT_S}{LEAVES.replace('0.5', '1.0')}"
        one = asked(loop, tmp_path, table, server, times=5, meant_s=1.0)
    assert [str(error) for error in (report.failed for report in one.reports)] == [
        f"no answer within {TIMEOUT_S} s"
    ] * 5


@in_both_loops
@pytest.mark.parametrize("header", ["x-visitor", ""])
def test_pods_are_told_a_requests_client_by_the_header_that_they_go_by(loop: str, header: str, tmp_path: Path) -> None:
    with serving(GOOD) as server:
        asked(loop, tmp_path, f'retries = 1\n[nets]\nclient_header = "{header}"', server, times=2)
    told = sorted(line for head in server.heads for line in head.lower().split(b"\r\n") if b"visitor" in line)
    assert told == ([b"x-visitor: 0", b"x-visitor: 1"] if header else [])
    assert all(head.endswith(b"\r\n\r\n") and head.count(b"\r\n\r\n") == 1 for head in server.heads)
