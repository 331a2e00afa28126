"""Simulations in other processes, here and on a cluster: the same figures, and nobody left behind."""

import asyncio
import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from loadtest import ROOT
from loadtest.experiment import Sink, experiment
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.summarise import Finished, summarise
from loadtest.sim import pool as batch
from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.sim.pool import NoWorkers, cluster, local_workers
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.virtual import VirtualWorld
from loadtest.worlds.world import WorldFailed

TABLE: dict[str, Any] = {
    "name": "small",
    "title": "Small",
    "duration_s": 5,
    "pods": 2,
    "load": {"loop": "closed", "users": 5, "think_s": 0.1},
    "keys": {"count": 2},
    "cache": {"ttl_s": 1},
    "origin": {"latency": "fixed(50)", "connections": 4},
}
SMALL = Scenario.model_validate(TABLE)
RUNS = [PlannedRun(SMALL, name, seed, seed - 6) for name in ("static", "xfetch") for seed in (7, 8)]
OUTLIVES = """
import asyncio, multiprocessing
from loadtest.experiment import experiment
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.worlds.virtual import VirtualWorld
class Up(VirtualWorld):
    async def __aenter__(self):
        world = await super().__aenter__()
        print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
        self.executor.submit(abs, 1).result()
        print("up", flush=True)
        return world
if __name__ == "__main__":
    long = Scenario.model_validate({table!r})
    async def main():
        async with Up(2) as world:
            await experiment([PlannedRun(long, "static", seed) for seed in range(8)], world, [print])
    asyncio.run(main())
"""


def conducted(runs: Sequence[PlannedRun], world: VirtualWorld, sink: Sink = lambda _: None) -> list[Finished]:
    async def run() -> list[Finished]:
        async with world as opened:
            return await experiment(runs, opened, [sink])

    return asyncio.run(run())


def here(runs: Sequence[PlannedRun]) -> list[RunSummary]:
    return [summarise(SimulatedHistory(run)).summary for run in runs]


def test_a_worker_tells_how_far_it_is_before_its_run_has_ended() -> None:
    far: list[float] = []
    with local_workers(1) as pool:
        long = SimulatedHistory(PlannedRun(SMALL.model_copy(update={"duration_s": 2_400.0}), "static", 1))
        run = pool.submit(summarise, long)
        while not run.done():
            far.append(pool.underway.runs())
            time.sleep(0.01)
        assert run.result().summary.requests
        give_up_s = time.monotonic() + 20
        while pool.underway.runs() and time.monotonic() < give_up_s:
            time.sleep(0.01)
        assert pool.underway.runs() == 0
    on_the_way = [share for share in far if 0 < share <= 1]
    assert len(set(on_the_way)) >= 2
    assert on_the_way == sorted(on_the_way)


def test_another_process_comes_to_the_same_figures() -> None:
    seen: list[Finished] = []
    finished = conducted(RUNS, VirtualWorld(1), seen.append)
    assert [one.run for one in finished] == RUNS
    assert sorted(map(id, seen)) == sorted(map(id, finished)), "the sink has each once"
    assert [one.summary for one in finished] == here(RUNS)
    assert all(one.summary.trace and one.error is None and one.cpu_s > 0 for one in finished)
    assert not multiprocessing.active_children()


def test_a_run_that_fails_is_a_summary_that_says_so_and_the_others_go_on() -> None:
    failed, good = conducted([PlannedRun(SMALL, "nobody", 1), RUNS[0]], VirtualWorld(1))
    assert (failed.summary.valid, good.summary.valid) == (False, True)
    assert failed.summary.incidents[0] == "no strategy 'nobody' in the worker: no file"
    assert isinstance(failed.error, ValueError)


def test_what_a_sink_raises_is_raised_and_ends_the_workers() -> None:
    seen: list[Finished] = []

    def sink(one: Finished) -> None:
        seen.append(one)
        raise LookupError("a full disk")

    endless = SMALL.model_copy(update={"duration_s": 3_600.0})
    with pytest.raises(LookupError, match="a full disk"):
        conducted([RUNS[0], *(PlannedRun(endless, "static", seed) for seed in range(50))], VirtualWorld(2), sink)
    assert len(seen) == 1
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_is_told_of() -> None:
    class Shot(VirtualWorld):
        async def __aenter__(self) -> "Shot":
            await super().__aenter__()
            for worker in multiprocessing.active_children():
                worker.kill()
            return self

    with pytest.raises(WorldFailed, match="workers are gone"):
        conducted(RUNS, Shot(1))


@contextmanager
def lab_of_two() -> Iterator[tuple[subprocess.Popen[str], list[psutil.Process]]]:
    """A process that simulates for minutes, and its workers, as a shell would start it."""
    program = OUTLIVES.format(table={**TABLE, "duration_s": 3_600.0, "load": {**TABLE["load"], "users": 500}})
    command = [sys.executable, "-c", program]
    pipe = subprocess.PIPE
    with subprocess.Popen(
        command,
        stdout=pipe,
        stderr=pipe,
        text=True,
        cwd=ROOT,
        start_new_session=True,
        env={**os.environ, "PYTHONPATH": "."},
    ) as lab:
        assert lab.stdout is not None
        try:
            workers = [psutil.Process(int(pid)) for pid in lab.stdout.readline().split()]
            assert len(workers) == 2
            assert lab.stdout.readline() == "up\n"
            yield lab, workers
        finally:
            lab.kill()


def test_ctrl_c_reaches_the_owner_alone_who_ends_the_workers() -> None:
    with lab_of_two() as (lab, workers):
        os.killpg(lab.pid, signal.SIGINT)
        said = lab.communicate(timeout=10)[1]
        assert said.count("KeyboardInterrupt") == 2, said  # raised once, and no worker says it
        assert "Process" not in said
        assert not [worker for worker in workers if worker.is_running()]


def test_workers_end_with_an_owner_who_is_killed() -> None:
    with lab_of_two() as (lab, workers):
        lab.kill()
        _, alive = psutil.wait_procs(workers, timeout=5)
        assert not alive


@pytest.fixture
def scheduler() -> Iterator[Any]:
    distributed = pytest.importorskip("distributed")
    quiet = {"dashboard_address": None, "host": "127.0.0.1", "protocol": "tcp", "processes": False}
    with distributed.LocalCluster(n_workers=1, threads_per_worker=1, **quiet) as running:
        yield running


def test_a_cluster_comes_to_the_same_figures(scheduler: Any) -> None:
    finished = conducted(RUNS, VirtualWorld(cluster_address=scheduler.scheduler_address))
    assert [one.summary for one in finished] == here(RUNS)


def test_a_cluster_with_other_code_is_refused(scheduler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "code_hash", lambda: os.urandom(4).hex())
    with pytest.raises(NoWorkers, match="other code"), cluster(scheduler.scheduler_address):
        pass


def test_a_cluster_that_nobody_works_in_is_refused(scheduler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "CONNECT_S", 0.5)
    scheduler.scale(0)
    deadline_s = time.monotonic() + 5
    while scheduler.scheduler.workers and time.monotonic() < deadline_s:
        time.sleep(0.01)
    with pytest.raises(NoWorkers, match="has no workers"), cluster(scheduler.scheduler_address):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "carrier-pigeon://here:1"])
def test_an_address_where_nobody_answers_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "CONNECT_S", 0.2)
    with pytest.raises(NoWorkers, match=f"no dask scheduler answers at {address}"), cluster(address):
        pass


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(NoWorkers, match=r"stampede-lab\[sweep\]"), cluster("tcp://127.0.0.1:1"):
        pass
