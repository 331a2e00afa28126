"""What every command says to the terminal, and how it ends."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Callable, Coroutine, Iterable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console, RenderableType
from rich.progress import (
    BarColumn,
    Progress,
    TaskProgressColumn,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from loadtest.figures.run_folder import new_run_folder
from loadtest.report.quoting import for_console_markup, for_terminal
from loadtest.sim.kernel.loop import VirtualTimeError
from loadtest.sim.pool import WORKERS_MAX
from loadtest.workload.scenario import Scenario
from loadtest.worlds.environment import describe
from loadtest.worlds.world import WorldFailed

MESSAGE_CHARS_MAX = 20_000
"""A message may quote a log."""

console = Console()
errors = Console(stderr=True)

Results = Annotated[Path, typer.Option(help="Where the directories of runs are made.")]
Duration = Annotated[float | None, typer.Option(min=1, max=3_600, help="Seconds of load per strategy.")]
Pods = Annotated[int | None, typer.Option(min=1, max=10_000, help="As processes, 16 at most.")]
Seed = Annotated[int, typer.Option(min=0, max=2**62, help="Of keys, pauses, latencies and every other random choice.")]
Strategies = Annotated[str | None, typer.Option(help="Names, by comma. Default: all that are discovered.")]
Bound = Annotated[bool, typer.Option(help="Also run what no strategy can leave: nocache, every request to the origin.")]
Workers = Annotated[int | None, typer.Option(min=1, max=WORKERS_MAX, help="Processes. Default: one per core.")]


def this_run(seed: int, is_virtual: bool = False) -> dict[str, Any]:
    """Where and with what this command runs, for the directory that it leaves."""
    return describe(shlex.join(["lab", *sys.argv[1:]]), seed, is_virtual)


def progress() -> Progress:
    """Of work with a known end; on something that is no terminal, nothing."""
    return Progress(console=console, transient=True, disable=not console.is_terminal)


class _RunsProgress(Progress):
    """Counts runs, and the parts that are behind those that have not ended."""

    done = 0
    underway: Callable[[], float] = staticmethod(lambda: 0.0)

    def get_renderables(self) -> Iterable[RenderableType]:
        for task in self.tasks:
            far = min(self.done + self.underway(), task.total or 0)
            self.update(task.id, completed=max(task.completed, far))  # never back: the two are not of one moment
        return super().get_renderables()


@contextmanager
def runs_progress(total: int, done: int, underway: Callable[[], float]) -> Iterator[Callable[[], int]]:
    """Of so many runs, `done` of them from before. What it gives is to be called after each; how many that are then."""
    columns = (
        TextColumn("{task.description}"), BarColumn(), TaskProgressColumn(), TimeElapsedColumn(), TimeRemainingColumn()
    )  # fmt: skip
    with _RunsProgress(*columns, console=console, transient=True, disable=not console.is_terminal) as bar:
        bar.done, bar.underway = done, underway
        line = bar.add_task(f"{done} of {total} runs", total=total)

        def advance() -> int:
            bar.done += 1
            bar.update(line, description=f"{bar.done} of {total} runs")
            return bar.done

        yield advance


def fail(message: object, code: int = 2) -> NoReturn:
    lines = str(message)[:MESSAGE_CHARS_MAX].splitlines()
    errors.print(f"[bold red]error:[/] {chr(10).join(map(for_console_markup, lines))}", soft_wrap=True)
    raise typer.Exit(code)


def warn(lines: Iterable[str]) -> None:
    """What the reader has to know and what changes no exit code."""
    for line in lines:
        errors.print(for_terminal(f"! {line}", "yellow"), soft_wrap=True)


def shown(path: Path) -> Path:
    """As short as it can be written from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def named(path: Path) -> str:
    """The same within rich's markup: a folder may have any name."""
    return for_console_markup(str(shown(path)))


def run_folder(results: Path, name: str, about: Mapping[str, Any], scenario: Scenario | None = None) -> Path:
    """A new directory for a run, before anything runs; exit 2 where there can be none."""
    try:
        return new_run_folder(results, name, about, scenario)
    except OSError as error:
        fail(f"--results: no run can be kept in {results}: {error.strerror or error}")


_ENDS = tuple(sign for name in ("SIGTERM", "SIGHUP") if (sign := getattr(signal, name, None)) is not None)
"""Beside Ctrl-C: asked to end, and the terminal was closed."""


def _heard() -> list[signal.Signals]:
    """Of `_ENDS`, those that this process was not started to ignore, as `nohup` does."""
    return [sign for sign in _ENDS if signal.getsignal(sign) is not signal.SIG_IGN]


def guarded(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it; Ctrl-C, SIGTERM and SIGHUP end it in order, its children first."""

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
    """The same for work that is no coroutine: what it has started ends with its own `with`."""
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


def say(text: str) -> None:
    """On a terminal that may be gone by now."""
    try:
        errors.print(text)
    except OSError:
        pass


def exit_unless_valid(valid: bool) -> None:
    if not valid:
        fail("at least one row is no result: see the events above", code=3)
