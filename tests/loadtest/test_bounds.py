"""The rows that no strategy can leave, and predictions at each row's own rate."""

import pytest

from app.discovery import discover
from loadtest.bounds import COMPUTED, bounds, with_prediction
from loadtest.scenario import read_scenario
from loadtest.sim.run import simulate
from loadtest.turns import Turn

SCENARIO = read_scenario("primer", duration_s=20)
FOUND = discover()
ROWS = [simulate(SCENARIO, strategy, 3).row for strategy in FOUND.strategies.values()]


def test_every_strategy_is_between_the_bounds() -> None:
    nocache, oracle = bounds(ROWS, SCENARIO)
    assert nocache.world == oracle.world == COMPUTED
    for row in ROWS:
        assert 0.95 * oracle.origin_reads <= row.origin_reads <= nocache.origin_reads
        assert oracle.p99_ms is not None
        assert row.p99_ms is not None
        assert nocache.p99_ms is not None
        assert oracle.p99_ms <= row.p99_ms <= 1.01 * nocache.p99_ms
        assert row.hit_ratio is not None
        assert 0 < row.hit_ratio < 1


def test_each_row_is_predicted_at_its_own_rate() -> None:
    for measured in ROWS:
        row = with_prediction(measured, Turn(measured.strategy), SCENARIO, FOUND.strategies)
        assert row.predicted_reads == pytest.approx(row.origin_reads, rel=0.1)
        assert row.floor_reads is not None
        assert row.predicted_reads is not None
        assert row.floor_reads <= row.origin_reads


def test_a_control_is_predicted_at_its_own_ttl() -> None:
    control = Turn("static", ttl_s=10.0)
    told = with_prediction(ROWS[0], control, SCENARIO, FOUND.strategies)
    plain = with_prediction(ROWS[0], Turn("static"), SCENARIO, FOUND.strategies)
    assert told.predicted_reads is not None
    assert plain.predicted_reads is not None
    assert told.predicted_reads < 0.75 * plain.predicted_reads


def test_of_a_strategy_tuned_beyond_theory_nothing_is_said() -> None:
    unlocked = SCENARIO.model_copy(update={"tune": {"xfetch": {"form": "unlocked"}}})
    row = ROWS[list(FOUND.strategies).index("xfetch")]
    told = with_prediction(row, Turn("xfetch"), unlocked, FOUND.strategies)
    assert told.predicted_reads is None
