"""`lab reference`: the generated parts of the reference pages, written anew."""

import inspect
import json
from collections.abc import Callable, Mapping
from typing import Annotated

import typer

from loadtest import ROOT
from loadtest.cli import COMMANDS, TABLES
from loadtest.cli.lazy import command_of
from loadtest.cli.output_files import MarkedPage
from loadtest.cli.terminal import fail, print_text
from loadtest.figures.whole_file import write_whole
from loadtest.report.markdown_table import markdown_table
from loadtest.studies.reference.blocks import columns, default_in_words, scenario_fields, scenario_schema, variables
from loadtest.workload.toml_writer import SCHEMA_FILE

FOLDER = ROOT / "docs" / "reference"


def reference(
    schema: Annotated[
        bool, typer.Option("--schema", help="Print the schema of scenario files, and write nothing.")
    ] = False,
) -> None:
    """Write the tables of docs/reference/, and the schema of scenario files that editors read, from the code."""
    if schema:
        print_text(schema_text())
        return
    if not FOLDER.is_dir():
        fail(f"{FOLDER}: is not there: this command is for a checkout")
    for name, (page, make) in BLOCKS.items():
        MarkedPage.read(FOLDER / page, name).write(block_text(make))
    write_whole(SCHEMA_FILE, schema_text())


def commands() -> str:
    """Every command of the lab, with its arguments and options."""
    lines: list[str] = []
    for name, where in sorted(COMMANDS.items()):
        command = command_of(where, name in TABLES)
        told = [
            (
                ", ".join(f"`{word}`" for word in one.opts),
                default_in_words(one.default),
                " ".join((getattr(one, "help", "") or "").split()),
            )
            for one in command.params
        ]
        said = inspect.cleandoc(command.help or "")
        lines += [f"### lab {name}", "", said, "", *markdown_table(("option", "default", "meaning"), told), ""]
    return "\n".join(lines)


BLOCKS: Mapping[str, tuple[str, Callable[[], str]]] = {
    "scenario-fields": ("scenarios.md", scenario_fields),
    "columns": ("figures.md", columns),
    "commands": ("commands.md", commands),
    "variables": ("variables.md", variables),
}
"""The blocks: the page that each stands in, and what makes it."""


def block_text(make: Callable[[], str]) -> str:
    """The text between the markers of a page."""
    return f"\n{make()}\n\n"


def schema_text() -> str:
    return json.dumps(scenario_schema(), indent=1)
