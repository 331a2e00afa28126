"""Theory's prediction beside the figures of each strategy, at the rate that was measured."""

from collections.abc import Mapping
from typing import Any

from app.strategy import Strategy
from loadtest.figures.run_summary import RunSummary
from loadtest.theory.predict import Prediction, predict, silent_because
from loadtest.workload.planned_run import PlannedRun

Predictions = Mapping[str, Prediction | str]
"""The prediction of each run by its name, or the reason why theory is silent."""


def prediction(row: RunSummary, run: PlannedRun, strategies: Mapping[str, type[Strategy]]) -> Prediction | str | None:
    """The prediction at the measured rate, or why theory is silent; None without requests or a strategy here."""
    strategy = strategies.get(run.strategy)
    if strategy is None or not row.requests:
        return None
    # an entry is written, in the mean, half a spread before the warm-up ends
    scenario = run.scenario.led_by(row.lead_s + row.warm_spread_s / 2)
    rate_per_s = row.requests / row.duration_s
    predicted = predict(scenario, strategy, rate_per_s, row.duration_s)
    return predicted or silent_because(scenario, strategy, rate_per_s, row.duration_s)


def as_figures(predicted: Predictions) -> dict[str, dict[str, Any]]:
    """The predictions as they stand in summary.json."""
    return {
        name: {"silent_because": one}
        if isinstance(one, str)
        else {
            "origin_reads": round(one.origin_reads, 1),
            "origin_peak_1s": round(one.origin_peak_1s, 1),
            "hit_ratio": round(one.hit_ratio, 4),
        }
        for name, one in predicted.items()
    }
