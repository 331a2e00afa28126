"""The processes in which simulations run: on every core of this machine, or on a cluster that is there already."""

import asyncio
import hashlib
import multiprocessing
import os
import signal
import threading
from collections.abc import Iterator
from concurrent.futures import Executor, ProcessPoolExecutor
from contextlib import contextmanager
from importlib import import_module
from typing import Any

from loadtest import ROOT
from loadtest.sim.progress import Underway

CONNECT_S = 5.0
"""Seconds within which a cluster's scheduler has to answer."""
WORKERS_MAX = 256


class NoWorkers(RuntimeError):
    """No cluster can be used for the simulation; the text says why."""


class Workers(ProcessPoolExecutor):
    """Worker processes of this machine, which report their progress."""

    def __init__(self, count: int) -> None:
        # Not forked: a fork of a process with threads (numpy's, a progress bar's) may never wake up.
        context = multiprocessing.get_context("spawn")
        self.underway = Underway(context, count)
        super().__init__(count, context, initializer=_serve_parent, initargs=(self.underway,))


@contextmanager
def local_workers(count: int | None = None) -> Iterator[Workers]:
    """Open worker processes of this machine, one per core unless `count` is stated; all end with the context.

    Their work is finished first. An exception, or Ctrl-C (which they ignore), ends them at once.
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
    """The number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _wake() -> None:
    pass


def _serve_parent(underway: Underway) -> None:
    """Report this worker's progress, and end it with its parent, on every system and for any starting thread."""
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
    """Open the workers of the dask scheduler at `address`; they need this very code. Raises `NoWorkers`.

    At the end, runs that have not begun are cancelled, and the cluster goes on.
    """
    try:
        distributed: Any = import_module("distributed")  # whose types say nothing
    except ModuleNotFoundError as error:
        raise NoWorkers(f"a cluster needs {error.name}: pip install 'stampede-lab[sweep]'") from None
    _knock(distributed, address)
    with distributed.Client(address, timeout=CONNECT_S, set_as_default=False) as client:
        try:
            client.wait_for_workers(1, timeout=CONNECT_S)
        except TimeoutError:
            raise NoWorkers(f"the scheduler at {address} has no workers: dask worker {address} --nthreads 1") from None
        try:
            codes = client.run(code_hash)
        except ModuleNotFoundError as error:
            raise NoWorkers(f"a worker of {address} has no {error.name}: start it in this checkout") from None
        if strangers := [worker for worker, code in codes.items() if code != code_hash()]:
            raise NoWorkers(f"the worker {strangers[0]} of {address} has other code than this checkout")
        executor: Executor = client.get_executor()
        try:
            yield executor
        finally:
            executor.shutdown(wait=False)  # which cancels


def _knock(distributed: Any, address: str) -> None:
    """Check that a scheduler answers, since a client that cannot connect leaves threads that complain for minutes."""

    async def knock() -> None:
        options = distributed.Security().get_connection_args("client")
        comm = await distributed.comm.connect(address, timeout=CONNECT_S, **options)
        await comm.close()

    try:
        asyncio.run(knock())
    except Exception as error:  # whatever a stranger's answer makes of it
        raise NoWorkers(f"no dask scheduler answers at {address}: {error}") from None


def code_hash() -> str:
    """The hash of the code that a simulation runs: `app` and `loadtest`, whatever is committed."""
    hashed = hashlib.blake2b(digest_size=16)
    for path in sorted(path for package in ("app", "loadtest") for path in (ROOT / package).rglob("*.py")):
        hashed.update(f"{path.relative_to(ROOT)}\0{path.stat().st_size}\0".encode() + path.read_bytes())
    return hashed.hexdigest()
