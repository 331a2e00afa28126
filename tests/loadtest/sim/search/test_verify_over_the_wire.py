"""`lab verify --wire`: random worlds over the wire, and the seeds by which planted faults of a client are found."""

from collections import Counter
from typing import NamedTuple

import pytest
from typer.testing import CliRunner

from app.discovery import discover
from loadtest.cli import app
from loadtest.sim.cluster import wire_commands
from loadtest.sim.cluster.violation import Invariant
from loadtest.sim.search.case import case_of, check_case, check_seed, run_case
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.sim.search.random_wire import KINDS
from loadtest.sim.search.search import WIRE_EVERY, Depths, runs_of
from loadtest.sim.search.shrink import shrink
from tests.loadtest.sim.wire import client_bugs
from tests.loadtest.sim.wire.client_bugs import Plant

STRATEGIES = discover().strategies
STRATEGY = STRATEGIES["singleflight"]
SEEDS_MAX = 200
"""The number of seeds within which each of the faults is found."""


class Planted(NamedTuple):
    plant: Plant
    seed: int
    invariant: Invariant
    strategy: str = "singleflight"


def refused_its_own_lock(patch: pytest.MonkeyPatch) -> None:
    """The lock of anybody, which the observer at the server has to know, too."""
    client_bugs.refused_its_own_lock(patch)
    lock = client_bugs.LOCK_OF_ANYBODY
    patch.setitem(wire_commands._BY_TEXT, lock.text.encode(), lock)
    patch.setitem(wire_commands._BY_DIGEST, lock.digest.encode(), lock)


# The seeds are the first ones by which they were found. Where the wire has changed since, another one finds them.
PLANTED = {
    "a reply left for the next caller": Planted(client_bugs.leaves_replies, 84, Invariant.RIGHT_ANSWER),
    "values one place off after a reader that left": Planted(
        client_bugs.one_place_off, 24, Invariant.RIGHT_ANSWER, "static"
    ),
    "a half-open connection that nobody gives up": Planted(client_bugs.never_hangs_up, 6, Invariant.NOTHING_LEFT),
    "a listener that dies of a lost connection": Planted(
        client_bugs.dies_of_a_lost_connection, 1, Invariant.NOTHING_LEFT
    ),
    "a listener that dies of one bad message": Planted(client_bugs.dies_of_a_bad_message, 22, Invariant.WOKEN),
    "connections that nobody gives back": Planted(client_bugs.leaves_its_connections, 6, Invariant.NOTHING_LEFT),
    "a script that is known for ever": Planted(client_bugs.knows_its_scripts, 10, Invariant.REDIS_IS_THERE),
    "a time-out judged by the wrong clock": Planted(client_bugs.any_time, 10, Invariant.REDIS_IS_THERE),
    "a lock that is refused to its own holder": Planted(refused_its_own_lock, 7, Invariant.ONE_HOLDER),
}
every_bug = pytest.mark.parametrize("bug", PLANTED.values(), ids=PLANTED.keys())


@every_bug
def test_the_check_finds_it_over_the_wire_and_without_it_the_seed_is_clean(
    bug: Planted, monkeypatch: pytest.MonkeyPatch
) -> None:
    strategy = STRATEGIES[bug.strategy]
    with monkeypatch.context() as patch:
        bug.plant(patch)
        seeds = (bug.seed, *range(SEEDS_MAX))
        found = (one for seed in seeds if (one := check_seed(strategy, seed, wire=True)) is not None)
        finding = next((one for one in found if one.violation.invariant == bug.invariant), None)
    assert finding is not None, f"{SEEDS_MAX} seeds find nothing"
    assert check_case(strategy, finding.case) is None, finding


def test_what_is_found_shrinks_and_stays_over_the_wire(monkeypatch: pytest.MonkeyPatch) -> None:
    bug = PLANTED["a listener that dies of a lost connection"]
    bug.plant(monkeypatch)
    monkeypatch.setattr("loadtest.sim.search.shrink.TRIES_MAX", 12)
    whole = check_seed(STRATEGY, bug.seed, wire=True)
    assert whole is not None
    small = shrink(STRATEGY, whole)
    assert small.violation.invariant == bug.invariant
    assert small.case.scenario.virtual.wire, "without the wire there is no such connection"
    assert small.case.scenario.duration_s < whole.case.scenario.duration_s
    assert check_case(STRATEGY, small.case) == small


def test_a_case_over_the_wire_is_the_same_again_and_what_it_adds_to_its_seed_is_of_the_wire() -> None:
    assert run_case(STRATEGY, case_of(STRATEGY, 3, wire=True)) == run_case(STRATEGY, case_of(STRATEGY, 3, wire=True))
    drawn = Counter[str]()
    for seed in range(150):
        before, over = random_scenario(seed, [STRATEGY]), random_scenario(seed, [STRATEGY], wire=True)
        assert over.virtual.wire
        assert over.faults[: len(before.faults)] == before.faults
        assert over.model_copy(update={"faults": before.faults, "virtual": before.virtual}) == before, seed
        drawn.update(fault.kind for fault in over.faults[len(before.faults) :])
    assert {*drawn} == {*KINDS}


def test_of_some_seeds_one_is_checked_over_the_wire_too() -> None:
    seeds = range(2 * WIRE_EVERY)
    assert runs_of(seeds, Depths.MOSTLY_SEAM) == len(seeds) + 2
    assert runs_of(seeds, Depths.WIRE) == len(seeds)


def test_the_commands_take_the_wire() -> None:
    runner = CliRunner()
    named = ["--strategies", "static", "--workers", "1"]
    said = runner.invoke(app, ["verify", "--seeds", "1", "--from", "2", "--wire", *named])
    assert said.exit_code == 0, said.output
    assert "1 runs over the wire (1 seeds from 2, static): every invariant held." in said.stdout
    told = runner.invoke(app, ["replay", "2", "--strategy", "static", "--wire", "--last", "1"])
    assert told.exit_code == 0, told.output
    assert "wire = true" in told.stdout
