"""`make readme`: what README.md and the docs quote, measured again."""

import os
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated

import typer

from benchmarks.readme_blocks import BLOCKS, NoBlock, quoted_by, stale, written
from loadtest import ROOT
from loadtest.cli.running import guarded_here, this_run
from loadtest.cli.terminal import console, fail
from loadtest.figures.whole_file import write_whole

COLUMNS = 112  # characters: as wide as a page shows code


def readme(
    only: Annotated[str | None, typer.Option(help="Blocks, by comma. Default: all that are out of date.")] = None,
    check: Annotated[bool, typer.Option("--check", help="Only exit 1 where a block is out of date.")] = False,
) -> None:
    """Measure what README.md and docs/ quote, and write it there with its command (a quarter of an hour)."""
    known = {block.name: block for block in BLOCKS}
    try:
        out_of_date = list(stale())
    except NoBlock as error:
        fail(error)
    if check:
        if out_of_date:
            fail("\n".join(out_of_date), code=1)
        return
    names = only.split(",") if only else [line.partition(":")[0] for line in out_of_date]
    if unknown := [name for name in names if name not in known]:
        fail(f"--only: there is no block {unknown[0]!r}: name some of {', '.join(known)}")
    about = this_run(seed=1)  # now: what is written below makes the checkout another than the commit
    for name in names:
        block = known[name]
        console.print(f"{name}: {block.make} …", highlight=False)
        with guarded_here(), tempfile.TemporaryDirectory() as folder:
            quoted = quoted_by(block, _run, Path(folder))
            text = written(block.page.read_text(encoding="utf-8"), block, quoted, about)
            write_whole(block.page, text.removesuffix("\n"))
    console.print(f"Written: {', '.join(names) or 'nothing was out of date'}", highlight=False)


def _run(words: Sequence[str], results: Path) -> str:
    """The standard output of a command. Raises ValueError with the last words of one that failed."""
    of_lab = words[0] in {"bench", "calibrate"}
    command = [sys.executable, "-m", "loadtest" if of_lab else "benchmarks", *words]
    if of_lab:
        command += ["--results", str(results)]
    environment = {**os.environ, "COLUMNS": str(COLUMNS), "NO_COLOR": "1", "PYTHONPATH": str(ROOT)}
    done = subprocess.run(command, cwd=ROOT, env=environment, text=True, capture_output=True, check=False)
    if done.returncode:
        raise ValueError(f"{' '.join(words)}: exit code {done.returncode}: {(done.stderr or done.stdout)[-600:]}")
    return done.stdout
