"""The frame of a command that runs something: its folder, its progress, and its signals."""

import asyncio
import shlex
import signal
import sys
import time
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import typer
from rich.console import RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from loadtest.cli.document import tell
from loadtest.cli.terminal import console, fail, say
from loadtest.figures.run_folder import new_run_folder
from loadtest.sim.kernel.loop import VirtualTimeError
from loadtest.workload.scenario import Scenario
from loadtest.worlds.environment import describe
from loadtest.worlds.world import WorldFailed

TOLD_EVERY_S = 30.0
"""Seconds between two lines that tell how far a command is, where there is no terminal to draw a bar on."""


def this_run(seed: int, is_virtual: bool = False) -> dict[str, Any]:
    """The environment of this command, as the run's folder keeps it."""
    return describe(shlex.join(["lab", *sys.argv[1:]]), seed, is_virtual)


class _RunsProgress(Progress):
    """A progress bar that counts runs which have ended, and the parts of those underway."""

    done = 0
    underway: Callable[[], float] = staticmethod(lambda: 0.0)

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            far = min(self.done + self.underway(), task.total or 0)
            self.update(task.id, completed=max(task.completed, far))  # never back: the two are not of one moment
        return super().get_renderables()


@contextmanager
def runs_progress(total: int, done: int, underway: Callable[[], float]) -> Iterator[Callable[[], int]]:
    """A progress bar for `total` runs, `done` of them from before; without a terminal a line now and then on stderr.

    It yields a function to call after each run; that returns how many have ended.
    """
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with _RunsProgress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.done, bar.underway = done, underway
        line = bar.add_task(f"{done} of {total} runs", total=total)
        began_s = told_s = time.monotonic()

        def advance() -> int:
            nonlocal told_s
            bar.done += 1
            bar.update(line, description=f"{bar.done} of {total} runs")
            now_s = time.monotonic()
            if bar.disable and not console.quiet and now_s - told_s >= TOLD_EVERY_S:
                told_s = now_s
                say(f"{bar.done} of {total} runs after {now_s - began_s:.0f} s")
            return bar.done

        yield advance


def run_folder(results: Path, name: str, about: Mapping[str, Any], scenario: Scenario | None = None) -> Path:
    """Makes the folder of a run before anything runs; exit 2 where it cannot be made."""
    try:
        folder = new_run_folder(results, name, about, scenario)
    except OSError as error:
        fail(f"--results: no run can be kept in {results}: {error.strerror or error}")
    tell(folder=str(folder))
    return folder


_ENDS = tuple(sign for name in ("SIGTERM", "SIGHUP") if (sign := getattr(signal, name, None)) is not None)
"""Signals that end a run as Ctrl-C does: a request to end, and a terminal that was closed."""


def _heard() -> list[signal.Signals]:
    """Those of `_ENDS` that this process does not ignore; `nohup` starts one that ignores SIGHUP."""
    return [sign for sign in _ENDS if signal.getsignal(sign) is not signal.SIG_IGN]


def guarded(work: Coroutine[Any, Any, Any]) -> Any:
    """Runs a coroutine; Ctrl-C, SIGTERM and SIGHUP end it in order, its children first."""

    async def cancellable() -> Any:
        task = asyncio.current_task()
        assert task is not None
        for sign in _heard():
            asyncio.get_running_loop().add_signal_handler(sign, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except (KeyboardInterrupt, asyncio.CancelledError):
        say("[yellow]Interrupted.[/] Everything that was started has been ended.")
        raise typer.Exit(130) from None
    except (WorldFailed, OSError, ValueError) as error:
        fail(error, code=1)


@contextmanager
def guarded_here() -> Iterator[None]:
    """A context that ends work outside a coroutine as `guarded` does; child processes end with their own `with`."""
    before = {sign: signal.signal(sign, signal.default_int_handler) for sign in _heard()}
    try:
        yield
    except KeyboardInterrupt:
        say("[yellow]Interrupted.[/] Everything that was started has been ended.")
        raise typer.Exit(130) from None
    except (WorldFailed, VirtualTimeError, OSError, ValueError) as error:
        fail(error, code=1)
    finally:
        for sign, handler in before.items():
            signal.signal(sign, handler)
