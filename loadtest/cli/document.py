"""The JSON document of a command: with --json it is all that stands on stdout, and people read stderr instead.

A command tells its figures part by part. The document is written once, when the command ends, whatever ended it. A
command that failed before it told anything leaves stdout empty.
"""

import json
import math
import sys
from collections.abc import Callable, Mapping
from functools import wraps
from inspect import Parameter, signature
from pathlib import Path
from typing import Annotated, Any

import typer

from loadtest.cli.terminal import console
from loadtest.figures.whole_file import write_whole
from loadtest.workload.schema import SCHEMA

AsJson = Annotated[bool, typer.Option("--json", help="One JSON document on stdout; all else goes to stderr.")]
Quiet = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors and warnings alone.")]

_parts: dict[str, Any] = {}


def tell(**parts: Any) -> None:
    """Adds parts to the document, as values that JSON can hold; a part that was told before is replaced."""
    _parts.update(parts)


def keep_and_tell(path: Path, document: Mapping[str, Any]) -> None:
    """Writes a document into a file, and tells its parts. Raises OSError; ValueError where a number is not finite."""
    write_whole(path, json.dumps(document, indent=2, allow_nan=False))
    tell(**document)


def tell_file(path: Path) -> None:
    """Tells the parts of the document in a file. Raises OSError."""
    tell(**json.loads(path.read_text(encoding="utf-8")))


def with_output_options(command: Callable[..., None], has_table: bool) -> Callable[..., None]:
    """The command with --quiet, and with --json where it prints a table."""

    @wraps(command)
    def run(*, as_json: bool = False, quiet: bool = False, **stated: Any) -> None:
        console.stderr, console.quiet = as_json, quiet
        _parts.clear()
        try:
            command(**stated)
        finally:
            console.stderr = console.quiet = False
            if as_json and _parts:
                json.dump(_finite({"schema": SCHEMA, **_parts}), sys.stdout, indent=2, allow_nan=False)
                sys.stdout.write("\n")

    added = {"as_json": AsJson, "quiet": Quiet} if has_table else {"quiet": Quiet}
    own = signature(command)
    flags = [Parameter(name, Parameter.KEYWORD_ONLY, default=False, annotation=kind) for name, kind in added.items()]
    run.__signature__ = own.replace(parameters=[*own.parameters.values(), *flags])  # type: ignore[attr-defined]
    run.__annotations__ = {**command.__annotations__, **added}
    return run


def _finite(value: Any) -> Any:
    """The value with None for every number that JSON has no word for; a time without an end is `NEVER` before."""
    if isinstance(value, Mapping):
        return {name: _finite(one) for name, one in value.items()}
    if isinstance(value, list | tuple):
        return [_finite(one) for one in value]
    return None if isinstance(value, float) and not math.isfinite(value) else value
