"""The comparison of strategies, as columns of text: the same on the terminal, in Markdown and in HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from app.strategy import Status
from loadtest.figures.repeats import Medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.outage import OUTAGE_LEGEND, back_after, has_outage
from loadtest.theory.predict import Prediction
from loadtest.theory.predictions import Predictions

LEGEND = (
    "hit %: fresh and stale hits, of all requests; origin reads: those that got a connection; peak in 1 s: the most "
    "origin reads asked for in any sliding second, over all pods, without those that were turned away: of the cold "
    "start (before a key was loaded at all), of the steady state (at expiries and refreshes), and of the whole run; "
    "predicted: by theory at the measured rate, and the measured figure in multiples of it; p50 to "
    "p99.9: latency from the intended start of the request; slow s: seconds in which 1 % took longer than the "
    "scenario's slow_ms; age: of the answers served; hot herd: loads per expiry of a hot key, mean / most; floor: the "
    "fewest loads that could have answered these very requests; nocache reads the origin for every request; errors: "
    "neither 200 nor 404; wrong answers: not the item asked for, torn, or older than one seen before; both, and what "
    "the origin failed or shed, by the worst repeat, with how many repeats had any; –: there is no such figure."
)
ASSUMED = "~"
NONE = "–"
"""The sign in place of a figure that does not exist."""


class Beside(NamedTuple):
    """The values that a row is compared with: the baseline's row and theory's prediction."""

    baseline: RunSummary | None
    prediction: Prediction | None


Cell = Callable[[Medians, Beside], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison; one that is empty in every row is left out."""

    heading: str  # `{baseline}` stands for the baseline's name
    short: str  # the same on a terminal, a line per word
    rank: int  # on a narrow terminal the highest goes first; 0 always stays
    cell: Cell


@dataclass(frozen=True, slots=True)
class Comparison:
    """The columns that these rows fill, and their text, a line per row. Only the first column is a name."""

    columns: Sequence[Column]
    baseline: str
    lines: Sequence[Sequence[str]]

    @property
    def headings(self) -> list[str]:
        return [column.heading.format(baseline=self.baseline) for column in self.columns]


def _digits(value: float) -> str:
    """The value with three significant digits, from 100 on as a whole number."""
    return f"{value:,.{0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2}f}"


def _percent(part: float) -> str:
    return f"{100 * part:.2f}"


def _count(row: RunSummary, status: Status) -> int:
    return row.statuses.get(status, 0)


def shown(value: float | None, form: Callable[[float], str] = _digits) -> str:
    """A figure as text; a dash for one that does not exist, since a 0 would look like a good one."""
    return NONE if value is None else form(value)


def _figure(figure: Callable[[RunSummary], float | None], form: Callable[[float], str] = _digits) -> Cell:
    return lambda row, _: shown(figure(row), form)


def _known(figure: Callable[[RunSummary], float | None], form: Callable[[float], str] = _digits) -> Cell:
    """A figure that not every kind of run has: empty where it does not exist, so that its column is left out."""
    return lambda row, _: "" if (value := figure(row)) is None else form(value)


def _latency(name: str) -> Cell:
    return lambda row, _: (
        (ASSUMED if name in row.assumed and getattr(row, name) is not None else "") + shown(getattr(row, name))
    )


def _whole(value: float) -> str:
    return f"{value:,.0f}"


def _share(row: RunSummary, status: Status) -> float | None:
    return _count(row, status) / row.requests if row.requests and row.hit_ratio is not None else None


def worst(row: Medians, name: str) -> str:
    """A count that must be 0, and the number of repeats in which it was not."""
    table, _, entry = name.partition(".")
    value = getattr(row, table).get(entry, 0) if entry else getattr(row, name)
    some = row.repeats_with.get(name, 0)
    return f"{value:,}" + (f" ({some} of {row.repeats})" if some and row.repeats > 1 else "")


def _if_any(name: str) -> Cell:
    return lambda row, _: worst(row, name) if getattr(row, name) else ""


def _target(row: RunSummary, _: Beside) -> str:
    return "" if row.target_rate is None else _digits(row.target_rate)


def _predicted(name: str) -> Cell:
    """Theory's figure, and how many times that was measured."""

    def cell(row: RunSummary, beside: Beside) -> str:
        if beside.prediction is None:
            return ""
        predicted = round(getattr(beside.prediction, name), 1)
        return f"{_digits(predicted)} ({getattr(row, name) / predicted:.2f}x)" if predicted else _digits(predicted)

    return cell


def _peak_ratio(row: RunSummary, beside: Beside) -> str:
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


def _whole_peak(row: RunSummary, beside: Beside) -> str:
    """The peak of the whole run, where theory predicts it; elsewhere the peaks of its two parts are shown."""
    return "" if beside.prediction is None else f"{row.origin_peak_1s:,}"


def _stampede(row: RunSummary, _: Beside) -> str:
    """Loads per expiry of a hot key: the mean, and the most."""
    hot = row.stampedes.get("hot")
    return "" if hot is None else f"{_digits(hot['mean'])} / {hot['max']:.0f}"


