"""What every command says to the terminal, and how it ends."""

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from loadtest.report.quoting import for_console_markup, for_terminal

MESSAGE_CHARS_MAX = 20_000
"""A message may quote a log."""

console = Console()
errors = Console(stderr=True)


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


def say(text: str) -> None:
    """On a terminal that may be gone by now."""
    try:
        errors.print(text)
    except OSError:
        pass


def exit_unless_valid(valid: bool) -> None:
    if not valid:
        fail("at least one row is no result: see the events above", code=3)


def print_text(text: str) -> None:
    """Prints the text as it is: it holds no markup, and lines stay whole."""
    console.print(Text(text), soft_wrap=True)
