"""The plan of an experiment: which runs it is made of, in which order."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from random import Random
from typing import Any

from app.discovery import Discovered
from loadtest.workload.scenario import Scenario
from loadtest.workload.seeds import run_seed


@dataclass(frozen=True, slots=True)
class PlannedRun:
    """One run of a strategy through a scenario with a seed, in any world."""

    scenario: Scenario
    """The workload as this run needs it."""
    strategy: str
    seed: int
    """The seed of this run and of the others of its repeat."""
    repeat: int = 1
    control_ttl_s: float | None = None
    """The TTL of a control: the baseline at the mean TTL of a strategy that changes it."""
    is_reference: bool = False
    """The run shows what no strategy can leave, and decides nothing."""

    @property
    def name(self) -> str:
        """The name of the run's row, which its repeats share."""
        return self.strategy if self.control_ttl_s is None else f"{self.strategy}_{round(1000 * self.control_ttl_s)}ms"

    @property
    def label(self) -> str:
        """The name of the run's folder and of its progress."""
        return self.name if self.repeat == 1 else f"{self.name}-{self.repeat}"

    def place(self, found: Discovered) -> tuple[int, float, int]:
        """The sorting key of a report: as discovered, a control behind the baseline, mistakes and references last."""
        known = list(found.choosable)
        if self.is_reference:
            return (len(known) + 1, 0.0, self.repeat)
        place = known.index(self.strategy) if self.strategy in known else len(known)
        return (place, self.control_ttl_s or 0.0, self.repeat)

    def stated(self) -> dict[str, Any]:
        """All fields but the scenario, which several runs share."""
        return {
            "strategy": self.strategy,
            "seed": self.seed,
            "repeat": self.repeat,
            "control_ttl_s": self.control_ttl_s,
            "is_reference": self.is_reference,
        }


def as_stated(scenario: Scenario, stated: Mapping[str, Any]) -> PlannedRun:
    """The run that `PlannedRun.stated` describes, of a scenario that several runs share. Raises TypeError, KeyError."""
    if (ttl_s := stated["control_ttl_s"]) is not None:
        scenario = scenario.model_copy(update={"cache": scenario.cache.model_copy(update={"ttl_s": ttl_s})})
    return PlannedRun(scenario, **stated)


def plan(scenario: Scenario, names: Sequence[str], found: Discovered, repeats: int, seed: int) -> list[PlannedRun]:
    """The runs of an experiment: every strategy in each round, controls beside them and the references last.

    A control is the baseline at the mean TTL of a strategy that changes it, because older answers alone save loads.

    Repeats are interleaved: each round has another random order, so that a machine that slows down slows all strategies
    alike. A single round keeps the order of `names`.
    """
    first: dict[tuple[str, float | None, bool], None] = {}
    for name in names:
        stretch = scenario.stated(found.choosable[name]).mechanism().stretch
        if stretch not in {0.0, 1.0} and found.baseline is not None:
            first[found.baseline, stretch * scenario.cache.ttl_s, False] = None
        first[name, None, False] = None
    first |= dict.fromkeys((name, None, True) for name in found.references)
    rng = Random(seed)
    rounds = [list(first)] if repeats == 1 else [rng.sample(list(first), len(first)) for _ in range(repeats)]
    runs = []
    for repeat, order in enumerate(rounds, start=1):
        shared = {"seed": run_seed(seed, repeat), "repeat": repeat}
        for name, ttl_s, is_reference in order:
            stated = {"strategy": name, "control_ttl_s": ttl_s, "is_reference": is_reference}
            runs.append(as_stated(scenario, shared | stated))
    return runs
