"""The outages of the worlds that `lab verify` runs."""

from collections import Counter

import pytest

from app.discovery import discover
from app.nets.nets import Nets
from loadtest.sim.cluster.recovery import calm_from_s, well_from_s
from loadtest.sim.cluster.tolerances import allowed_in
from loadtest.sim.search.random_outage import NETS
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.sim.search.shrink import _milder
from loadtest.workload.scenario import Scenario

SEEDS = range(300)
STRATEGIES = discover().strategies


@pytest.fixture(scope="module")
def worlds() -> list[Scenario]:
    return [random_scenario(seed) for seed in SEEDS]


def nets_of(world: Scenario) -> frozenset[str]:
    return frozenset(world.nets.model_fields_set)


def test_every_net_is_drawn_alone_and_all_are_drawn_together(worlds: list[Scenario]) -> None:
    drawn = Counter(map(nets_of, worlds))
    assert all(drawn[frozenset({net})] for net in NETS), drawn
    assert drawn[frozenset(NETS)], drawn
    assert {*NETS} >= {*Nets.model_fields} - {"burst_s", "clients_max", "client_header"}


def test_clients_are_impatient_in_every_way(worlds: list[Scenario]) -> None:
    clients = [world.client for world in worlds if not world.client.is_patient]
    assert len(clients) > len(SEEDS) / 5
    assert {(client.timeout_s is None, client.retries == 0) for client in clients} == {
        (False, False),
        (False, True),
        (True, False),
    }
    assert {client.budget is None for client in clients} == {True, False}
    assert {client.jitter for client in clients} == {"none", "full", "equal", "decorrelated"}


def test_origins_slow_down_ids_are_absent_and_loads_have_spikes_and_phases(worlds: list[Scenario]) -> None:
    for drawn in (
        [world.origin.slowdown is not None for world in worlds],
        [world.keys.absent > 0 for world in worlds],
        [world.load.shape.kind == "spike" for world in worlds],
        [bool(world.load.phases) for world in worlds],
    ):
        assert len(SEEDS) / 50 < sum(drawn) < len(SEEDS) / 3


@pytest.mark.parametrize("name", STRATEGIES)
def test_of_some_outages_it_can_be_told_that_they_end(name: str, worlds: list[Scenario]) -> None:
    strategy = STRATEGIES[name]
    told = [
        world for world in worlds if well_from_s(world, strategy, allowed_in(world, strategy, 1)) < world.duration_s
    ]
    assert len(told) > len(SEEDS) / 40
    assert any(calm_from_s(world) and world.faults for world in told)
    assert any(world.nets.breaker for world in told)


def test_a_backlog_that_may_feed_itself_is_promised_nothing() -> None:
    strategy = STRATEGIES["static"]
    quiet = next(
        world
        for world in map(random_scenario, SEEDS)
        if world.load.loop == "open" and well_from_s(world, strategy, allowed_in(world, strategy, 1)) < world.duration_s
    )
    told = quiet.model_dump() | {"load": quiet.load.model_dump() | {"rate_per_s": 40_000.0}}
    busy = Scenario.model_validate(told)
    assert well_from_s(busy, strategy, allowed_in(busy, strategy, 1)) == float("inf")


def test_shrinking_takes_an_outage_apart(worlds: list[Scenario]) -> None:
    whole = next(world for world in worlds if nets_of(world) == frozenset(NETS) and world.client.retries)
    milder = [*_milder(whole, 1.0)]
    assert any(world.client.is_patient for world in milder)
    assert any(world.nets == Nets() for world in milder)
    assert {
        next(iter(nets_of(whole) - left), "") for world in milder if len(left := changed(world)) == len(NETS) - 1
    } == {*NETS}


def changed(world: Scenario) -> frozenset[str]:
    """The nets that are not as by default."""
    return frozenset(world.nets.model_dump(exclude_defaults=True))
