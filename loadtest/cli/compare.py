"""`lab compare`: two runs, commits or strategies over their repeats."""

from collections.abc import Sequence
from typing import Annotated

import typer
from rich import box
from rich.table import Table
from rich.text import Text

from loadtest.cli.document import tell
from loadtest.cli.options import RESULTS, Markdown, Results
from loadtest.cli.output_files import write_beside
from loadtest.cli.terminal import console, errors, fail
from loadtest.report import comparison
from loadtest.report.quoting import for_terminal
from loadtest.stats import compare_runs
from loadtest.stats.saved_run import BadRun, find_run

WIDE = 120
"""The width, characters, below which intervals stand under their medians."""

Which = Annotated[
    str, typer.Argument(help="A run directory, a commit (7 digits or more), or either with :strategy behind it.")
]


def compare(
    a: Which,
    b: Which,
    markdown: Markdown = None,
    latency_drift: Annotated[
        float | None,
        typer.Option(
            min=0, max=10, help="Share by which latency may differ between two runs because the machine does."
        ),
    ] = None,
    results: Results = RESULTS,
) -> None:
    """Compare two runs, or two strategies, over their repeats. A difference is information: the exit code is 0."""
    try:
        (run_a, of_a), (run_b, of_b) = find_run(a, results), find_run(b, results)
        found = compare_runs.compare(run_a, run_b, of_a, of_b, latency_drift)
    except BadRun as error:
        fail(error)
    for letter, run in (("A", found.a), ("B", found.b)):
        console.print(for_terminal(f"{letter}: {run.name} (commit {run.commit})"))
    for warning in found.warnings:
        errors.print(for_terminal(f"! {warning}", "yellow"), soft_wrap=True)
    _print_table(comparison.headings(found), [comparison.cells(one) for one in found.findings])
    console.print(Text(found.conclusion, "bold"))
    console.print(Text(found.legend, "dim"))
    tell(**found.as_dict())
    if markdown is not None:
        write_beside(markdown, comparison.markdown(found), r"\*\*A\*\* .* and \*\*B\*\* ")


def _print_table(headings: Sequence[str], lines: Sequence[Sequence[str]]) -> None:
    table = Table(box=box.SIMPLE_HEAD, show_edge=False, pad_edge=False, padding=(0, 1, 0, 0))
    for heading in headings:
        # on a narrow terminal numbers fold; words stay whole
        table.add_column(Text(heading), overflow="fold", no_wrap=heading in {"strategy", "figure", "verdict"})
    for line in lines:
        cells = line if console.width >= WIDE else [cell.replace(" [", "\n[") for cell in line]
        table.add_row(*map(Text, cells))
    console.print(table)
