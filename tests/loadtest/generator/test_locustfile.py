"""Locust with the lab's locustfile, against a server that answers wrongly on purpose."""

import asyncio
import csv
import itertools
import subprocess
import sys
import time
import zlib
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import pytest

from loadtest import ROOT
from loadtest.figures.generator_record import read_generator, what_is_due
from loadtest.generator.deal import Share
from loadtest.generator.schedule import due
from loadtest.workload.answer_check import OLDER
from loadtest.workload.scenario import read_scenario
from loadtest.worlds.child_processes import Children
from loadtest.worlds.locust_command import start_locust
from tests.loadtest.generator.liar import Honest, schedule_faults, serving

pytestmark = pytest.mark.alone

SCENARIO = """
title = "Wrong on purpose"
duration_s = 3
pods = 1
[load]
loop = "closed"
users = 6
rate_per_s = 60
[keys]
count = 6
[cache]
ttl_s = 1
[origin]
latency = "fixed(1)"
connections = 1
"""


class Liar(Honest):
    """A pod that is right for id 0, and wrong in another way for each of the others."""

    name, age_s = "liar", 0.25
    turn = itertools.count()

    def do_GET(self) -> None:  # noqa: N802 - the name that http.server calls
        url = urlsplit(self.path)
        if url.path == "/strategies":
            self.send(200, {"strategies": {"mine": {}}})
            return
        number = int(parse_qs(url.query)["id"][0])
        now_s = time.time()
        item = {"id": number, "version": 5, "read_at": now_s - 0.25, "text": "text", "crc32": zlib.crc32(b"text")}
        said = {
            1: item | {"id": 0},
            2: item | {"text": "torn"},
            3: item | {"read_at": now_s - (0.25 if next(self.turn) % 2 else 5.0)},
            4: {"detail": "no item"},
        }.get(number, item)
        self.send(500 if number == 5 else 200, said)


@pytest.fixture
def liar() -> Iterator[str]:
    with serving(Liar) as url:
        yield url


OPEN = SCENARIO.replace('loop = "closed"\nusers = 6', 'loop = "open"')


def locust(liar: str, folder: Path, *options: str) -> list[str]:
    return [
        sys.executable, "-m", "locust", "-f", "loadtest/locustfile.py", "--headless", "--host", liar,
        "--exit-code-on-error", "0", "--stop-timeout", "5", "--scenario", str(folder / "liar.toml"),
        "--answers", str(folder), *options,
    ]  # fmt: skip


def lines_of(folder: Path) -> list[dict[str, str]]:
    lines: list[dict[str, str]] = []
    for path in folder.glob("answers-*.csv"):
        with path.open(newline="") as file:
            lines += csv.DictReader(file)
    return lines


def test_every_kind_of_wrong_answer_is_seen_and_nothing_right_is_blamed(liar: str, tmp_path: Path) -> None:
    (tmp_path / "liar.toml").write_text(SCENARIO)
    ended = subprocess.run(
        locust(liar, tmp_path, "--users", "6", "--spawn-rate", "6", "--run-time", "3s", "--stop-timeout", "5"),
        cwd=ROOT, capture_output=True, text=True, timeout=60, check=False,
    )  # fmt: skip
    assert ended.returncode == 0, ended.stderr
    lines = lines_of(tmp_path)
    faults: dict[str, Counter[str]] = defaultdict(Counter)
    for line in lines:
        faults[line["key"]][line["fault"]] += 1
        assert (line["status"], line["age_s"], line["pod"]) == ("hit", "0.250", "liar")
    assert set(faults["0"]) == {""}
    assert set(faults["1"]) == {"wrong id"}
    assert set(faults["2"]) == {"corrupt"}
    assert set(faults["3"]) == {"", OLDER}
    assert min(faults["3"].values()) >= 5  # half of the answers go back
    assert set(faults["4"]) == {"not an item"}
    assert {line["code"] for line in lines if line["key"] == "5"} == {"500"}
    # a timetable of 60 a second is kept, evenly: no tenth of a second has three times its share
    intended_s = sorted(float(line["intended_s"]) for line in lines)
    assert len(lines) == pytest.approx(180, rel=0.05)
    tenths = Counter(int((moment - intended_s[0]) * 10) for moment in intended_s)
    assert max(tenths.values()) <= 18
    generator = read_generator(tmp_path)
    assert generator is not None
    assert generator.due == generator.sent
    assert generator.sent == len(lines), "whatever was sent has a line"
    due_ = what_is_due(read_scenario(str(tmp_path / "liar.toml")), 1)
    assert schedule_faults(generator, due_, len(lines)) == []
    assert generator.in_flight_max is None


def test_an_open_loop_without_an_end_goes_on_until_it_is_told_to_stop(liar: str, tmp_path: Path) -> None:
    (tmp_path / "liar.toml").write_text(OPEN)
    process = subprocess.Popen(
        locust(liar, tmp_path, "--rate", "40"), cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        give_up_s = time.monotonic() + 40
        while not any(tmp_path.glob("answers-*.csv")) and time.monotonic() < give_up_s:
            time.sleep(0.1)
        time.sleep(3)
        process.terminate()
        said, _ = process.communicate(timeout=30)
    finally:
        process.kill()
    assert process.returncode == 0, said
    generator = read_generator(tmp_path)
    assert generator is not None
    assert generator.not_sent == 0
    lines = lines_of(tmp_path)
    assert generator.sent == len(lines), "whatever was sent has a line"
    moments_s = [float(line["intended_s"]) for line in lines]
    assert len(lines) == pytest.approx(40 * (max(moments_s) - min(moments_s)), rel=0.35)  # random, and at the new rate
    assert {line["fault"] for line in lines} >= {"", "wrong id", "corrupt", "not an item"}


def test_workers_send_together_what_one_process_would(liar: str, tmp_path: Path) -> None:
    (tmp_path / "liar.toml").write_text(OPEN)
    scenario = read_scenario(str(tmp_path / "liar.toml"))

    async def run() -> None:
        async with Children() as children:
            started = await start_locust(
                children, tmp_path / "liar.toml", scenario.load, "mine", 5, [liar], tmp_path, run_s=3, processes=2
            )
            async with asyncio.timeout(60):
                for child in started:
                    assert await child.process.wait() == 0, child.last_words(20)

    asyncio.run(run())
    generator = read_generator(tmp_path)
    assert generator is not None
    assert (generator.processes, generator.silent, generator.not_sent) == (2, 0, 0)
    assert generator.in_flight_max == scenario.load.in_flight_max
    sent = sorted((float(line["intended_s"]), int(line["key"])) for line in lines_of(tmp_path))
    meant = list(due(scenario.load, scenario.keys, Share(0, 1, 0.0, 3.0), seed=5))
    assert [key for _, key in sent] == [arrival.key for arrival in meant]
    start_s = sent[0][0] - meant[0].time_s
    assert [time_s - start_s for time_s, _ in sent] == pytest.approx([arrival.time_s for arrival in meant], abs=1e-5)
