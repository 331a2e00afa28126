"""The worlds that `lab verify` runs."""

from collections import Counter
from itertools import pairwise
from typing import get_args

import pytest

from app.discovery import discover
from app.strategy import Loader, Lookup, Strategy, parameter
from loadtest.sim.search.random_scenario import FAULTS_MAX, KINDS, REQUESTS_MAX, random_scenario, shuffle_seed
from loadtest.workload.fault_worlds import WORLDS
from loadtest.workload.faults import Fault, Lasting
from loadtest.workload.scenario import Scenario

SEEDS = range(300)
STRATEGIES = discover().strategies


class Mine(Strategy):
    """One that somebody writes."""

    share: float = parameter(0.5, "anything", low=0, high=1)
    unbounded: float = parameter(3.0, "anything at all")
    form: str = parameter("a", "one of two", choices=("a", "b"))

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        raise NotImplementedError


@pytest.fixture(scope="module")
def worlds() -> list[Scenario]:
    return [random_scenario(seed, STRATEGIES.values()) for seed in SEEDS]


def test_a_seed_always_draws_the_same_world(worlds: list[Scenario]) -> None:
    assert worlds == [random_scenario(seed, STRATEGIES.values()) for seed in SEEDS]
    assert len({world.model_dump_json(exclude={"name", "title"}) for world in worlds}) == len(SEEDS)


def test_every_kind_of_fault_is_drawn(worlds: list[Scenario]) -> None:
    kinds = {kind.model_fields["kind"].annotation.__args__[0] for kind in get_args(get_args(Fault)[0])}
    kinds -= {kind for kind in kinds if kind in WORLDS and WORLDS[kind].virtual}
    assert {*KINDS} == kinds
    drawn = Counter(fault.kind for world in worlds for fault in world.faults)
    assert {*drawn} == kinds
    assert min(drawn.values()) > 20, drawn


def test_faults_are_none_or_a_few_and_overlap_at_times(worlds: list[Scenario]) -> None:
    assert {len(world.faults) for world in worlds} == {*range(FAULTS_MAX + 1)}
    spans = [
        sorted((fault.at_s, fault.at_s + fault.for_s) for fault in world.faults if isinstance(fault, Lasting))
        for world in worlds
    ]
    overlapping = [
        seed
        for seed, world in enumerate(spans)
        if any(ends_s > begins_s for (_, ends_s), (begins_s, _) in pairwise(world))
    ]
    assert len(overlapping) > len(SEEDS) / 10


def test_worlds_are_small_and_of_every_form(worlds: list[Scenario]) -> None:
    for seed, world in enumerate(worlds):
        assert 5 <= world.duration_s <= 20, seed
        assert 1 <= world.pods <= 4, seed
        assert 1 <= world.keys.count <= 5, seed
        assert 0.2 <= world.cache.ttl_s <= 5, seed
        assert (world.target_rate or 0) * world.duration_s <= REQUESTS_MAX + 1, seed
    for drawn in (
        [world.load.loop for world in worlds],
        [world.warm.keys for world in worlds],
        [world.virtual.redis == "fixed(0)" for world in worlds],
        [world.virtual.redis_policy for world in worlds],
        [world.origin.connections == 1 for world in worlds],
    ):
        assert len({*drawn}) == 2
    assert {world.origin.latency.split("(")[0] for world in worlds} == {"fixed", "uniform", "lognormal"}


def test_parameters_are_drawn_within_their_bounds(worlds: list[Scenario]) -> None:
    checked_params: Counter[str] = Counter()
    every: list[type[Strategy]] = [*STRATEGIES.values(), Mine]
    for seed in SEEDS:
        for strategy in every:
            params = random_scenario(seed, [strategy]).params.get(strategy.name, {})
            strategy.checked_params(params)  # raises when one is out of its bounds
            checked_params.update(f"{strategy.name}.{name}" for name in params)
    declared = {f"{strategy.name}.{name}" for strategy in every for name in strategy.parameters()}
    assert {*checked_params} == declared
    assert all(len(SEEDS) * 0.3 < count < len(SEEDS) * 0.7 for count in checked_params.values()), checked_params


def test_a_new_strategy_changes_the_world_of_no_other() -> None:
    for seed in SEEDS[:50]:
        alone = random_scenario(seed, STRATEGIES.values())
        beside = random_scenario(seed, [Mine, *STRATEGIES.values()])
        assert beside.model_copy(update={"params": {**beside.params, Mine.name: {}}}) == alone.model_copy(
            update={"params": {**alone.params, Mine.name: {}}}
        ), seed


def test_some_worlds_are_warmed_by_any_plan(worlds: list[Scenario]) -> None:
    plans = [world.warming for world in worlds if world.warming is not None]
    assert len(SEEDS) / 10 < len(plans) < len(SEEDS) / 3
    assert {plan.ttl for plan in plans} == {"same", "spread", "anchored", "until"}
    assert any(plan.warmers > 1 for plan in plans)


def test_half_of_the_seeds_shuffle() -> None:
    assert sum(shuffle_seed(seed) is not None for seed in SEEDS) == len(SEEDS) / 2


def test_some_worlds_are_written_in_and_most_of_those_delete(worlds: list[Scenario]) -> None:
    drawn = Counter(world.writes and world.writes.invalidation.value for world in worlds)
    assert drawn.keys() == {None, "none", "delete"}
    assert 0.08 < 1 - drawn[None] / len(worlds) < 0.25
    assert drawn["delete"] > drawn["none"] > 3
