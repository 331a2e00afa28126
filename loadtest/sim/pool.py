"""Many simulations: on every core of this machine, or on a cluster that is there already."""

import asyncio
import hashlib
import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import BrokenExecutor, CancelledError, Executor, ProcessPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import replace
from importlib import import_module
from typing import Any, NamedTuple

from app.discovery import discover
from loadtest import ROOT
from loadtest.figures.run_summary import Row, Series
from loadtest.sim.cluster.events import ClusterReady, Subscriber
from loadtest.sim.cluster.raw_records import Place, RawRecords
from loadtest.sim.cluster.simulate import simulate
from loadtest.sim.progress import Underway, at_work
from loadtest.workload.scenario import Scenario
from loadtest.worlds.world import WorldFailed

CONNECT_S = 5.0
"""In which a cluster's scheduler answers, or is not there."""
WORKERS_MAX = 256


class Job(NamedTuple):
    """One simulation. A worker finds the strategy by its name, in its own copy of the code."""

    scenario: Scenario
    strategy: str
    seed: int
    repeat: int = 1
    raw: Place | None = None
    """Where everything is to be written down, on this machine."""


class Done(NamedTuple):
    """What became of it."""

    job: Job
    row: Row
    series: Series
    violation: str  # "" where every invariant was kept
    cpu_s: float  # of the worker, for this run


def run_job(job: Job) -> Done:
    """Here and now. Raises `WorldFailed` where there is no such strategy; else as `simulate`."""
    found = discover(bounds=True)
    strategy = found.runnable.get(job.strategy)
    if strategy is None:
        raise WorldFailed(f"no strategy {job.strategy!r} in the worker: {found.broken.get(job.strategy, 'no file')}")
    began_s = time.thread_time()  # a cluster's worker may have other threads
    with at_work(job.scenario.duration_s) as begin:
        begun = Subscriber({ClusterReady: lambda event: begin(event.cluster.loop)})
        raw = None if job.raw is None else RawRecords(job.raw, job.scenario, strategy, job.seed)
        try:
            row, series, violation = simulate(job.scenario, strategy, job.seed, observers=[begun], raw=raw)
        finally:
            if raw is not None:
                raw.close()
    cpu_s = time.thread_time() - began_s
    return Done(job, replace(row, repeat=job.repeat), series, str(violation or ""), cpu_s)


def run_all(
    jobs: Sequence[Job],
    executor: Executor,
    done: Callable[[Done], None],
    failed: Callable[[Job, Exception], None] | None = None,
) -> None:
    """Every job, in any order; `done` is called here, in order of completion, with the very job that was given.
    `failed` is called with a job that raised, and the others go on; without it, what the first raised is raised here,
    with a note that names its job. Whatever ends it early, the executor's own `with` cancels what has not begun."""
    waiting = {executor.submit(run_job, job): job for job in jobs}
    for future in as_completed(list(waiting)):
        job = waiting.pop(future)
        try:
            finished = future.result()
        except (CancelledError, BrokenExecutor) as error:
            raise WorldFailed(f"the workers are gone: {error or 'their scheduler with them'}") from error
        except Exception as error:
            if failed is not None:
                failed(job, error)
                continue
            error.add_note(f"in the simulation of {job.strategy}, {job.scenario.name}, seed {job.seed}")
            raise
        done(finished._replace(job=job))  # the very one: what came back is a copy


class Workers(ProcessPoolExecutor):
    """Of this machine."""

    def __init__(self, count: int) -> None:
        # Not forked: a fork of a process with threads (numpy's, a progress bar's) may never wake up.
        context = multiprocessing.get_context("spawn")
        self.underway = Underway(context, count)
        super().__init__(count, context, initializer=_serve_parent, initargs=(self.underway,))


@contextmanager
def local_workers(count: int | None = None) -> Iterator[Workers]:
    """Processes of this machine, one per core unless `count` says otherwise; none is left when the `with` ends. What
    they still do then is finished first, unless an exception (or Ctrl-C, which they ignore) ends it: then they are too.
    """
    count = min(count or cores(), WORKERS_MAX)
    others = {*multiprocessing.active_children()}
    executor = Workers(count)
    try:
        before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})  # handed down: no worker ever sees Ctrl-C
        try:
            for _ in range(count):
                executor.submit(_wake)  # starts one: the pool has no idle worker as yet
        finally:
            signal.pthread_sigmask(signal.SIG_SETMASK, before)
        yield executor
    except BaseException:
        # Nothing is cancelled before: the pool's own thread, which sees to the rest, would stumble over it.
        for worker in {*multiprocessing.active_children()} - others:  # the pool may have started one only for its jobs
            worker.kill()  # a simulation holds nothing that would need an orderly end
        raise
    finally:
        executor.shutdown(wait=True, cancel_futures=True)


def cores() -> int:
    """That this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wake() -> None:
    pass


def _serve_parent(underway: Underway) -> None:
    """In a worker: tell how far it is, and end with the parent, however that one ends. Unlike Linux's own signal for
    it, this works on every system and does not depend on the thread that started the worker."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    parent = multiprocessing.parent_process()
    assert parent is not None

    def follow() -> None:
        parent.join()
        os._exit(1)

    threading.Thread(target=follow, name="follow the parent", daemon=True).start()
    underway.follow()


@contextmanager
def cluster(address: str) -> Iterator[Executor]:
    """The workers of the dask scheduler at `address`; they need this very code. At the end, what has not begun there is
    cancelled, and the cluster goes on. Raises `WorldFailed` when nobody answers, and when there is nobody to work."""
    try:
        distributed: Any = import_module("distributed")  # whose types say nothing
    except ModuleNotFoundError as error:
        raise WorldFailed(f"a cluster needs {error.name}: pip install 'stampede-lab[sweep]'") from None
    _knock(distributed, address)
    with distributed.Client(address, timeout=CONNECT_S, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            raise WorldFailed(
                f"the scheduler at {address} has no workers: dask worker {address} --nthreads 1"
            ) from None
        try:
            codes = client.run(code_hash)
        except ModuleNotFoundError as error:
            raise WorldFailed(f"a worker of {address} has no {error.name}: start it in this checkout") from None
        if strangers := [worker for worker, code in codes.items() if code != code_hash()]:
            raise WorldFailed(f"the worker {strangers[0]} of {address} has other code than this checkout")
        executor: Executor = client.get_executor()
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)  # which cancels


def _knock(distributed: Any, address: str) -> None:
    """A client that cannot connect, or to something else than a scheduler, leaves threads that complain for minutes."""

    async def knock() -> None:
        options = distributed.Security().get_connection_args("client")
        comm = await distributed.comm.connect(address, timeout=CONNECT_S, **options)
        await comm.close()

    try:
        asyncio.run(knock())
    except Exception as error:  # whatever a stranger's answer makes of it
        raise WorldFailed(f"no dask scheduler answers at {address}: {error}") from None


def code_hash() -> str:
    """Of the code that a simulation runs, here: `app` and `loadtest`, whatever is committed."""
    hashed = hashlib.blake2b(digest_size=16)
    for path in sorted(path for package in ("app", "loadtest") for path in (ROOT / package).rglob("*.py")):
        hashed.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return hashed.hexdigest()
