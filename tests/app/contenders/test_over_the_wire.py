"""The contenders that the lab comes with, unmodified, over the wire in virtual time."""

import pytest

from app.contender_discovery import find_contenders
from loadtest.contract.behaviour.finding import FindingOutcome, Protection
from loadtest.contract.behaviour.probes import LOADS, PROBES, RIGHT
from loadtest.contract.behaviour.virtual import found_in_virtual_time
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import read_scenario

FOUND = find_contenders().strategies
PROBE = {probe.name: probe for probe in PROBES}
CLASSES = {
    "aiocache_stampede": Protection.EVERY,  # waiters know the lock of their own pod only
    "async_lru": Protection.ONE_PER_POD,
    "cachefence": Protection.ONE,
    "cashews": Protection.ONE_PER_POD,
    "cashews_early": Protection.ONE,
    "cashews_unprotected": Protection.EVERY,
    "dogpile_breaker": Protection.ONE,
    "xtr_cache_lock": Protection.ONE,
}
"""The class that a docstring describes, of one contender of each kind."""

# aiocache, cashews and relaycache call what redis-py 8 calls deprecated
pytestmark = pytest.mark.filterwarnings("ignore::DeprecationWarning")


@pytest.mark.parametrize("name", [name for name in FOUND if not FOUND[name].not_virtual])
def test_a_contender_answers_right_and_closes_what_it_opened(name: str) -> None:
    answers = found_in_virtual_time(FOUND[name].contender, PROBE[RIGHT])
    assert answers.outcome is FindingOutcome.HELD, answers.sentence
    left = found_in_virtual_time(FOUND[name].contender, PROBE["left-behind"])
    assert (left.numbers["tasks"], left.numbers["connections"], left.numbers["errors"]) == (0, 0, 0), left.sentence


@pytest.mark.parametrize("name", CLASSES)
def test_those_load_at_an_expiry_who_are_said_to(name: str) -> None:
    found = found_in_virtual_time(FOUND[name].contender, PROBE[LOADS])
    assert found.cell == CLASSES[name], found.sentence


@pytest.mark.parametrize("name", ["cachefence", "dogpile_breaker", "xtr_cache_lock"])
def test_the_draws_of_a_library_repeat_with_the_seed(name: str) -> None:
    scenario = read_scenario("primer", duration_s=1)
    first, again, other = (simulate(scenario, FOUND[name], seed).row for seed in (1, 1, 2))
    assert first.requests > 100
    assert first.trace == again.trace != other.trace
