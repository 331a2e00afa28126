"""What stands beside each measured figure: theory's prediction, and two rows that no strategy can leave.

`nocache` asks the origin for every request. `oracle` loads each key once per cycle, in no time and with nobody waiting:
no strategy that serves nothing older than the TTL can read less. Both are computed, at the measured rate.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from statistics import median

from app.latency import Latency
from app.strategy import Strategy
from loadtest.measure import Row
from loadtest.prediction import floor, predict
from loadtest.scenario import Scenario
from loadtest.turns import Turn

PREDICTED = ("predicted_reads", "predicted_peak_1s", "predicted_hit_ratio", "floor_reads")
COMPUTED = "computed"
"""The world of rows that nobody measured."""


def with_predictions(
    rows: Sequence[Row], scenario: Scenario, turns: Mapping[str, Turn], strategies: Mapping[str, type[Strategy]]
) -> list[Row]:
    """The rows with what theory predicts at each one's own rate; `turns` by the rows' names."""
    return [_with_prediction(row, turns[row.strategy], scenario, strategies) for row in rows]


def with_the_same(run: Row, row: Row) -> Row:
    """One repeat with the prediction that was made for the median of all: they differ by less than it is exact."""
    return replace(run, **{name: getattr(row, name) for name in PREDICTED})


def _with_prediction(row: Row, turn: Turn, scenario: Scenario, strategies: Mapping[str, type[Strategy]]) -> Row:
    strategy = strategies.get(turn.strategy)
    if strategy is None or not row.requests:
        return row
    told = predict(_as_run(turn.scenario(scenario), row), strategy, row.requests / row.duration_s, row.duration_s)
    if told is None:
        return row
    return replace(
        row,
        predicted_reads=round(told.origin_reads, 1),
        predicted_peak_1s=round(told.origin_peak_1s, 1),
        predicted_hit_ratio=round(told.hit_ratio, 4),
        floor_reads=round(told.floor_reads, 1),
    )


def _as_run(scenario: Scenario, row: Row) -> Scenario:
    """With the time between warm-up and load that there was."""
    warm = scenario.warm.model_copy(update={"lead_s": max(0.0, row.lead_s)})
    return scenario.model_copy(update={"warm": warm})


def bounds(rows: Sequence[Row], scenario: Scenario) -> tuple[Row, Row]:
    """The rows `nocache` and `oracle` for the load that these rows had."""
    first = rows[0]
    requests = round(median(row.requests for row in rows))
    rate_per_s = requests / first.duration_s
    origin = Latency.parse(scenario.origin.latency)
    least = floor(_as_run(scenario, first), rate_per_s, first.duration_s)
    quickest_ms = min(row.p50_ms for row in rows)
    common = replace(
        first,
        world=COMPUTED,
        requests=requests,
        achieved_rate=round(rate_per_s, 2),
        statuses={},
        reads_by_why={},
        errors=0,
        wrong_answers=0,
        faults={},
        events=[],
        valid=True,
        predicted_reads=None,
        predicted_peak_1s=None,
        stampedes={},
        trace="",
        slow_s=0,
        commands_per_request=0.0,
        wait_p50_ms=0.0,
        wait_p99_ms=0.0,
    )
    miss_ms, slowest_ms = origin.mean_ms + quickest_ms, origin.longest_ms + quickest_ms
    nocache = replace(
        common,
        strategy="nocache",
        hit_ratio=0.0,
        origin_reads=requests,
        origin_peak_1s=round(rate_per_s),
        p50_ms=miss_ms,
        p90_ms=miss_ms,
        p95_ms=miss_ms,
        p99_ms=slowest_ms,
        p999_ms=slowest_ms,
        slow_s=math.ceil(first.duration_s) if slowest_ms > scenario.slow_ms else 0,
        age_p50_s=0.0,
        age_p99_s=0.0,
        older_share=0.0,
    )
    oracle = replace(
        common,
        strategy="oracle",
        hit_ratio=1.0,
        origin_reads=round(least.reads),
        origin_peak_1s=round(least.peak_1s),
        p50_ms=quickest_ms,
        p90_ms=quickest_ms,
        p95_ms=quickest_ms,
        p99_ms=quickest_ms,
        p999_ms=quickest_ms,
        age_p50_s=scenario.cache.ttl_s / 2,
        age_p99_s=0.99 * scenario.cache.ttl_s,
        older_share=0.0,
    )
    return nocache, oracle
