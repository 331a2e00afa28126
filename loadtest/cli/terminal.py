"""The terminal: messages of every command, and the exit code that goes with them."""

from collections.abc import Iterable
from pathlib import Path
from typing import NoReturn

import typer
from rich.console import Console
from rich.text import Text

from loadtest.report.quoting import for_console_markup, for_terminal

MESSAGE_CHARS_MAX = 20_000
"""The longest message; one that quotes a log may be longer, and is cut."""

console = Console()
errors = Console(stderr=True)


def fail(message: object, code: int = 2) -> NoReturn:
    lines = str(message)[:MESSAGE_CHARS_MAX].splitlines()
    errors.print(f"[bold red]error:[/] {chr(10).join(map(for_console_markup, lines))}", soft_wrap=True)
    raise typer.Exit(code)


def warn(lines: Iterable[str]) -> None:
    """Prints a warning a line; a warning changes no exit code."""
    for line in lines:
        errors.print(for_terminal(f"! {line}", "yellow"), soft_wrap=True)


def shown(path: Path) -> Path:
    """The path relative to the current folder, where it lies below that."""
    return path.relative_to(Path.cwd()) if path.is_relative_to(Path.cwd()) else path


def named(path: Path) -> str:
    """The path relative to the current folder, escaped for rich's markup."""
    return for_console_markup(str(shown(path)))


def say(text: str) -> None:
    """Prints to stderr, and ignores that the terminal was closed."""
    try:
        errors.print(text)
    except OSError:
        pass


def show_screen(screen: str, code: int) -> NoReturn:
    """Prints a screen of plain text to stderr, and exits."""
    errors.print(Text(screen), soft_wrap=True)
    raise typer.Exit(code)


def exit_unless_valid(valid: bool) -> None:
    if not valid:
        fail("at least one row is no result: see the incidents above", code=3)


def print_text(text: str) -> None:
    """Prints plain text, in which nothing is markup, without folding its lines."""
    console.print(Text(text), soft_wrap=True)
