"""Locust with the lab's file, as people start it: by hand, with slips, and ended before its time."""

import json
import os
import signal
import socket
import time
import urllib.request
from pathlib import Path

import psutil
import pytest

from loadtest.figures.generator_record import read_generator, what_is_due
from loadtest.generator.deal import Share
from loadtest.generator.schedule import due
from loadtest.workload.scenario import read_scenario
from loadtest.worlds.python_server import free_port
from tests.loadtest.generator.liar import OPEN, Honest, lines_of, locust, run_locust, scenario, schedule_faults, serving

pytestmark = pytest.mark.alone

LOADS = {"open": OPEN.format(rate=40), "closed": 'loop = "closed"\nusers = 8\nthink_s = 0.2'}
USERS = ("--users", "8", "--spawn-rate", "8")


@pytest.mark.parametrize("host", ["127.0.0.1", "::1"])
def test_a_host_without_a_scheme_or_with_a_slash_is_asked_whatever_proxy_there_is(host: str, tmp_path: Path) -> None:
    path = scenario(tmp_path, LOADS["open"])
    dead = f"http://127.0.0.1:{free_port()}"
    with serving(host=host) as url:
        ended = run_locust(
            path, "--host", url.removeprefix("http://") + "/", "--run-time", "2s", "--answers", str(tmp_path),
            http_proxy=dead, HTTP_PROXY=dead, all_proxy=dead,
        )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    lines = lines_of(tmp_path)
    assert len(lines) > 40
    assert {(line["code"], line["fault"]) for line in lines} == {("200", "")}


class Slow(Honest):
    def send(self, code: int, said: object) -> None:
        if "/data" in self.path:
            time.sleep(0.3)
        super().send(code, said)


@pytest.mark.parametrize("loop", LOADS)
def test_what_is_on_its_way_when_the_time_is_up_is_no_failure(loop: str, tmp_path: Path) -> None:
    path = scenario(tmp_path, LOADS[loop])
    with serving(Slow) as url:
        ended = run_locust(
            path, "--host", url, *USERS, "--run-time", "2s", "--stop-timeout", "0", "--exit-code-on-error", "1",
            "--answers", str(tmp_path),
        )  # fmt: skip
    assert ended.returncode == 0, ended.stdout
    assert {line["code"] for line in lines_of(tmp_path)} == {"200"}


def test_what_cannot_be_followed_ends_it_at_once_with_one_line(tmp_path: Path) -> None:
    """One of each way to be refused; `test_plan` and `test_pods` have every reason."""
    path = scenario(tmp_path, LOADS["open"])
    dead = f"http://127.0.0.1:{free_port()}"
    with serving() as url:
        for options, said in (
            (
                ("--host", url, "--strategy", "mine,nope"),
                "--strategy: in the pods there is no strategy 'nope': name one",
            ),
            (("--host", f"{url}/mine?x=1"), "--host: "),
            (("--targets", f"{url},{dead}"), f"{dead} does not answer: "),
        ):
            ended = run_locust(path, "--run-time", "1s", *options)
            errors = [line for line in ended.stdout.splitlines() if line.startswith("error: ")]
            assert ended.returncode == 2, ended.stdout
            assert len(errors) == 1, ended.stdout
            assert said in errors[0]
            assert "Traceback" not in ended.stdout


def test_a_run_of_two_and_a_half_seconds_sends_that_much_of_its_schedule(tmp_path: Path) -> None:
    path = scenario(tmp_path, LOADS["open"], duration_s=2.5)
    with serving() as url:
        ended = run_locust(
            path, "--host", url, "--run-time", "3s", "--duration", "2.5", "--lab-seed", "4", "--answers", str(tmp_path)
        )
    assert ended.returncode == 0, ended.stdout
    stated = read_scenario(str(path))
    meant = list(due(stated.load, stated.keys, Share(0, 1, 0.0, 2.5), seed=4))
    sent = sorted((float(line["intended_s"]), int(line["key"])) for line in lines_of(tmp_path))
    assert [key for _, key in sent] == [arrival.key for arrival in meant]
    generator = read_generator(tmp_path)
    assert generator is not None
    assert schedule_faults(generator, what_is_due(stated, 4), len(sent)) == []


