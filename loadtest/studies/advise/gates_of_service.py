"""The gates of one's own service: bounds from simulated figures of the advised strategy, with room for chance."""

import math
import shlex
from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.figures.run_summary import RunSummary
from loadtest.workload.gate import EACH
from loadtest.workload.scenario import Scenario

SEEDS = 5
"""The seeds whose spread is the room for chance."""
FIGURES = ("steady_peak_1s", "cold_peak_1s", "origin_reads")
"""The counts that are bounded, above all others the peak of the steady state."""
DEVIATIONS = 2.0
"""The least room above the largest figure, in standard deviations of a Poisson number of that size."""
SCRIPT_HEAD = """\
#!/bin/sh
# Holds the advised strategy to the gates of service.toml, in virtual time. Exit codes: those of lab gate.
set -e
command -v lab >/dev/null || { echo "gate.sh: there is no lab on PATH: activate the venv that has it" >&2; exit 2; }
"""


@dataclass(frozen=True, slots=True)
class ServiceGates:
    """The scenario with its gates, and what they are made of."""

    scenario: Scenario
    sentences: tuple[str, ...]
    tells_from_baseline: bool
    """Whether a run of the baseline breaks at least one of them."""


def gates_for(scenario: Scenario, best: Sequence[RunSummary], baseline: Sequence[RunSummary]) -> ServiceGates:
    """The scenario with gates that the advised strategy keeps with each of its seeds."""
    gates, sentences, tells = [f"{EACH}.errors <= 0", f"{EACH}.wrong_answers <= 0"], [], False
    for name in FIGURES:
        own, others = _figures(best, name), _figures(baseline, name)
        if len(own) < len(best):
            continue
        bound = math.ceil(max(own) + max(max(own) - min(own), DEVIATIONS * math.sqrt(max(own)), 1))
        broken = bool(others) and min(others) > bound
        tells = tells or broken
        gates.append(f"{EACH}.{name} <= {bound}")
        sentences.append(
            f"{name} <= {bound}: {min(own):g} to {max(own):g} with {len(own)} seeds, and room for chance"
            + (f"; the baseline has {min(others):g} or more." if broken else ".")
        )
    return ServiceGates(scenario.model_copy(update={"gates": gates}), tuple(sentences), tells)


def gate_script(strategy: str, scenario_file: str = "service.toml") -> str:
    """A shell script that runs the scenario in virtual time and holds it to its gates."""
    run = ["lab", "sim", "--scenario", scenario_file, "--strategies", strategy, "--no-reference"]
    return f'{SCRIPT_HEAD}cd "$(dirname "$0")"\n{shlex.join(run)}\nlab gate results/latest\n'


def _figures(rows: Sequence[RunSummary], name: str) -> list[float]:
    return [value for row in rows if (value := getattr(row, name)) is not None]
