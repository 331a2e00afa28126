"""The table of a search for the limit, and the sentences that follow from it."""

from rich.console import Console
from rich.table import Table

from benchmarks.limit.ceiling import C_GENERATORS, Limit

CAPTION = (
    "n processes; requests/s; latency and lateness, p99 in ms; us of CPU a request; how busy a generator's process, "
    "the server and all cores were"
)


def print_limit(console: Console, limit: Limit) -> None:
    """Prints every step, and the limit that follows from them."""
    table = Table(title="Open loop against a server that answers at once", caption=CAPTION)
    for name in ("n", "rate", "p99", "late", "us", "busy", "server", "cores"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("limited by", no_wrap=True)
    for step in limit.steps:
        generator = step.generator
        table.add_row(
            str(step.processes),
            f"{step.rate:,.0f}",
            f"{step.p99_ms:.1f}",
            f"{generator.lateness_p99_ms:.1f}",
            f"{step.cost_us:.0f}",
            f"{generator.cpu_share:.0%}",
            f"{step.busy.server_share:.0%}",
            f"{step.busy.machine_share:.0%}",
            step.limited_by,
        )
    console.print(table)
    best, rate = limit.processes, limit.honest_rate(limit.processes)
    console.print(
        f"Honest up to [bold]{rate:,.0f} requests/s[/] here, generator processes: {best}. "
        "Pods that share the machine's cores with the generator leave it less."
    )
    if (failed := limit.limiting) is not None:
        console.print(f"At {failed.rate:,.0f} requests/s {failed.limited_by} limited it: {'; '.join(failed.faults)}.")
    if limit.c_generator is None:
        console.print(f"None of {' and '.join(C_GENERATORS)} is installed: no comparison with a generator in C.")
    elif rate:
        console.print(
            f"{limit.c_generator} gets {limit.c_rate:,.0f} requests/s out of the same server with 64 connections, "
            f"{limit.c_rate / rate:.1f} times as many; it checks and records none of them."
        )
