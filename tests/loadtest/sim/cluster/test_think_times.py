"""Users of a closed loop must not become a herd of their own: what waited together must not ask together ever after."""

from collections import Counter

import pytest

from app.discovery import discover
from loadtest.figures.records import Answers
from loadtest.sim.cluster.events import Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario, read_scenario

SINGLEFLIGHT = discover().strategies["singleflight"]


def most_in_10_ms(scenario: Scenario) -> int:
    """The most requests that were sent in one hundredth of a second, after the cold start."""
    sent: Counter[int] = Counter()

    def count(chunk: Answers) -> None:
        sent.update((chunk.intended_s[chunk.intended_s > chunk.intended_s.min() + 2] * 100).astype(int).tolist())

    simulate(scenario, SINGLEFLIGHT, 7, observers=[Subscriber({Answers: count})])
    return max(sent.values())


@pytest.mark.parametrize(("think", "least", "most"), [("exponential", 8, 22), ("constant", 40, 50)])
def test_only_constant_think_times_make_users_who_waited_together_ask_together(
    think: str, least: int, most: int
) -> None:
    primer = read_scenario("primer", duration_s=30)
    scenario = primer.model_copy(update={"load": primer.load.model_copy(update={"think": think})})
    assert least <= most_in_10_ms(scenario) <= most
