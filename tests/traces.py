"""Runs in virtual time whose traces must be the same in every process, on every machine and Python."""

import sys

from app.discovery import discover
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import read_scenario

SCENARIOS = ("hot-key", "bulk-warm", "many-keys")
SEED = 7


def traces() -> dict[str, str]:
    """By scenario and strategy."""
    return {
        f"{scenario} {name}": simulate(read_scenario(scenario, duration_s=7), strategy, SEED).row.trace
        for scenario in SCENARIOS
        for name, strategy in discover().strategies.items()
    }


if __name__ == "__main__":
    print(*(f"{run}: {trace}" for run, trace in traces().items()), sep="\n")
    print(f"Python {sys.version_info.major}.{sys.version_info.minor}", file=sys.stderr)
