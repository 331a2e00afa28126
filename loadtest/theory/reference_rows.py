"""Theory's prediction beside each measured figure, at the measured rate."""

from collections.abc import Mapping
from dataclasses import replace

from app.strategy import Strategy
from loadtest.figures.run_summary import Row
from loadtest.theory.predict import predict, silent_because
from loadtest.workload.planned_run import Turn
from loadtest.workload.scenario import Scenario

PREDICTED = ("predicted_reads", "predicted_peak_1s", "predicted_hit_ratio")


def with_prediction(row: Row, turn: Turn, scenario: Scenario, strategies: Mapping[str, type[Strategy]]) -> Row:
    """The row with what theory predicts at its own rate, or with a note of why it says nothing."""
    strategy = strategies.get(turn.strategy)
    if strategy is None or not row.requests:
        return row
    # an entry is written, in the mean, half a spread before the warm-up ends
    played = turn.scenario(scenario).led_by(row.lead_s + row.warm_spread_s / 2)
    told = predict(played, strategy, row.requests / row.duration_s, row.duration_s)
    if told is None:
        why = silent_because(played, strategy, row.requests / row.duration_s, row.duration_s)
        return replace(row, notes=[*row.notes, f"theory: silent, because {why}"])
    return replace(
        row,
        predicted_reads=round(told.origin_reads, 1),
        predicted_peak_1s=round(told.origin_peak_1s, 1),
        predicted_hit_ratio=round(told.hit_ratio, 4),
    )


def with_the_same(run: Row, row: Row) -> Row:
    """One repeat with the prediction that was made for the median of all: they differ by less than it is exact."""
    return replace(run, **{name: getattr(row, name) for name in PREDICTED})
