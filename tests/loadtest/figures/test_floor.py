"""The fewest loads of a run: exact against every choice of loads, and below what any strategy ever read."""

import math
from itertools import combinations
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.discovery import discover
from loadtest.figures import floor
from loadtest.figures.floor import Floor
from loadtest.figures.records import Answers
from loadtest.sim.cluster.simulate import rare_collections, simulate
from loadtest.sim.search.random_scenario import random_scenario
from loadtest.workload.scenario import Scenario

STRATEGIES = discover(references=True).runnable
Request = tuple[float, float, int, int, float]
"""Intended, ended, key, code, age (NaN where there is none)."""

requests = st.lists(
    st.tuples(st.integers(0, 60), st.integers(0, 8), st.integers(0, 1), st.sampled_from((200, 200, 404, 503, 0))),
    max_size=9,
).map(lambda found: [(0.5 * at, 0.5 * (at + took), key, code, math.nan) for at, took, key, code in found])


def answers(asked: list[Request]) -> Answers:
    intended_s, ended_s, key, code, age_s = (np.array(column) for column in zip(*asked, strict=True))
    number = len(asked)
    statuses, once = np.zeros(number, dtype=np.int64), np.ones(number, dtype=np.int64)
    return Answers(intended_s, ended_s, age_s, code, statuses, key, {}, once, code == 0)


def fewest(asked: list[Request], oldest_s: float, free_s: float) -> int:
    """By trying every set of moments; one that helps can as well be the end of a request."""
    total = 0
    for own in ([one for one in asked if one[2] == key and one[3] in (200, 404)] for key in (0, 1)):
        needs = [(intended_s - oldest_s, ended_s) for intended_s, ended_s, *_ in own if intended_s - oldest_s > free_s]
        ends = {end for _, end in needs}
        total += next(
            number
            for number in range(len(ends) + 1)
            for loads in combinations(ends, number)
            if all(any(begin <= load <= end for load in loads) for begin, end in needs)
        )
    return total


@given(requests, st.sampled_from((0.0, 0.5, 2.0, 5.0, math.inf)), st.sampled_from((-math.inf, 0.0)), st.integers(1, 9))
def test_it_is_the_best_of_all_choices(asked: list[Request], oldest_s: float, free_s: float, size: int) -> None:
    whole, chunks = Floor(oldest_s, free_s), Floor(oldest_s, free_s)
    if asked:
        whole.add(answers(asked))
    asked.sort(key=lambda one: one[1])
    for begin in range(0, len(asked), size):
        chunks.add(answers(asked[begin : begin + size]))
    assert whole.reads == chunks.reads == fewest(asked, min(oldest_s, 1e9), free_s)


@pytest.mark.parametrize(("held_s", "held_min", "held_max"), [(3.0, 0, 10**6), (1e9, 0, 700), (2.0, 900, 10**6)])
def test_pieces_give_the_whole_however_little_is_held(
    held_s: float, held_min: int, held_max: int, monkeypatch: Any
) -> None:
    monkeypatch.setattr(floor, "HELD_S", held_s)
    monkeypatch.setattr(floor, "HELD_MIN", held_min)
    monkeypatch.setattr(floor, "HELD_MAX", held_max)
    random = np.random.default_rng(8)
    intended_s = np.sort(random.uniform(0, 100, 5_000))
    asked = [
        (at, at + took, key, 200, math.nan)
        for at, took, key in zip(intended_s, random.exponential(0.1, 5_000), random.integers(0, 20, 5_000), strict=True)
    ]
    whole = Floor(0.7)
    whole.add(answers(asked))
    one_key = []
    for key in range(20):
        count, loaded_s = 0, -math.inf
        for intended, ended, *_ in sorted((one for one in asked if one[2] == key), key=lambda one: one[1]):
            if intended - 0.7 > loaded_s:
                count, loaded_s = count + 1, ended
        one_key.append(count)
    chunks = Floor(0.7)
    asked.sort(key=lambda one: one[1])
    for begin in range(0, len(asked), 97):
        chunks.add(answers(asked[begin : begin + 97]))
    assert whole.reads == chunks.reads == sum(one_key)


def test_what_comes_far_too_late_lowers_the_floor_and_never_raises_it(monkeypatch: Any) -> None:
    monkeypatch.setattr(floor, "HELD_MIN", 0)
    counted = Floor(1.0)
    counted.add(answers([(at, at + 0.1, 0, 200, math.nan) for at in range(0, 200, 5)]))
    counted.add(answers([(2.0, 2.1, 0, 200, math.nan)]))
    assert counted.reads == 40


def test_an_answer_that_was_older_than_promised_counts_as_it_was() -> None:
    promised, broken = Floor(1.0), Floor(1.0)
    promised.add(answers([(0.0, 0.1, 0, 200, 0.0), (9.0, 9.1, 0, 200, 0.5)]))
    broken.add(answers([(0.0, 0.1, 0, 200, 0.0), (9.0, 9.1, 0, 200, 9.0)]))
    assert (promised.reads, broken.reads) == (2, 1)


@pytest.mark.parametrize("name", STRATEGIES)
def test_no_run_reads_less(name: str) -> None:
    with rare_collections():
        for seed in range(25):
            scenario = random_scenario(seed, [STRATEGIES[name]])
            row = simulate(scenario, STRATEGIES[name], seed).row
            assert row.floor_reads is not None
            assert row.floor_reads <= row.origin_reads, f"seed {seed}"


@pytest.mark.parametrize("duration_s", [1, 3, 5, 6, 17])
@pytest.mark.parametrize("warm", ["none", "burst"])
def test_no_run_of_any_length_reads_less_and_collapsing_reads_hardly_more(duration_s: float, warm: str) -> None:
    scenario = Scenario.model_validate(
        {
            "name": "keys", "title": "few and many", "duration_s": duration_s, "pods": 3,
            "load": {"loop": "open", "rate_per_s": 300}, "keys": {"count": 60, "zipf": 1.0}, "cache": {"ttl_s": 2},
            "origin": {"latency": "uniform(20, 200)", "connections": 32}, "warm": {"keys": warm},
        }
    )  # fmt: skip
    for name, strategy in STRATEGIES.items():
        row = simulate(scenario, strategy, 5).row
        assert row.floor_reads is not None
        assert row.floor_reads <= row.origin_reads
        if name == "singleflight":
            assert row.origin_reads <= 1.15 * row.floor_reads + 5


def test_however_small_the_chunks_an_answer_is_sorted_a_few_times_at_most(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(floor, "HELD_MIN", 1_000)
    whole, walk = Floor(5.0), Floor._walk
    sorted_ones: list[int] = []

    def counted(self: Floor, until_s: float) -> None:
        sorted_ones.append(self._held_count)
        walk(self, until_s)

    monkeypatch.setattr(Floor, "_walk", counted)
    moments_s = np.linspace(0, 20, 200_000)
    for at_s in np.split(moments_s, 200):  # 10,000 a second for 100 keys
        number = len(at_s)
        whole.add(Answers(at_s, at_s + 0.01, np.zeros(number), np.full(number, 200), *_hits(number)))
    assert whole.reads == 100 * 4
    assert sum(sorted_ones) < 3 * len(moments_s)


def _hits(number: int) -> tuple[Any, ...]:
    none = np.zeros(number, dtype=np.int64)
    return none, np.arange(number) % 100, {}, none + 1, none > 0
