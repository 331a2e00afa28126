"""What every command says to the terminal, and how it ends."""

import asyncio
import shlex
import signal
import sys
from collections.abc import Coroutine, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated, Any, NoReturn

import typer
from rich.console import Console
from rich.progress import Progress

from loadtest.environment import describe
from loadtest.quoting import for_console_markup
from loadtest.sim.batch import WORKERS_MAX
from loadtest.sim.loop import VirtualTimeError
from loadtest.world import WorldFailed

MESSAGE_CHARS_MAX = 20_000
"""A message may quote a log."""

console = Console()
errors = Console(stderr=True)

Results = Annotated[Path, typer.Option(help="Where the directories of runs are made.")]
Seed = Annotated[int, typer.Option(min=0, max=2**62, help="Of keys, pauses, latencies and every other random choice.")]


Strategies = Annotated[str | None, typer.Option(help="Names, by comma. Default: all that are discovered.")]
Workers = Annotated[int | None, typer.Option(min=1, max=WORKERS_MAX, help="Processes. Default: one per core.")]


def this_run(seed: int) -> dict[str, Any]:
    """Where and with what this command runs, for the directory that it leaves."""
    return describe(shlex.join(["lab", *sys.argv[1:]]), seed)


def progress() -> Progress:
    """Of work with a known end; on something that is no terminal, nothing."""
    return Progress(console=console, transient=True, disable=not console.is_terminal)


def fail(message: object, code: int = 2) -> NoReturn:
    lines = str(message)[:MESSAGE_CHARS_MAX].splitlines()
    errors.print(f"[bold red]error:[/] {chr(10).join(map(for_console_markup, lines))}")
    raise typer.Exit(code)


def shown(path: Path) -> Path:
    """As short as it can be written from here."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def guarded(work: Coroutine[Any, Any, Any]) -> Any:
    """Run it; Ctrl-C and SIGTERM end it in order, its children first."""

    async def cancellable() -> Any:
        task = asyncio.current_task()
        assert task is not None
        asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, task.cancel)
        return await work

    try:
        return asyncio.run(cancellable())
    except (KeyboardInterrupt, asyncio.CancelledError):
        errors.print("[yellow]Interrupted.[/] Everything that was started has been ended.")
        raise typer.Exit(130) from None
    except (WorldFailed, OSError, ValueError) as error:
        fail(error, code=1)


@contextmanager
def guarded_here() -> Iterator[None]:
    """The same for work that is no coroutine: what it has started ends with its own `with`."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    except KeyboardInterrupt:
        errors.print("[yellow]Interrupted.[/] Everything that was started has been ended.")
        raise typer.Exit(130) from None
    except (WorldFailed, VirtualTimeError, OSError, ValueError) as error:
        fail(error, code=1)
    finally:
        signal.signal(signal.SIGTERM, before)


def exit_unless_valid(valid: bool) -> None:
    if not valid:
        fail("at least one row is no result: see the events above", code=3)
