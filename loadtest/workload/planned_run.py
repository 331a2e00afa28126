"""Which runs a comparison is made of, in which order."""

from collections.abc import Sequence
from random import Random
from typing import NamedTuple

from app.discovery import Discovered
from loadtest.workload.scenario import Scenario


class Turn(NamedTuple):
    """One run: of a strategy, or of the baseline as the control of one that changes the mean TTL."""

    strategy: str
    repeat: int = 1
    ttl_s: float | None = None
    """A control's own."""
    is_bound: bool = False
    """It shows what no strategy can leave, and decides nothing."""

    @property
    def name(self) -> str:
        """What its rows are called."""
        return self.strategy if self.ttl_s is None else f"{self.strategy}_{round(1000 * self.ttl_s)}ms"

    @property
    def label(self) -> str:
        """What its folder and its progress are called."""
        return self.name if self.repeat == 1 else f"{self.name}-{self.repeat}"

    def place(self, found: Discovered) -> tuple[int, float, int]:
        """Where its row stands: a bound first, then as discovered, a control right behind the baseline; what is gone by
        now at the end."""
        if self.is_bound:
            return (-1, 0.0, self.repeat)
        known = list(found.strategies)
        place = known.index(self.strategy) if self.strategy in known else len(known)
        return (place, self.ttl_s or 0.0, self.repeat)

    def scenario(self, scenario: Scenario) -> Scenario:
        """As this run needs it."""
        if self.ttl_s is None:
            return scenario
        return scenario.model_copy(update={"cache": scenario.cache.model_copy(update={"ttl_s": self.ttl_s})})


def turns(scenario: Scenario, names: Sequence[str], found: Discovered, repeats: int, seed: int) -> list[Turn]:
    """Every strategy, and beside each that changes the mean TTL the baseline at that mean, because older answers alone
    save loads; at the end of a round the bounds that were discovered. Repeats are interleaved, each round in another
    random order, so that a machine that gets slower is not one strategy's misfortune; a single round keeps the order
    that was asked for."""
    first: dict[Turn, None] = {}
    for name in names:
        stretch = scenario.stated(found.strategies[name]).mechanism().stretch
        if stretch not in {0.0, 1.0} and found.baseline is not None:
            first[Turn(found.baseline, 1, stretch * scenario.cache.ttl_s)] = None
        first[Turn(name)] = None
    first |= dict.fromkeys(Turn(name, is_bound=True) for name in found.bounds)
    if repeats == 1:
        return list(first)
    rng = Random(seed)
    rounds = (rng.sample(list(first), len(first)) for _ in range(repeats))
    return [turn._replace(repeat=number) for number, order in enumerate(rounds, start=1) for turn in order]
