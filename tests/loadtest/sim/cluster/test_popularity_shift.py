"""When other keys become hot in mid-run, TTLs follow within two windows; and so does the tuner, within its rounds."""

from typing import Any

import pytest

from app.strategies.vwatt import VelocityWeightedTtl
from loadtest.sim.cluster.events import EntryStored, Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario, read_scenario

OLD, NEW = 0, 5
TTL_S, WINDOW_S = 5.0, 1.0
SPREAD = 0.067
HOT, COLD = 4.0, 1.0
JUDGED: list[tuple[float, str, float]] = []
"""When which key was given which TTL, in TTLs, by requests that had to know it."""


class Watched(VelocityWeightedTtl):
    """The strategy, which tells every TTL that it goes by."""

    async def ttl_s_at(self, key: str, at: float) -> float:
        found_s = await super().ttl_s_at(key, at)
        JUDGED.append((self.lab.clock.now_s(), key, found_s / self.ttl_s))
        return found_s


class Played:
    """A run of the watched strategy through a scenario."""

    def __init__(self, scenario: Scenario, seed: int) -> None:
        JUDGED.clear()
        self._stored: list[EntryStored] = []
        observer = Subscriber({EntryStored: self._stored.append})
        row, _, violation = simulate(scenario, Watched, seed, observers=[observer])
        assert (row.errors, row.wrong_answers, violation) == (0, 0, None)

    def judged(self, item: int, from_s: float, until_s: float) -> list[float]:
        """The TTLs that the key was given from one moment to another."""
        found = [ttls for at_s, key, ttls in JUDGED if key.endswith(f":{item}") and from_s <= at_s < until_s]
        assert found, f"no request for {item} had to know its TTL"
        return found

    def replaced_s(self, item: int, after_s: float) -> float:
        """When the first load after a moment began of which the key's entry is."""
        return next(
            one.entry.read_at_s
            for one in self._stored
            if one.key.endswith(f":{item}") and one.entry.read_at_s >= after_s
        )


def shifted(at_s: float, **changed: Any) -> Scenario:
    keys = {"count": 10, "hot_share": 0.9, "shift": {"at_s": at_s, "by": NEW - OLD}}
    scenario = read_scenario("popularity-shift", duration_s=40, keys=keys, **changed)
    assert (scenario.cache.ttl_s, 0.2 * scenario.cache.ttl_s) == (TTL_S, WINDOW_S)
    return scenario


@pytest.mark.parametrize("form", ["steps", "smooth"])
@pytest.mark.parametrize(("seed", "at_s"), [(1, 25.0), (2, 25.5)])
def test_the_ttl_of_the_newly_hot_key_rises_and_that_of_the_old_falls_within_two_windows(
    form: str, seed: int, at_s: float
) -> None:
    found = Played(shifted(at_s, params={Watched.name: {"form": form}}), seed)
    two_later_s = at_s + 2 * WINDOW_S
    assert min(found.judged(OLD, at_s - TTL_S, at_s)) > HOT - SPREAD
    assert max(found.judged(NEW, at_s - TTL_S, at_s)) < COLD + SPREAD
    assert max(found.judged(OLD, two_later_s, 40)) < COLD + SPREAD
    assert min(found.judged(NEW, two_later_s, 40)) > HOT - SPREAD
    assert found.replaced_s(OLD, at_s) < two_later_s + WINDOW_S, "what was stored to live for 20 windows"


def test_the_tuner_of_virtual_time_follows_within_its_rounds() -> None:
    every_s, at_s = 1.0, 25.0
    scenario = shifted(at_s, tuner={"every_s": every_s}, load={"loop": "open", "rate_per_s": 600})
    found = Played(scenario, seed=1)
    later_s = at_s + 2 * every_s + 0.1
    tuned = 3.0  # the root of nine times the mean of ten prefixes
    assert min(found.judged(OLD, 5 * every_s, at_s) + found.judged(NEW, later_s, 40)) > 0.85 * tuned
    assert max(found.judged(NEW, 5 * every_s, at_s) + found.judged(OLD, later_s, 40)) < 0.2 * tuned
