"""The contents of a report, the same in every form."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.answer.sentence import Sentence
from loadtest.report.strategies_told import StrategyTold
from loadtest.report.workload_in_words import tuning, virtual_world
from loadtest.theory.predictions import Predictions
from loadtest.workload.scenario import Scenario

VIRTUAL = {"world": "virtual time", "redis": "simulated"}
"""The surroundings of a simulated run, which are the same on every machine."""


@dataclass(frozen=True, slots=True)
class Report:
    """The contents of a report: a row per strategy, theory's predictions, and the sentences that the runs allow."""

    lines: Sequence[Medians]
    """The rows of the table: the strategies, the baseline first, and then the references."""
    predictions: Predictions = field(default_factory=dict)
    said: Sequence[str] = ()
    missing: Sequence[str] = ()
    """The parts that could not be made, and why; they are shown first."""
    outage: Sequence[str] = ()
    """The sentences on who came back after the trigger."""
    answer: Sequence[Sentence] = ()
    """The sentences on who did best, at what price, and what to do: the first lines of every form of the report."""
    runs: Sequence[RunSummary] = ()
    """All repeats of all rows, for a reader who wants to see how they scatter."""
    strategies: Sequence[StrategyTold] = ()
    """The strategy of each row in words, and its parameters as they ran."""

    @property
    def rows(self) -> list[Medians]:
        """The rows of strategies, without the references."""
        return [row for row in self.lines if not row.is_reference]


def stamp(
    environment: Mapping[str, Any], scenario: Scenario, ran: Collection[str] | None = None
) -> list[tuple[str, str]]:
    """The record of how to run this again: a label and a text for everything that is known of the run.

    The parameters are those of the strategies that `ran`; None is all.
    """
    known = {
        **environment,
        "parameters": tuning(scenario, ran),
        "slow": f"a second in which 1 % took longer than {scenario.slow_ms:g} ms",
        **({"assumed": virtual_world(scenario)} if environment.get("world") == VIRTUAL["world"] else {}),
    }
    return circumstances(known)


def circumstances(environment: Mapping[str, Any]) -> list[tuple[str, str]]:
    """A label and a text for everything that is known of where and when something was run."""
    machine = environment.get("machine")
    known = dict(environment)
    if isinstance(machine, Mapping):
        units = {"cores": "{} cores", "memory_gib": "{} GiB"}
        known["machine"] = ", ".join(units.get(name, "{}").format(value) for name, value in machine.items())
    return [(name.replace("_", " "), _flat(value)) for name, value in known.items() if value not in ("", None, {}, [])]


def _flat(value: Any) -> str:
    if isinstance(value, Mapping):
        return ", ".join(f"{name} {inner}" for name, inner in value.items())
    return ", ".join(map(str, value)) if isinstance(value, list | tuple) else str(value)