def _commands(row: RunSummary, _: Beside) -> str:
    return "" if row.commands_per_request is None else _digits(row.commands_per_request)


def _failed_during(row: Medians, _: Beside) -> str:
    return "" if row.failed_during is None else worst(row, "failed_during")


COLUMNS: tuple[Column, ...] = (
    Column("strategy", "strategy", 0, lambda row, _: row.strategy),
    Column("requests", "reqs", 4, lambda row, _: f"{row.requests:,}"),
    Column("req/s", "req/s", 1, lambda row, _: _digits(row.achieved_rate)),
    Column("goodput/s", "good\n/s", 1, lambda row, _: shown(row.goodput) if has_outage(row) else ""),
    Column("target req/s", "target\nreq/s", 3, _target),
    Column("hit %", "hit\n%", 1, _figure(lambda row: row.hit_ratio, _percent)),
    Column("origin reads", "origin\nreads", 0, lambda row, _: f"{row.origin_reads:,}"),
    Column("predicted reads", "pred.", 3, _predicted("origin_reads")),
    Column("floor", "floor", 2, lambda row, _: "" if row.floor_reads is None else f"{row.floor_reads:,}"),
    Column("origin failed", "origin\nfailed", 1, _if_any("origin_failed")),
    Column("origin shed", "origin\nshed", 1, _if_any("origin_shed")),
    Column("cold peak in 1\u00a0s", "cold\npeak", 2, lambda row, _: f"{row.cold_peak_1s:,}"),
    Column("steady peak in 1\u00a0s", "steady\npeak", 0, _figure(lambda row: row.steady_peak_1s, _whole)),
    Column("steady peak vs {baseline}", "vs\n{baseline}", 2, _peak_ratio),
    Column("peak in 1\u00a0s", "peak\nin 1 s", 3, _whole_peak),
    Column("predicted peak", "pred.", 3, _predicted("origin_peak_1s")),
    Column("p50 ms", "p50\nms", 1, _latency("p50_ms")),
    Column("p95 ms", "p95\nms", 5, _latency("p95_ms")),
    Column("p99 ms", "p99\nms", 0, _latency("p99_ms")),
    Column("p99.9 ms", "p99.9\nms", 5, _latency("p999_ms")),
    Column("slow s", "slow\ns", 5, _figure(lambda row: row.slow_s, _whole)),
    Column("age p99\u00a0s", "age\np99 s", 2, _figure(lambda row: row.age_p99_s)),
    Column("stale %", "stale\n%", 2, _figure(lambda row: _share(row, Status.STALE), _percent)),
    Column("older than TTL %", "older\n%", 6, _figure(lambda row: row.older_share, _percent)),
    Column("hot herd", "hot\nherd", 4, _stampede),
    Column("commands/request", "cmds\n/req", 5, _commands),
    Column("collapsed", "coll.", 6, lambda row, _: f"{_count(row, Status.COLLAPSED):,}"),
    Column("shed", "shed", 6, lambda row, _: worst(row, f"statuses.{Status.SHED}")),
    Column("attempts/request", "att.\n/req", 2, _known(lambda row: row.attempts_per_request)),
    Column("retries in 100\u00a0ms", "retries\n100 ms", 2, _known(lambda row: row.retries_peak_100ms, _whole)),
    Column("gave up", "gave\nup", 1, lambda row, _: "" if row.gave_up is None else worst(row, "gave_up")),
    Column("origin asked/request", "asked\n/req", 3, _known(lambda row: row.origin_attempts_per_request)),
    Column("worst s %", "worst\ns %", 2, _known(lambda row: row.worst_second, _percent)),
    Column("failed during", "failed\nduring", 1, _failed_during),
    Column("back after\u00a0s", "back\nafter s", 0, lambda row, _: back_after(row)),
    Column("errors", "errs", 0, lambda row, _: worst(row, "errors")),
    Column("wrong answers", "wrong", 0, lambda row, _: worst(row, "wrong_answers")),
)


def legend(rows: Sequence[Medians]) -> str:
    """The words of the columns that these rows may fill."""
    return f"{LEGEND} {OUTAGE_LEGEND}" if any(map(has_outage, rows)) else LEGEND


def comparison(rows: Sequence[Medians], baseline: str | None, predictions: Predictions = {}) -> Comparison:  # noqa: B006
    """The columns that these rows fill, each row beside the baseline's and beside its prediction."""
    base = next((row for row in rows if row.strategy == baseline), None)
    predicted = (predictions.get(row.strategy) for row in rows)
    beside = [Beside(base, one if isinstance(one, Prediction) else None) for one in predicted]
    texts = [[column.cell(*one) for one in zip(rows, beside, strict=True)] for column in COLUMNS]
    kept = [number for number, cells in enumerate(texts) if any(cells)]
    lines = list(zip(*(texts[number] for number in kept), strict=True))
    return Comparison([COLUMNS[number] for number in kept], baseline or "", lines)
