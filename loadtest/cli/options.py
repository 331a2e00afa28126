"""Options that several commands have."""

from pathlib import Path
from typing import Annotated

import typer

DEFAULT_SCENARIO = "hot-key"
RESULTS = Path("results")
LATEST = RESULTS / "latest"
SEED_MAX = 2**62

Reference = Annotated[
    bool, typer.Option(help="Also run what no strategy can leave: nocache, every request to the origin.")
]
Duration = Annotated[float | None, typer.Option(min=1, max=3_600, help="Seconds of load per strategy.")]
Markdown = Annotated[Path | None, typer.Option(help="Write it as Markdown into this file too.")]
Pods = Annotated[int | None, typer.Option(min=1, max=10_000, help="As processes, 16 at most.")]
Results = Annotated[Path, typer.Option(help="Where the directories of runs are made.")]
ContenderFiles = Annotated[
    list[Path] | None,
    typer.Option(
        "--contender-file",
        help="A .py file with contenders, which run unless others are named. Repeatable.",
    ),
]
Seed = Annotated[
    int, typer.Option(min=0, max=SEED_MAX, help="Of keys, pauses, latencies and every other random choice.")
]
Strategies = Annotated[
    str | None, typer.Option(help="Names by comma, or all: every right one. Default: those that run by default.")
]
Wide = Annotated[bool, typer.Option("--wide", help="Show every column that the terminal has room for.")]