@pytest.mark.parametrize(
    ("loop", "number"), [("open", signal.SIGTERM), ("closed", signal.SIGINT)], ids=["open-SIGTERM", "closed-SIGINT"]
)
def test_a_load_that_was_cut_short_is_no_result(loop: str, number: signal.Signals, tmp_path: Path) -> None:
    path = scenario(tmp_path, LOADS[loop], duration_s=6)
    with serving() as url:
        options = ("--host", url, "--run-time", "6s", "--duration", "6", "--answers", str(tmp_path))
        with locust(path, "--headless", *USERS, *options) as process:
            _wait_for_requests(10)
            process.send_signal(number)
            process.communicate(timeout=20)
    generator = read_generator(tmp_path)
    assert generator is not None
    answered = len(lines_of(tmp_path))
    assert generator.sent == answered > 0, "whatever was sent has a line"
    faults = generator.faults(what_is_due(read_scenario(str(path)), 1), answered)
    assert any("of 6 s: it was told to end" in fault for fault in faults), faults


def test_a_generator_that_was_killed_leaves_no_record_that_it_was_well(tmp_path: Path) -> None:
    path = scenario(tmp_path, LOADS["open"])
    with serving() as url, locust(path, "--headless", "--host", url, "--answers", str(tmp_path)) as process:
        _wait_for_lines(tmp_path)
        process.kill()
        process.wait()
    assert read_generator(tmp_path) is None


def test_a_closed_loop_that_stood_still_for_a_quarter_of_the_time_is_no_result(tmp_path: Path) -> None:
    path = scenario(tmp_path, LOADS["closed"], duration_s=4)
    with serving() as url:
        options = ("--host", url, "--run-time", "4s", "--duration", "4", "--answers", str(tmp_path))
        with locust(path, "--headless", *USERS, *options) as process:
            _wait_for_requests(10)
            os.kill(process.pid, signal.SIGSTOP)
            time.sleep(1)  # the fault itself: a quarter of the time
            os.kill(process.pid, signal.SIGCONT)
            process.communicate(timeout=30)
    generator = read_generator(tmp_path)
    assert generator is not None
    faults = generator.faults(what_is_due(read_scenario(str(path)), 1), generator.sent)
    assert any(fault.startswith("1 % of the time the generator was more than") for fault in faults), faults
    (record,) = tmp_path.glob("generator-*.json")
    assert json.loads(record.read_text())["lateness_max_ms"] > 700  # stopped for 1000, of which a pause is 200


def _wait_for_lines(folder: Path, files: int = 1) -> None:
    """Until it has begun: its file is there."""
    give_up_s = time.monotonic() + 30
    while len(list(folder.glob("answers-*.csv"))) < files:
        assert time.monotonic() < give_up_s
        time.sleep(0.05)


def _wait_for_requests(count: int) -> None:
    """Until so many more have come."""
    before, give_up_s = len(Honest.asked_s), time.monotonic() + 30
    while len(Honest.asked_s) < before + count:
        assert time.monotonic() < give_up_s
        time.sleep(0.02)


def test_a_load_that_is_stopped_and_started_again_in_the_ui_leaves_a_whole_record_each_time(tmp_path: Path) -> None:
    path, port = scenario(tmp_path, LOADS["open"], duration_s=60), free_port()
    ui = f"http://127.0.0.1:{port}"

    def post(route: str, form: bytes) -> None:
        urllib.request.urlopen(urllib.request.Request(ui + route, form, {"Origin": ui}), timeout=20).close()

    options = ("--web-host", "127.0.0.1", "--web-port", str(port), "--answers", str(tmp_path))
    with serving() as url, locust(path, "--host", url, *options) as process:
        _wait_until_it_listens(port)
        threads = psutil.Process(process.pid).num_threads()
        for number in (1, 2):
            post("/swarm", b"user_count=1&spawn_rate=1")
            _wait_for_lines(tmp_path, files=number)
            _wait_for_requests(5)
            post("/stop", b"")
            assert psutil.Process(process.pid).num_threads() <= threads + 1, "a lookup's, and the load's has ended"
    generator = read_generator(tmp_path)
    assert generator is not None
    assert generator.sent == len(lines_of(tmp_path))
    assert len(list(tmp_path.glob("generator-*.json"))) == 2


def _wait_until_it_listens(port: int) -> None:
    give_up_s = time.monotonic() + 30
    while time.monotonic() < give_up_s:
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.1)
    raise AssertionError("the UI did not start")
