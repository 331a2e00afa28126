"""The `lab` command line. Exit codes: 0 done, 1 failed, 2 bad input, 3 the run is no result, 130 interrupted."""

import atexit
import gc
import io
import sys
from typing import Annotated

import typer

from loadtest.cli.lazy import lazy_app

GC_FIRST_THRESHOLD = 20_000
"""The objects between two collections of garbage; what a command imports stays, and is frozen at its end.

Collections during the imports take a tenth of their time, and those at the end a quarter of a second.
"""
COMMANDS = {
    "bench": "loadtest.cli.bench:bench",
    "report": "loadtest.cli.report:report",
    "try": "loadtest.cli.try_:try_",
    "list": "loadtest.cli.list_:list_",
    "new": "loadtest.cli.new:new",
    "settings": "loadtest.cli.settings:settings",
    "sim": "loadtest.cli.sim:sim",
    "calibrate": "loadtest.cli.calibrate:calibrate",
    "verify": "loadtest.cli.verify:verify",
    "replay": "loadtest.cli.replay:replay",
    "claims": "loadtest.cli.claims:claims",
    "compare": "loadtest.cli.compare:compare",
    "gate": "loadtest.cli.gate:gate",
    "sweep": "loadtest.cli.sweep:sweep",
    "advise": "loadtest.cli.advise:advise",
    "break": "loadtest.cli.break_:break_",
    "tipping": "loadtest.cli.tipping:tipping",
    "drill": "loadtest.cli.drill:drill",
    "mistakes": "loadtest.cli.mistakes:mistakes",
    "warm": "loadtest.cli.warm:warm",
    "steps": "loadtest.cli.steps:steps",
    "league": "loadtest.cli.league:league",
    "reference": "loadtest.cli.reference:reference",
    "pages": "loadtest.cli.pages:pages",
}
FORMER_NAMES = {"summarise": COMMANDS["report"]}
TABLES = frozenset({*COMMANDS, *FORMER_NAMES} - {"new", "settings", "replay", "warm", "reference", "pages"})
"""The commands that print a table, and take --json."""
MOVED = {
    "check": "lab verify (style and types are `make check`)",
    **{name: f"make {name}, in a checkout" for name in ("hitpath", "loadlimit", "readme", "simspeed")},
}
"""The names that commands had, by what does their work now."""

app = lazy_app(
    "Stampede Lab: what a cache does when its entries expire, and what each remedy buys.",
    COMMANDS,
    FORMER_NAMES,
    MOVED,
    TABLES,
)


def _tell_version(is_asked: bool) -> None:
    if is_asked:
        from importlib.metadata import PackageNotFoundError, version

        from loadtest.worlds.checkout import commit

        try:
            number = version("stampede-lab")
        except PackageNotFoundError:  # in an image the code lies beside its packages
            number = "of no package"
        print(f"stampede-lab {number} (commit {commit()})")
        raise typer.Exit


@app.callback(invoke_without_command=True)
def _lab(
    context: typer.Context,
    _: Annotated[
        bool, typer.Option("--version", "-V", callback=_tell_version, is_eager=True, help="Its version and commit.")
    ] = False,
) -> None:
    if context.invoked_subcommand is None:
        print(context.get_help())


def main() -> None:
    gc.set_threshold(GC_FIRST_THRESHOLD)
    atexit.register(gc.freeze)
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="replace")  # a terminal that has no "…" gets a "?", and the run goes on
    try:
        app()
    except OSError as error:  # a full disk, wherever it is noticed
        print(f"error: {error}", file=sys.stderr)
        sys.exit(1)
