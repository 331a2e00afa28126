"""`lab bench --live`: the options, and the page beside the bench."""

import webbrowser
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from app.discovery import Discovered
from loadtest.cli.terminal import console, fail, warn
from loadtest.live.page_process import PortTaken, page_process
from loadtest.workload.planned_run import PlannedRun

Live = Annotated[
    bool,
    typer.Option("--live", help="Serve a page on loopback that draws the charts as they grow, and ends as report."),
]
LivePort = Annotated[
    int | None, typer.Option(min=1, max=65_535, help="The port of that page, which is --live too. Default: a free one.")
]
OpenPage = Annotated[bool, typer.Option("--open", help="Open that page in the browser; it is --live too.")]


def why_not_live(world: str) -> str:
    """The reason why a world has no live page; empty for the native one."""
    if world == "virtual":
        return (
            "--live: virtual time takes seconds for a minute and keeps its records in memory until then: "
            "its report is there as soon as a page would be"
        )
    return "--live: the stack is watched in Grafana, at the URL that make up tells" if world == "stack" else ""


@contextmanager
def watched(
    runs: Sequence[PlannedRun], found: Discovered, port: int, is_opened: bool
) -> Iterator[Callable[[Path], None]]:
    """A live page until the context ends; yields what tells it the bench's folder. Exit 2 where its port is taken."""
    names = list(dict.fromkeys(run.name for run in sorted(runs, key=lambda run: run.place(found))))
    try:
        with page_process(port) as page:
            console.print(f"Live: {page.url}", highlight=False, soft_wrap=True)
            if is_opened and not webbrowser.open(page.url):
                warn([f"no browser could be opened: {page.url}"])
            yield lambda folder: page.begin(folder, names, list(found.strategies), found.baseline)
            if why := page.why_ended():
                warn([f"the live page ended before the bench, which did without it: {why}"])
    except PortTaken as error:
        fail(f"--live-port: {error}")
