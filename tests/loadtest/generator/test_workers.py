"""Real Locust processes on loopback: a master and workers that die and come while the load runs."""

import time
from collections.abc import Callable
from contextlib import ExitStack
from pathlib import Path
from subprocess import Popen

import pytest

from loadtest.generator.deal import SILENCE_S_MAX
from loadtest.worlds.python_server import free_port
from tests.loadtest.generator.liar import OPEN, Honest, locust, metrics_of, scenario, serving

pytestmark = pytest.mark.alone

RATE = 60
CLOSED = f'loop = "closed"\nusers = 12\nrate_per_s = {RATE}'


def waited(until: Callable[[], bool], within_s: float) -> bool:
    give_up_s = time.monotonic() + within_s
    while time.monotonic() < give_up_s:
        try:
            if until():
                return True
        except OSError:
            pass  # not up yet, or no more
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("load", [OPEN.format(rate=RATE) + '\narrivals = "constant"', CLOSED], ids=["open", "closed"])
def test_the_load_stays_whole_when_a_worker_dies_and_another_joins_and_ends_without_its_master(
    load: str, tmp_path: Path
) -> None:
    path, port = scenario(tmp_path, load), str(free_port())
    Honest.asked_s.clear()
    exporters = [free_port() for _ in range(3)]
    with ExitStack() as stack:
        url = stack.enter_context(serving())
        users = ("--users", "12", "--spawn-rate", "12")
        told = ("--targets", url, "--strategy", "mine")
        network = ("--master-bind-host", "127.0.0.1", "--master-bind-port", port, "--expect-workers", "2")
        master = stack.enter_context(locust(path, "--headless", "--master", *network, *users, *told))

        def worker(number: int) -> Popen[str]:
            its_master = ("--worker", "--master-host", "127.0.0.1", "--master-port", port)
            return stack.enter_context(
                locust(path, *its_master, *users, *told, "--metrics-port", str(exporters[number]))
            )

        def shares(*numbers: int) -> list[tuple[float, float]]:
            seen = (metrics_of(exporters[number]) for number in numbers)
            return sorted((one["lab_load_share_number"], one["lab_load_share_of"]) for one in seen)

        first = worker(0)
        worker(1)
        assert waited(lambda: shares(0, 1) == [(1, 2), (2, 2)], 30)
        assert metrics_of(exporters[1])["lab_load_target_rate"] == RATE, "the target is the whole load's"
        first.kill()
        assert waited(lambda: shares(1) == [(1, 1)], 15), "nobody sends what the dead one had"
        worker(2)
        assert waited(lambda: shares(1, 2) == [(1, 2), (2, 2)], 30), "who joined has no part"
        time.sleep(2.5)  # a deal is announced before it counts
        began_s = time.time()
        time.sleep(3)
        sent = sum(began_s <= asked_s < began_s + 3 for asked_s in Honest.asked_s)
        assert sent == pytest.approx(3 * RATE, rel=0.25), "the whole load, once: a part twice or never is a half"

        master.kill()
        if load != CLOSED:
            assert waited(lambda: metrics_of(exporters[1])["lab_load_not_sent"] > 0, SILENCE_S_MAX + 5)
            assert waited(lambda: metrics_of(exporters[2])["lab_load_not_sent"] > 0, SILENCE_S_MAX + 5)
            before = len(Honest.asked_s)
            time.sleep(1)
            assert len(Honest.asked_s) == before, "a worker without its master sends nothing after a while"
