"""The `lab` command line. Exit codes: 0 done, 1 failed, 2 bad input, 3 the run is no result, 130 interrupted."""

import typer

from loadtest.cli import bench, check, claims, judge, look, readme, sim, sweep

app = typer.Typer(
    help="Stampede Lab: what a cache does when its entries expire, and what each remedy buys.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for commands in (bench.app, look.app, sim.app, check.app, claims.app, judge.app, sweep.app, readme.app):
    app.add_typer(commands)


def main() -> None:
    app()
