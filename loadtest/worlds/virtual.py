"""The world of virtual time: runs are simulated on every core of this machine, or on a cluster."""

import asyncio
from concurrent.futures import Executor
from contextlib import ExitStack
from types import TracebackType
from typing import Self

from loadtest.sim.cluster.simulate import SimulatedHistory
from loadtest.sim.pool import NoWorkers, Workers, cluster, cores, local_workers
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.world import OnProgress, Records, WorldFailed

RUNS_AT_ONCE_MAX = 512
"""The most runs that wait for a worker: enough to keep a cluster busy."""


class VirtualWorld:
    """A world in virtual time. Implements `World`: a run takes place in the worker that reads its history."""

    name = "virtual"
    runs_at_once = RUNS_AT_ONCE_MAX

    def __init__(
        self, workers: int | None = None, cluster_address: str | None = None, records: Records | None = None
    ) -> None:
        """Choose `workers` processes of this machine, or those of the dask scheduler at `cluster_address`.

        There is one process per core unless stated. `records` names the folder for every answer and read of a run.
        """
        self._workers, self._cluster_address, self._records = workers, cluster_address, records
        self._open = ExitStack()
        self.executor: Executor | None = None

    async def __aenter__(self) -> Self:
        try:
            if self._cluster_address is None:
                self.executor = self._open.enter_context(local_workers(self._workers or cores()))
            else:  # whose client has an event loop of its own
                self.executor = await asyncio.to_thread(self._open.enter_context, cluster(self._cluster_address))
        except NoWorkers as error:
            raise WorldFailed(str(error)) from error
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        return self._open.__exit__(kind, error, trace)

    async def run(self, run: PlannedRun, on_progress: OnProgress) -> SimulatedHistory:
        """Implements `World.run`."""
        return SimulatedHistory(run, records=self._records and self._records(run))

    def underway(self) -> float:
        """The shares done of the runs that have not ended, added up; 0 on a cluster, which reports none."""
        return self.executor.underway.runs() if isinstance(self.executor, Workers) else 0.0
