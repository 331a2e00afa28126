"""Command lines that import a command when it is called, and read its docstring for `--help`."""

import ast
from collections.abc import Collection, Mapping
from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperGroup
from typer.main import get_command

from loadtest.cli.document import with_output_options

HELP_OPTIONS = {"help_option_names": ["-h", "--help"]}


class _LazyGroup(TyperGroup):
    """A group that imports the command that is called; it lists the others by their docstrings."""

    moved: Mapping[str, str] = {}
    """The names that commands had, by what does their work now."""

    def resolve_command(self, ctx: Any, args: list[str]) -> tuple[str | None, Any, list[str]]:
        if args and args[0] in self.moved:
            ctx.fail(f"{ctx.info_name} {args[0]} is now {self.moved[args[0]]}")
        name, command, rest = super().resolve_command(ctx, args)
        return name, command and command.callback and command.callback(), rest


def lazy_app(
    help_text: str,
    commands: Mapping[str, str],
    hidden: Mapping[str, str] | None = None,
    moved: Mapping[str, str] | None = None,
    tables: Collection[str] = (),
) -> typer.Typer:
    """A command line of functions, each named as `module:function`; those of `hidden` have no line in its help.

    Every command takes --quiet, and those of `tables`, which print one, take --json.

    A name of `moved` ends with exit code 2 and a message that tells what it is now.
    """
    app = typer.Typer(
        cls=type("_Group", (_LazyGroup,), {"moved": moved or {}}),
        help=help_text,
        context_settings=HELP_OPTIONS,
        add_completion=False,
        pretty_exceptions_enable=False,
    )
    for name, where in {**commands, **(hidden or {})}.items():
        _add(app, name, where, is_hidden=name not in commands, has_table=name in tables)
    return app


def _add(app: typer.Typer, name: str, where: str, is_hidden: bool, has_table: bool) -> None:
    module, _, function = where.partition(":")

    @app.command(name, help=_docstring(module, function), hidden=is_hidden)
    def load() -> Any:
        return command_of(where, has_table)


def command_of(where: str, has_table: bool = False) -> Any:
    """The command that `module:function` names, with its options."""
    module, _, function = where.partition(":")
    one = typer.Typer(add_completion=False)
    one.command()(with_output_options(getattr(import_module(module), function), has_table))
    return get_command(one)


def _docstring(module: str, function: str) -> str | None:
    spec = find_spec(module)
    assert spec is not None
    assert spec.origin is not None
    for node in ast.parse(Path(spec.origin).read_text(encoding="utf-8")).body:
        if isinstance(node, ast.FunctionDef) and node.name == function:
            return ast.get_docstring(node)
    raise LookupError(f"{module} has no function {function}")
