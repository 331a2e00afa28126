"""Faults of a Redis client that are planted on purpose, and the seed of a rough ride over the wire that finds each.

The parts of the lab's own client are ridden directly here; `lab verify` finds the same in whole clusters.
"""

import re
from typing import NamedTuple

import pytest

from tests.loadtest.sim.wire import client_bugs
from tests.loadtest.sim.wire.client_bugs import Plant
from tests.loadtest.sim.wire.rough_ride import ride

SEEDS_MAX = 40
"""The number of rides within which each of the faults is found."""


class Planted(NamedTuple):
    plant: Plant
    seed: int
    said: str


# The seeds are the first ones by which they were found. Where the wire has changed since, another one finds them.
PLANTED = {
    "a reply left for the next caller": Planted(client_bugs.leaves_replies, 3, r"b'item \d+' was answered for \d+"),
    "values one place off after a reader that left": Planted(
        client_bugs.one_place_off, 0, r"b'item \d+' was answered for \d+"
    ),
    "a listener that dies of a lost connection": Planted(client_bugs.dies_of_a_lost_connection, 1, r"pod-\d is deaf"),
    "a listener that dies of one bad message": Planted(client_bugs.dies_of_a_bad_message, 5, r"pod-\d is deaf"),
    "a subscription that misses the gap": Planted(client_bugs.misses_the_gap, 17, r"pod-\d slept on after the release"),
    "connections that nobody gives back": Planted(client_bugs.leaves_its_connections, 4, r"pod-\d: 3 connections"),
    "a half-open connection that nobody gives up": Planted(client_bugs.never_hangs_up, 5, r"and nothing is wrong"),
    "commands before the greeting": Planted(client_bugs.sends_before_its_greeting, 4, r"stored in another database"),
    "a lock that is refused to its own holder": Planted(
        client_bugs.refused_its_own_lock, 16, r"the lock was refused as (\d+), and b'\1' has it"
    ),
    "a retry that takes a lock twice": Planted(
        client_bugs.locks_twice, 6, r"the lock was refused as (\d+), and b'\1' has it"
    ),
    "a script that is known for ever": Planted(client_bugs.knows_its_scripts, 2, r"NOSCRIPT.* and nothing is wrong"),
}
every_bug = pytest.mark.parametrize("bug", PLANTED.values(), ids=PLANTED.keys())


@every_bug
def test_a_rough_ride_finds_it(bug: Planted, monkeypatch: pytest.MonkeyPatch) -> None:
    bug.plant(monkeypatch)
    assert any(re.search(bug.said, told) for seed in (bug.seed, *range(SEEDS_MAX)) for told in ride(seed))


@pytest.mark.parametrize("seed", sorted({bug.seed for bug in PLANTED.values()} | {12, 25}))
def test_the_lab_s_own_client_survives_the_same_rides(seed: int) -> None:
    assert not ride(seed), seed


def test_a_ride_is_the_same_ride_again(monkeypatch: pytest.MonkeyPatch) -> None:
    PLANTED["connections that nobody gives back"].plant(monkeypatch)
    assert ride(4) == ride(4) != []
