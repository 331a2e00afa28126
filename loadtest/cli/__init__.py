"""The `lab` command line. Exit codes: 0 done, 1 failed, 2 bad input, 3 the run is no result, 130 interrupted."""

import io
import sys
from importlib.metadata import PackageNotFoundError, version
from typing import Annotated

import typer

from loadtest.cli import bench, calibrate, check, claims, judge, look, sim, sweep
from loadtest.worlds.environment import commit

app = typer.Typer(
    help="Stampede Lab: what a cache does when its entries expire, and what each remedy buys.",
    context_settings={"help_option_names": ["-h", "--help"]},
    invoke_without_command=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (bench.app, look.app, sim.app, calibrate.app, check.app, claims.app, judge.app, sweep.app):
    app.add_typer(commands)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        try:
            number = version("stampede-lab")
        except PackageNotFoundError:  # in an image the code lies beside its packages
            number = "of no package"
        print(f"stampede-lab {number} (commit {commit()})")
        raise typer.Exit


@app.callback()
def _lab(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", "-V", callback=_tell_version, is_eager=True, help="Its version and commit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "…" gets a "?", and the run goes on
    try:
        app()
    except OSError as error:  # a full disk, wherever it is noticed
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
