"""The cells of a comparison: a figure of a row as text."""

from collections.abc import Callable
from typing import NamedTuple

from app.strategy import Status
from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RunSummary
from loadtest.theory.predict import Prediction

ASSUMED = "~"
NONE = "–"
"""The sign in place of a figure that does not exist."""


class Beside(NamedTuple):
    """The values that a row is compared with: the baseline's row and theory's prediction."""

    baseline: RunSummary | None
    prediction: Prediction | None


Cell = Callable[[Medians, Beside], str]


def digits(value: float) -> str:
    """The value with three significant digits, from 100 on as a whole number."""
    return f"{value:,.{0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2}f}"


def percent(part: float) -> str:
    return f"{100 * part:.2f}"


def count(row: RunSummary, status: Status) -> int:
    return row.statuses.get(status, 0)


def shown(value: float | None, form: Callable[[float], str] = digits) -> str:
    """A figure as text; a dash for one that does not exist, since a 0 would look like a good one."""
    return NONE if value is None else form(value)


def figure(of: Callable[[RunSummary], float | None], form: Callable[[float], str] = digits) -> Cell:
    return lambda row, _: shown(of(row), form)


def known(of: Callable[[RunSummary], float | None], form: Callable[[float], str] = digits) -> Cell:
    """A figure that not every kind of run has: empty where it does not exist, so that its column is left out."""
    return lambda row, _: "" if (value := of(row)) is None else form(value)


def latency(name: str) -> Cell:
    return lambda row, _: (
        (ASSUMED if name in row.assumed and getattr(row, name) is not None else "") + shown(getattr(row, name))
    )


def steady_p99(row: Medians, beside: Beside) -> str:
    """The p99 after the cold start; empty for a run that does not tell the two apart."""
    return "" if row.cold_requests is None else latency("steady_p99_ms")(row, beside)


def whole(value: float) -> str:
    """A count, with the half that the median of two may have; any other fraction is rounded."""
    return f"{value:,.1f}" if value % 1 == 0.5 else f"{value:,.0f}"


def share(row: RunSummary, status: Status) -> float | None:
    return count(row, status) / row.requests if row.requests and row.hit_ratio is not None else None


def worst(row: Medians, name: str) -> str:
    """A count that must be 0, and the number of repeats in which it was not."""
    table, _, entry = name.partition(".")
    value = getattr(row, table).get(entry, 0) if entry else getattr(row, name)
    some = row.repeats_with.get(name, 0)
    return f"{value:,}" + (f" ({some} of {row.repeats})" if some and row.repeats > 1 else "")


def if_any(name: str) -> Cell:
    return lambda row, _: worst(row, name) if getattr(row, name) else ""


def target(row: RunSummary, _: Beside) -> str:
    return "" if row.target_rate is None else digits(row.target_rate)


def predicted(name: str) -> Cell:
    """Theory's figure, and how many times that was measured."""

    def cell(row: RunSummary, beside: Beside) -> str:
        if beside.prediction is None:
            return ""
        value = round(getattr(beside.prediction, name), 1)
        return f"{digits(value)} ({getattr(row, name) / value:.2f}x)" if value else digits(value)

    return cell


def peak_ratio(row: RunSummary, beside: Beside) -> str:
    """The peak of the steady state as a share of the baseline's: `1/6.8` is lower, `1.2x` higher.

    The cold start is left out: its load is the same for a fixed TTL and for spread ones.
    """
    mine, other = row.steady_peak_1s, beside.baseline.steady_peak_1s if beside.baseline else None
    if not other:
        return ""
    if mine is None:
        return NONE
    if mine == 0:
        return "0"
    low, high = sorted((mine, other))
    times = f"{high / low:.1f}"
    return "1" if times == "1.0" else f"1/{times}" if mine == low else f"{times}x"


def whole_peak(row: RunSummary, beside: Beside) -> str:
    """The peak of the whole run, where theory predicts it; elsewhere the peaks of its two parts are shown."""
    return "" if beside.prediction is None else f"{row.origin_peak_1s:,}"


def stampede(row: RunSummary, _: Beside) -> str:
    """Loads per expiry of a hot key: the mean, and the most."""
    hot = row.stampedes.get("hot")
    return "" if hot is None else f"{digits(hot['mean'])} / {hot['max']:.0f}"


def commands(row: RunSummary, _: Beside) -> str:
    return "" if row.commands_per_request is None else digits(row.commands_per_request)


def worst_known(name: str) -> Cell:
    """A count that must be 0 and that not every kind of run has."""
    return lambda row, _: "" if getattr(row, name) is None else worst(row, name)
