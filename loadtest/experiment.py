"""The loop of every experiment: planned runs in a world, each summarised as it ends and given to the sinks.

runs = plan(scenario, ["static", "swr"], discover(), repeats=5, seed=1)
finished = await experiment(runs, VirtualWorld())
"""

import asyncio
import time
from collections.abc import Callable, Iterable, Sequence
from concurrent.futures import BrokenExecutor

from loadtest.figures.history import History
from loadtest.figures.summarise import Finished, Summarised, failed, summarise
from loadtest.workload.planned_run import PlannedRun
from loadtest.worlds.world import OnProgress, World, WorldFailed, quiet

Sink = Callable[[Finished], None]
"""A sink, which keeps or shows a finished run; its exception ends the experiment."""


async def experiment(
    runs: Sequence[PlannedRun],
    world: World,
    sinks: Iterable[Sink] = (),
    on_progress: OnProgress = quiet,
    at_once: int | None = None,
) -> list[Finished]:
    """Run all planned runs in order, `at_once` at a time or as many as the world bears; they are returned in order.

    A run that fails is finished too, and the others go on. Raises `WorldFailed` where the world itself is not there,
    and the exceptions of sinks. The sinks have every run that had ended by then.
    """
    sinks = list(sinks)
    finished: dict[int, Finished] = {}
    waiting = iter(enumerate(runs))

    async def lane() -> None:
        for number, run in waiting:
            finished[number] = await _finish(run, world, on_progress)
            for sink in sinks:
                sink(finished[number])

    lanes = [asyncio.ensure_future(lane()) for _ in range(min(len(runs), at_once or world.runs_at_once))]
    try:
        await asyncio.gather(*lanes)
    finally:
        for one in lanes:
            one.cancel()
        await asyncio.gather(*lanes, return_exceptions=True)
    return [finished[number] for number in sorted(finished)]


async def _finish(run: PlannedRun, world: World, on_progress: OnProgress) -> Finished:
    try:
        history = await world.run(run, on_progress)
        # shielded, because a pool whose workers ended fails on a future that was cancelled before
        work = asyncio.get_running_loop().run_in_executor(world.executor, _timed, history)
        work.add_done_callback(
            lambda done: done.cancelled() or done.exception()
        )  # its exception counts as seen, even where the lane was ended
        summarised, cpu_s = await asyncio.shield(work)
    except BrokenExecutor as error:
        raise WorldFailed(f"the workers are gone: {error}") from error
    except asyncio.CancelledError as error:
        if (task := asyncio.current_task()) is None or task.cancelling():
            raise
        raise WorldFailed("the workers are gone: their scheduler with them") from error
    except Exception as error:  # any other error is this run's alone
        is_known = isinstance(error, WorldFailed | OSError | ValueError)
        reason = str(error) if is_known else f"{type(error).__name__}: {error}"
        return Finished(run, *failed(run, world.name, reason), error=error)
    return Finished(run, *summarised, cpu_s)


def _timed(history: History) -> tuple[Summarised, float]:
    """The summary of a history, and the CPU seconds of this thread that it took."""
    began_s = time.thread_time()
    return summarise(history), time.thread_time() - began_s
