"""Simulations in other processes, here and on a cluster: the same figures, and nobody left behind."""

import multiprocessing
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import psutil
import pytest

from loadtest import ROOT
from loadtest.sim import pool as batch
from loadtest.sim.pool import Done, Job, cluster, local_workers, run_all, run_job
from loadtest.workload.scenario import Scenario
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
JOBS = [Job(SMALL, name, seed, seed - 6) for name in ("static", "xfetch") for seed in (7, 8)]
OUTLIVES = """
import sys, time, multiprocessing
from loadtest.workload.scenario import Scenario
from loadtest.sim.pool import Job, local_workers, run_all
if __name__ == "__main__":
    long = Scenario.model_validate({table!r})
    with local_workers(2) as pool:
        print(*(worker.pid for worker in multiprocessing.active_children()), flush=True)
        pool.submit(abs, 1).result()
        print("up", flush=True)
        run_all([Job(long, "static", seed) for seed in range(8)], pool, print)
"""


def traces(finished: list[Done]) -> dict[tuple[str, int], str]:
    return {(done.row.strategy, done.row.seed): done.row.trace for done in finished}


def test_a_worker_tells_how_far_it_is_before_its_run_has_ended() -> None:
    far: list[float] = []
    with local_workers(1) as pool:
        long = Job(SMALL.model_copy(update={"duration_s": 2_400.0}), "static", 1)
        run = pool.submit(run_job, long)
        while not run.done():
            far.append(pool.underway.runs())
            time.sleep(0.01)
        assert run.result().row.requests
        give_up_s = time.monotonic() + 20
        while pool.underway.runs() and time.monotonic() < give_up_s:
            time.sleep(0.01)
        assert pool.underway.runs() == 0
    on_the_way = [share for share in far if 0 < share <= 1]
    assert len(set(on_the_way)) >= 2
    assert on_the_way == sorted(on_the_way)


def test_another_process_comes_to_the_same_figures() -> None:
    finished: list[Done] = []
    with local_workers(1) as pool:
        run_all(JOBS, pool, finished.append)
    assert sorted(map(id, (done.job for done in finished))) == sorted(map(id, JOBS)), "the very jobs, each once"
    for done in finished:
        here = run_job(done.job)
        assert done.row == here.row
        assert done.row.repeat == done.job.repeat
        assert done.row.trace == here.row.trace != ""
        assert done.violation == ""
        assert done.cpu_s > 0
    assert not multiprocessing.active_children()


def test_the_first_failure_is_raised_and_ends_the_workers() -> None:
    finished: list[Done] = []
    endless = SMALL.model_copy(update={"duration_s": 3_600.0})
    with pytest.raises(WorldFailed, match="nobody") as caught, local_workers(2) as pool:
        run_all([Job(SMALL, "nobody", 1), *(Job(endless, "static", seed) for seed in range(50))], pool, finished.append)
    assert caught.value.__notes__ == ["in the simulation of nobody, small, seed 1"]
    assert len(finished) < 50
    assert not multiprocessing.active_children()


def test_a_worker_that_is_killed_is_told_of() -> None:
    with local_workers(1) as pool:
        for worker in multiprocessing.active_children():
            worker.kill()
        with pytest.raises(WorldFailed, match="workers are gone"):
            run_all(JOBS, pool, print)


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
        assert said.count("Traceback") == 1, said
        assert "KeyboardInterrupt" in said
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
    finished: list[Done] = []
    with cluster(scheduler.scheduler_address) as pool:
        run_all(JOBS, pool, finished.append)
    assert traces(finished) == traces([run_job(job) for job in JOBS])


def test_a_cluster_with_other_code_is_refused(scheduler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "code_hash", lambda: os.urandom(4).hex())
    with pytest.raises(WorldFailed, match="other code"), cluster(scheduler.scheduler_address):
        pass


def test_a_cluster_that_nobody_works_in_is_refused(scheduler: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "CONNECT_S", 0.5)
    scheduler.scale(0)
    deadline_s = time.monotonic() + 5
    while scheduler.scheduler.workers and time.monotonic() < deadline_s:
        time.sleep(0.01)
    with pytest.raises(WorldFailed, match="has no workers"), cluster(scheduler.scheduler_address):
        pass


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:1", "nonsense", "carrier-pigeon://here:1"])
def test_an_address_where_nobody_answers_is_named(address: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(batch, "CONNECT_S", 0.2)
    with pytest.raises(WorldFailed, match=f"no dask scheduler answers at {address}"), cluster(address):
        pass


def test_without_dask_the_extra_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(WorldFailed, match=r"stampede-lab\[sweep\]"), cluster("tcp://127.0.0.1:1"):
        pass
