"""`make loadlimit`: how much this machine can send honestly."""

from dataclasses import asdict

from benchmarks.limit.ceiling import Limit, find_limit
from benchmarks.limit.table import print_limit
from loadtest.cli.document import tell
from loadtest.cli.options import Seed
from loadtest.cli.running import guarded
from loadtest.cli.terminal import console


def loadlimit(seed: Seed = 1) -> None:
    """Find the highest rate that this machine sends honestly, beside a C generator's where one is installed."""
    console.print("[dim]An open loop against a server that answers at once, faster and faster; up to two minutes …[/]")
    limit: Limit = guarded(find_limit(seed=seed))
    print_limit(console, limit)
    tell(honest_rate=limit.honest_rate(limit.processes), processes=limit.processes, **asdict(limit))
