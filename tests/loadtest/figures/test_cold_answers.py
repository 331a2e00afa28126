"""Requests of the cold start, whose waits nobody can spare, are told apart from those that a strategy answers for."""

from types import SimpleNamespace

import numpy as np
import pytest

from app.strategy import Status
from loadtest.figures.records import STATUSES, Answers
from loadtest.figures.run_summary import assumed_figures
from loadtest.figures.tally import Tally

HIT, MISS, COLLAPSED, STALE = map(STATUSES.index, (Status.HIT, Status.MISS, Status.COLLAPSED, Status.STALE))


def answers(*of: tuple[float, float, int, int, int], age_s: float = 1.0) -> Answers:
    """Each: intended at, ended at, key, status, code."""
    intended_s, ended_s, key, status, code = map(np.array, zip(*of, strict=True))
    count = len(of)
    return Answers(
        intended_s, ended_s, np.full(count, age_s), code, status, key, {}, np.ones(count, dtype=np.int64),
        np.zeros(count, dtype=bool),
    )  # fmt: skip


HERD = [(0.01 * number, 0.4, 7, MISS if number == 0 else COLLAPSED, 200) for number in range(10)]
LATER = [(0.6 + 0.01 * number, 0.601 + 0.01 * number, 7, HIT, 200) for number in range(990)]
LATE_KEY = [(9.0, 9.3, 3, MISS, 200)]
EXPIRED = [(10.0, 10.2, 7, MISS, 200), (10.1, 10.2, 7, COLLAPSED, 200)]


def row(*chunks: Answers, is_warmed: bool = False) -> SimpleNamespace:
    tally = Tally(0.0, 12.0, ttl_s=5.0, slow_ms=50.0, hot_keys=np.array([7]), is_warmed=is_warmed)
    for chunk in chunks:
        tally.add_answers(chunk)
    return SimpleNamespace(**tally.figures())


@pytest.mark.parametrize("size", [37, 2_000])
def test_each_key_has_a_cold_start_of_its_own_in_chunks_of_any_size(size: int) -> None:
    of = [*HERD, *LATER, *LATE_KEY, *EXPIRED]
    found = row(*(answers(*of[at : at + size]) for at in range(0, len(of), size)))
    assert found.cold_requests == len(HERD) + len(LATE_KEY)
    assert found.cold_p99_ms == pytest.approx(400, rel=0.01)
    assert found.waited_share == pytest.approx(2 / 992, rel=0.01)
    assert found.steady_p99_ms == pytest.approx(1, rel=0.01)
    assert found.p99_ms > 200, "of the whole run the cold start decides it"


def test_keys_that_were_warmed_have_no_cold_start() -> None:
    found = row(answers(*EXPIRED, *LATER), is_warmed=True)
    assert (found.cold_requests, found.cold_p99_ms) == (0, None)
    assert found.waited_share == pytest.approx(2 / 992, rel=0.01)


def test_an_answer_that_failed_ends_no_cold_start() -> None:
    failed = (0.0, 0.1, 7, MISS, 503)
    found = row(answers(failed, (1.0, 1.2, 7, MISS, 200), (3.0, 3.2, 7, MISS, 200)))
    assert found.cold_requests == 2
    assert found.waited_share == 1


def test_a_run_that_is_nothing_but_its_cold_start_has_no_steady_state() -> None:
    found = row(answers(*HERD))
    assert found.steady_p99_ms is found.waited_share is None


def test_the_oldest_answer_is_told_exactly() -> None:
    assert row(answers(*EXPIRED, age_s=6.71)).age_max_s == 6.71


def test_a_steady_p99_of_a_hit_is_assumed_where_the_network_is_all_that_it_is() -> None:
    figures = vars(row(answers(*LATER))) | {"waited_share": 0.0}
    assert "steady_p99_ms" in assumed_figures(figures, hit_ms_max=1.0)
    assert "steady_p99_ms" not in assumed_figures(figures | {"waited_share": 0.02}, hit_ms_max=1.0)
    assert "steady_p99_ms" not in assumed_figures(figures | {"steady_p99_ms": 40.0}, hit_ms_max=1.0)
