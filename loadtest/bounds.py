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

PREDICTED = ("predicted_reads", "predicted_peak_1s", "predicted_hit_ratio")
COMPUTED = "computed"
"""The world of rows that nobody measured."""


def with_prediction(row: Row, turn: Turn, scenario: Scenario, strategies: Mapping[str, type[Strategy]]) -> Row:
    """The row with what theory predicts at its own rate, where it has anything to say."""
    strategy = strategies.get(turn.strategy)
    if strategy is None or not row.requests:
        return row
    told = predict(turn.scenario(scenario).led_by(row.lead_s), strategy, row.requests / row.duration_s, row.duration_s)
    if told is None:
        return row
    return replace(
        row,
        predicted_reads=round(told.origin_reads, 1),
        predicted_peak_1s=round(told.origin_peak_1s, 1),
        predicted_hit_ratio=round(told.hit_ratio, 4),
    )


def with_the_same(run: Row, row: Row) -> Row:
    """One repeat with the prediction that was made for the median of all: they differ by less than it is exact."""
    return replace(run, **{name: getattr(row, name) for name in PREDICTED})


def bounds(rows: Sequence[Row], scenario: Scenario) -> tuple[Row, ...]:
    """The rows `nocache` and `oracle` for the load that these rows had; none where they had none."""
    rows = [row for row in rows if row.requests]
    if not rows:
        return ()
    first = rows[0]
    requests = round(median(row.requests for row in rows))
    rate_per_s = requests / first.duration_s
    origin = Latency.parse(scenario.origin.latency)
    least = floor(scenario.led_by(first.lead_s), rate_per_s, first.duration_s)
    quickest_ms = min((row.p50_ms for row in rows if row.p50_ms is not None), default=0.0)
    miss_ms, slowest_ms = origin.mean_ms + quickest_ms, origin.longest_ms + quickest_ms
    nocache = replace(
        _computed("nocache", first, requests, requests, round(rate_per_s), miss_ms, slowest_ms),
        slow_s=math.ceil(first.duration_s) if slowest_ms > scenario.slow_ms else 0,
    )
    oracle = replace(
        _computed("oracle", first, requests, round(least.reads), round(least.peak_1s), quickest_ms, quickest_ms),
        hit_ratio=1.0,
        age_p50_s=scenario.cache.ttl_s / 2,
        age_p99_s=0.99 * scenario.cache.ttl_s,
    )
    return nocache, oracle


def _computed(
    name: str, like: Row, requests: int, origin_reads: int, origin_peak_1s: int, usual_ms: float, slowest_ms: float
) -> Row:
    """A row of the same run as `like` in which nothing was hit, and nothing went wrong."""
    return Row(
        scenario=like.scenario,
        strategy=name,
        world=COMPUTED,
        seed=like.seed,
        pods=like.pods,
        loop=like.loop,
        duration_s=like.duration_s,
        requests=requests,
        target_rate=like.target_rate,
        achieved_rate=round(requests / like.duration_s, 2),
        hit_ratio=0.0,
        origin_asked=origin_reads,
        origin_reads=origin_reads,
        origin_failed=0,
        origin_shed=0,
        origin_peak_1s=origin_peak_1s,
        cold_reads=0,
        cold_peak_1s=0,
        steady_peak_1s=None,
        p50_ms=usual_ms,
        p90_ms=usual_ms,
        p95_ms=usual_ms,
        p99_ms=slowest_ms,
        p999_ms=slowest_ms,
        age_p50_s=0.0,
        age_p99_s=0.0,
        statuses={},
        reads_by_why={},
        errors=0,
        wrong_answers=0,
    )
