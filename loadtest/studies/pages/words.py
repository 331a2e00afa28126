"""Figures of the pages as text."""

import math

from app.discovery import Discovered
from loadtest.report.cells import ASSUMED, NONE
from loadtest.report.columns import COLUMNS
from loadtest.stats.rows import figure
from loadtest.stats.sentences import show
from loadtest.studies.pages.taken import Taken
from loadtest.theory.predict import predict
from loadtest.workload.planned_run import PlannedRun

PREDICTED = "predicted."
"""The beginning of the name of a prediction's figure."""
_HEADINGS = {
    **{column.field: column.name for column in COLUMNS if column.field},
    "stale_share": "stale %",
    "older_share": "older than TTL %",
    "waited_share": "waited %",
    "steady_peak_1s": "worst second, steady",
    "cold_peak_1s": "worst second, cold",
    "origin_peak_1s": "worst second",
    "warm_peak_1s": "warmer's worst second",
    "stampedes.hot.mean": "loads per expiry",
    "predicted.reads_per_expiry": "by formula",
    "predicted.origin_reads": "reads by formula",
    "steady_p99_ms": "p99 ms, steady",
    "cold_p99_ms": "p99 ms, cold",
    "age_p99_s": "age p99 s",
    "age_max_s": "oldest s",
    "recovers_after_s": "back after s",
    "failed_during": "failed meanwhile",
}
_IN_A_PICTURE = {
    "steady_peak_1s": "worst second {}",
    "cold_peak_1s": "cold {}",
    "steady_p99_ms": "p99 {}",
    "p99_ms": "p99 {}",
    "origin_reads": "{} reads",
    "errors": "{} errors",
    "recovers_after_s": "back: {}",
    "stale_share": "{} stale",
    "older_share": "{} too old",
    "warm_peak_1s": "warmer {}",
    "age_p99_s": "age p99 {}",
}
"""The words of a figure beside a strategy's name, in a picture."""


def heading(name: str) -> str:
    return _HEADINGS.get(name, name.rpartition(".")[2].replace("_", " "))


def value_of(taken: Taken, name: str, run: PlannedRun, found: Discovered) -> float | None:
    """A figure of a run, of its prediction or of its answers; None where there is none."""
    if name.startswith(PREDICTED):
        summary = taken.summary
        told = predict(run.scenario, found.choosable[run.strategy], summary.achieved_rate, summary.duration_s)
        return None if told is None else float(getattr(told, name.removeprefix(PREDICTED)))
    if name == "stale_share":
        return (figure(taken.figures, "statuses.stale") or 0.0) / max(1.0, float(taken.figures["requests"]))
    return figure(taken.figures, name)


def cell(taken: Taken, name: str, run: PlannedRun, found: Discovered, unit: bool = False) -> str:
    """The figure as a table has it; what virtual time only assumes is marked."""
    value = value_of(taken, name, run, found)
    if value is None:
        return NONE
    assumed = ASSUMED if name in taken.figures.get("assumed", ()) else ""
    return assumed + shown(name, value, unit)


def shown(name: str, value: float, unit: bool = True) -> str:
    """A value by the unit of its name; shares are in per cent."""
    if name.endswith(("_share", "_ratio")) and math.isfinite(value):
        return f"{100 * value:.3g}{' %' if unit else ''}"
    if name.startswith(PREDICTED):
        return f"{value:,.3g}" if value < 1000 else f"{value:,.0f}"
    text = show(name, value)
    return text if unit else text.removesuffix(" ms").removesuffix(" s")


def said(taken: Taken, names: list[str], run: PlannedRun, found: Discovered) -> str:
    """The figures of a picture, beside the strategy's name."""
    told = []
    for name in names:
        if name in taken.figures.get("assumed", ()):
            told.append("p99 a hit's")
        elif (value := value_of(taken, name, run, found)) is not None:
            told.append(_IN_A_PICTURE.get(name, heading(name) + " {}").format(shown(name, value)))
    return ", ".join(told)
