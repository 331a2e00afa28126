import asyncio
import datetime
import json
import logging
import os
import random
import secrets
import subprocess
import sys
import threading
import time
import types
import uuid
from collections.abc import Awaitable, Callable
from time import monotonic
from typing import Any

import pytest

from app.pipe import Pipe
from loadtest import ROOT
from loadtest.sim.kernel.loop import VirtualLoop, run_in_steps, run_on
from loadtest.sim.wire.surroundings import EPOCH_S, LibrarySurroundings

LIBRARY = """
import time
from time import monotonic, perf_counter as clock
from os import urandom

def by_default(now_s=time.monotonic, *, precise=time.perf_counter_ns):
    return now_s(), precise()

class Timer:
    def __init__(self, now_s=time.monotonic): self.now_s = now_s
    @staticmethod
    def of(now_s=monotonic): return Timer(now_s)

def read():
    return [time.time(), time.monotonic(), monotonic(), clock(), *by_default(), Timer().now_s(), Timer.of().now_s()]
"""


@pytest.fixture
def library(monkeypatch: pytest.MonkeyPatch) -> types.ModuleType:
    """A library that has got hold of clocks in every way there is."""
    module = types.ModuleType("a_library")
    exec(LIBRARY, vars(module))
    monkeypatch.setitem(sys.modules, "a_library", module)
    return module


def surrounded(main: Callable[[], Awaitable[Any]], seed: int = 1) -> Any:
    running = VirtualLoop(3600.0)
    running.surroundings = LibrarySurroundings(running, seed=seed)
    return run_on(running, _as_coroutine(main))


async def _as_coroutine(main: Callable[[], Awaitable[Any]]) -> Any:
    return await main()


def test_every_clock_of_a_library_follows_the_loop_however_it_got_hold_of_it(library: types.ModuleType) -> None:
    async def main() -> list[list[float]]:
        read = [library.read()]
        await asyncio.sleep(2.5)
        assert datetime.datetime.now(datetime.UTC).timestamp() == time.time() == time.time_ns() / 1e9
        return [*read, library.read()]

    first, second = surrounded(main)
    assert first == [EPOCH_S, *[0.0] * 7]
    assert second == [EPOCH_S + 2.5, 2.5, 2.5, 2.5, 2.5, 2.5e9, 2.5, 2.5]
    assert all(after >= before for before, after in zip(library.read(), library.read(), strict=True))
    assert library.monotonic is monotonic


def test_the_services_own_defaults_are_virtual_too() -> None:
    async def main() -> float:
        await asyncio.sleep(1.5)
        return float(Pipe.__init__.__defaults__[0]())  # type: ignore[index]

    assert surrounded(main) == 1.5
    assert Pipe.__init__.__defaults__ == (time.monotonic,)


def test_between_steps_and_in_the_lab_itself_the_real_clocks_hold() -> None:
    running = VirtualLoop(3600.0)
    running.surroundings = LibrarySurroundings(running)

    async def main() -> None:
        for _ in range(3):
            await asyncio.sleep(1000)
            assert monotonic() != running.now_s  # this module is of the lab, and keeps the real one
            assert abs(time.time() - EPOCH_S) <= 3600
            running.stop()
            await asyncio.sleep(0)

    real_s = time.time()
    for step, _ in enumerate(run_in_steps(running, main())):
        assert time.time() >= real_s
        assert time.monotonic is monotonic
        assert running.now_s == 1000 * (step + 1)


def test_another_thread_has_the_real_monotonic_clock_meanwhile() -> None:
    async def main() -> float:
        seen: list[float] = []
        thread = threading.Thread(target=lambda: seen.append(time.monotonic()))
        thread.start()
        thread.join()
        return seen[0]

    before_s = monotonic()
    assert surrounded(main) >= before_s


def test_a_module_imported_in_a_run_is_left_with_the_real_clocks(monkeypatch: pytest.MonkeyPatch) -> None:
    late = types.ModuleType("a_late_library")

    async def main() -> list[float]:
        exec(LIBRARY, vars(late))
        monkeypatch.setitem(sys.modules, "a_late_library", late)
        await asyncio.sleep(1.0)
        return list(late.read())

    assert surrounded(main)[1:5] == [1.0] * 4
    assert late.monotonic is monotonic
    assert late.by_default()[0] >= late.Timer.of().now_s() - 10


def _draw() -> list[Any]:
    return [
        random.random(),
        random.Random().random(),
        os.urandom(4).hex(),
        uuid.uuid4().hex,
        uuid.uuid1().hex,
        secrets.token_hex(4),
        secrets.SystemRandom().random(),
    ]


def test_what_a_library_draws_is_the_seeds_and_the_systems_again_afterwards() -> None:
    async def main() -> list[Any]:
        drawn = _draw()
        await asyncio.sleep(1)
        return drawn + _draw()

    random.seed(5)
    expected = [random.random() for _ in range(2)]
    random.seed(5)
    outside = [random.random()]
    first, again, other = surrounded(main), surrounded(main), surrounded(main, seed=2)
    outside.append(random.random())
    assert first == again
    assert all(one != two for one, two in zip(first, other, strict=True))
    assert len({*map(str, first)}) == len(first)
    assert outside == expected
    assert _draw() != _draw()


def test_the_state_of_the_draws_goes_on_from_step_to_step() -> None:
    def drawn(steps: int) -> list[float]:
        running = VirtualLoop(3600.0)
        running.surroundings = LibrarySurroundings(running, seed=3)

        async def main() -> list[float]:
            seen = []
            for step in range(4):
                seen.append(random.random())
                if step < steps:
                    running.stop()
                    await asyncio.sleep(0)
            return seen

        taken = run_in_steps(running, main())
        while True:
            try:
                next(taken)
            except StopIteration as end:
                return list(end.value)

    assert drawn(0) == drawn(3)


IN_ANOTHER_PROCESS = """
import asyncio, json, sys
from tests.loadtest.sim.wire.test_surroundings import _draw, surrounded

async def main():
    return _draw()

print(json.dumps(surrounded(main)))
"""


def test_another_process_with_another_hash_seed_draws_the_same() -> None:
    seen = [
        subprocess.run(
            [sys.executable, "-c", IN_ANOTHER_PROCESS],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=ROOT,
            capture_output=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert json.loads(seen[0]) == json.loads(seen[1])


def test_what_a_library_logs_is_printed_by_nobody_unless_somebody_has_set_up_logging() -> None:
    before, seen = logging.lastResort, list[logging.Handler | None]()

    async def main() -> None:
        seen.append(logging.lastResort)

    loop = VirtualLoop(deadline_s=1.0)
    loop.surroundings = LibrarySurroundings(loop, seed=1)
    run_on(loop, main())
    assert isinstance(seen[0], logging.NullHandler)
    assert logging.lastResort is before is not seen[0]
