"""Coordinated omission, shown: a server that stops for 500 ms every 5 s, seen by the open loop and by plain Locust."""

import asyncio
import csv
import os
import signal
import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from benchmarks.limit.ceiling import instant_scenario
from loadtest.figures.generator_record import read_generator
from loadtest.figures.records import read_answers
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.locust_command import start_locust
from loadtest.worlds.python_server import Server, start_server

pytestmark = pytest.mark.alone

STALL_S, EVERY_S, RUN_S = 0.5, 5.0, 10
RATE = 300.0

# As in Locust's own tutorial: some users who ask, wait for the answer, and pause. About as many requests/s as above.
PLAIN = """
from locust import FastHttpUser, constant, task


class Plain(FastHttpUser):
    wait_time = constant(0.01)

    @task
    def ask(self):
        self.client.get("/plain/data?id=1")
"""


@dataclass(frozen=True, slots=True)
class Stalls:
    """When the server really stood still, seconds since the epoch."""

    began_s: NDArray[np.float64]
    ended_s: NDArray[np.float64]

    def p99_ms(self, start_s: float, end_s: float) -> float:
        """Of requests that arrive evenly in that time and wait for the end of the stall they fall into, if any.

        More than w waits who arrives in a stall's first `length - w`, so the p99 is the w at which these add up to 1 %
        of the time: for 500 ms every 5 s, 450 ms.
        """
        lengths_s = np.minimum(self.ended_s, end_s) - np.maximum(self.began_s, start_s)
        waits_s = np.linspace(0, 1, 100_001)
        waiting_s = np.array([np.clip(lengths_s - wait_s, 0, None).sum() for wait_s in waits_s])
        return float(waits_s[np.searchsorted(-waiting_s, -0.01 * (end_s - start_s))] * 1000)


def test_the_arithmetic_is_right_where_the_answer_is_known() -> None:
    began_s = np.array([102.5, 107.5, 112.5, 117.5])
    assert abs(Stalls(began_s, began_s + STALL_S).p99_ms(100.0, 120.0) - 450.0) < 0.1


def test_the_open_loop_sees_the_stalls_that_plain_locust_leaves_out(tmp_path: Path) -> None:
    stalls = asyncio.run(_run(tmp_path))
    (answers,) = read_answers(sorted(tmp_path.glob("answers-*.csv")))
    start_s = float(answers.intended_s.min())
    truth_ms = stalls.p99_ms(start_s, start_s + RUN_S)
    open_ms = float(np.quantile(answers.latency_s, 0.99) * 1000)
    plain_ms, plain_rate = _locusts_own(tmp_path / "plain_stats.csv")
    generator = read_generator(tmp_path)
    assert generator is not None
    print("p99, ms")
    print(f"  {truth_ms:6.1f}  arithmetic: {len(stalls.began_s)} stalls of {STALL_S * 1000:.0f} ms in all")
    print(f"  {open_ms:6.1f}  open loop, from the intended start, {len(answers.code) / RUN_S:.0f} requests/s")
    print(f"  {_locusts_own(tmp_path / 'open_stats.csv')[0]:6.1f}  the same requests in Locust's own statistics")
    print(f"  {plain_ms:6.1f}  plain Locust: 4 users with a pause of 10 ms, {plain_rate:.0f} requests/s")
    print(f"The open loop's lateness: p99 {generator.lateness_p99_ms} ms; CPU {generator.cpu_share:.0%} of a core")
    assert generator.sent == generator.due == len(answers.code)
    assert set(answers.code) == {200}
    assert not answers.wrong_answer_kinds
    assert abs(open_ms - truth_ms) <= 0.1 * truth_ms
    assert plain_ms < 0.5 * truth_ms


async def _run(folder: Path) -> Stalls:
    """Both loads at once, against one server and the same stalls."""
    scenario = instant_scenario("A server that stands still", RUN_S, RATE)
    (folder / "scenario.json").write_text(scenario.model_dump_json())
    (folder / "plain.py").write_text(PLAIN)
    async with Children() as children:
        server = await start_server(children, "instant", "benchmarks.limit.instant", {}, folder)
        try:
            own = await start_locust(
                children, folder / "scenario.json", scenario.load, "mine", 1, [server.url], folder, RUN_S,
                options=["--csv", str(folder / "open")],
            )  # fmt: skip
            plain = await children.start("plain", _plain_command(folder, server), folder / "plain.log")
            return await _stall(server, [*own, plain])
        finally:
            os.kill(server.pid, signal.SIGCONT)  # or it would not hear that it is to end


def _plain_command(folder: Path, server: Server) -> list[str | Path]:
    return [
        sys.executable, "-m", "locust", "--locustfile", folder / "plain.py", "--headless", "--users", "4",
        "--spawn-rate", "4", "--run-time", f"{RUN_S}s", "--only-summary", "--host", server.url,
        "--csv", folder / "plain",
    ]  # fmt: skip


async def _stall(server: Server, loads: list[Child]) -> Stalls:
    """Until the loads have ended."""
    began_s, ended_s = [], []
    next_s = time.monotonic() + EVERY_S / 2
    give_up_s = time.monotonic() + 3 * RUN_S
    while not all(load.ended for load in loads):
        assert time.monotonic() < give_up_s, [load.last_words() for load in loads]
        await asyncio.sleep(min(0.1, max(0.0, next_s - time.monotonic())))
        if time.monotonic() < next_s:
            continue
        os.kill(server.pid, signal.SIGSTOP)
        began_s.append(time.time())
        await asyncio.sleep(STALL_S)
        os.kill(server.pid, signal.SIGCONT)
        ended_s.append(time.time())
        next_s += EVERY_S
    for load in loads:
        assert load.process.returncode == 0, load.last_words(20)
    return Stalls(np.array(began_s), np.array(ended_s))


def _locusts_own(path: Path) -> tuple[float, float]:
    """The p99 in ms and the requests/s that Locust wrote."""
    with path.open(newline="") as file:
        *_, total = csv.DictReader(file)
    return float(total["99%"]), float(total["Requests/s"])
