"""The comparison of strategies, as columns of text: the same on the terminal, in Markdown and in HTML."""

from collections.abc import Sequence
from dataclasses import dataclass

from app.strategy import Status
from loadtest.figures.repeats import Medians
from loadtest.report import cells
from loadtest.report.marks import marked
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


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison; one that is empty in every row is left out."""

    heading: str  # `{baseline}` stands for the baseline's name
    short: str  # the same on a terminal, a line per word
    rank: int  # on a narrow terminal the highest goes first; 0 always stays
    cell: cells.Cell


@dataclass(frozen=True, slots=True)
class Comparison:
    """The columns that these rows fill, and their text, a line per row. Only the first column is a name."""

    columns: Sequence[Column]
    baseline: str
    lines: Sequence[Sequence[str]]

    @property
    def headings(self) -> list[str]:
        return [column.heading.format(baseline=self.baseline) for column in self.columns]


OUTAGE_COLUMNS: tuple[Column, ...] = (
    Column("goodput/s", "good\n/s", 1, cells.known(lambda row: row.goodput)),
    Column("attempts/request", "att.\n/req", 2, cells.known(lambda row: row.attempts_per_request)),
    Column(
        "retries in 100\u00a0ms", "retries\n100 ms", 2, cells.known(lambda row: row.retries_peak_100ms, cells.whole)
    ),
    Column("gave up", "gave\nup", 1, cells.worst_known("gave_up")),
    Column("origin asked/request", "asked\n/req", 3, cells.known(lambda row: row.origin_attempts_per_request)),
    Column("worst s %", "worst\ns %", 2, cells.known(lambda row: row.worst_second, cells.percent)),
    Column("failed during", "failed\nduring", 1, cells.worst_known("failed_during")),
    Column("back after\u00a0s", "back\nafter s", 0, lambda row, _: back_after(row)),
)
"""The columns of runs that had a trigger, or clients that give up or retry."""

COLUMNS: tuple[Column, ...] = (
    Column("strategy", "strategy", 0, lambda row, _: marked(row.strategy)),
    Column("requests", "reqs", 4, lambda row, _: f"{row.requests:,}"),
    Column("req/s", "req/s", 1, lambda row, _: cells.digits(row.achieved_rate)),
    Column("target req/s", "target\nreq/s", 3, cells.target),
    Column("hit %", "hit\n%", 1, cells.figure(lambda row: row.hit_ratio, cells.percent)),
    Column("origin reads", "origin\nreads", 0, lambda row, _: f"{row.origin_reads:,}"),
    Column("predicted reads", "pred.", 3, cells.predicted("origin_reads")),
    Column("floor", "floor", 2, lambda row, _: "" if row.floor_reads is None else f"{row.floor_reads:,}"),
    Column("origin failed", "origin\nfailed", 1, cells.if_any("origin_failed")),
    Column("origin shed", "origin\nshed", 1, cells.if_any("origin_shed")),
    Column("cold peak in 1\u00a0s", "cold\npeak", 2, lambda row, _: f"{row.cold_peak_1s:,}"),
    Column("steady peak in 1\u00a0s", "steady\npeak", 0, cells.figure(lambda row: row.steady_peak_1s, cells.whole)),
    Column("steady peak vs {baseline}", "vs\n{baseline}", 2, cells.peak_ratio),
    Column("peak in 1\u00a0s", "peak\nin 1 s", 3, cells.whole_peak),
    Column("predicted peak", "pred.", 3, cells.predicted("origin_peak_1s")),
    Column("p50 ms", "p50\nms", 1, cells.latency("p50_ms")),
    Column("p95 ms", "p95\nms", 5, cells.latency("p95_ms")),
    Column("p99 ms", "p99\nms", 0, cells.latency("p99_ms")),
    Column("p99.9 ms", "p99.9\nms", 5, cells.latency("p999_ms")),
    Column("slow s", "slow\ns", 5, cells.figure(lambda row: row.slow_s, cells.whole)),
    Column("age p99\u00a0s", "age\np99 s", 2, cells.figure(lambda row: row.age_p99_s)),
    Column("stale %", "stale\n%", 2, cells.figure(lambda row: cells.share(row, Status.STALE), cells.percent)),
    Column("older than TTL %", "older\n%", 6, cells.figure(lambda row: row.older_share, cells.percent)),
    Column("overtaken %", "over-\ntaken %", 2, cells.known(lambda row: row.overtaken_share, cells.percent)),
    Column("local %", "local\n%", 3, cells.known(lambda row: row.local_share, cells.percent)),
    Column("hot herd", "hot\nherd", 4, cells.stampede),
    Column("commands/request", "cmds\n/req", 5, cells.commands),
    Column("collapsed", "coll.", 6, lambda row, _: f"{cells.count(row, Status.COLLAPSED):,}"),
    Column("shed", "shed", 6, lambda row, _: cells.worst(row, f"statuses.{Status.SHED}")),
    *OUTAGE_COLUMNS,
    Column("errors", "errs", 0, lambda row, _: cells.worst(row, "errors")),
    Column("wrong answers", "wrong", 0, lambda row, _: cells.worst(row, "wrong_answers")),
)
"""All columns, in the order of a terminal's table."""
STEADY_COLUMNS = tuple(column for column in COLUMNS if column not in OUTAGE_COLUMNS)
"""The columns of every run, where those of an outage have a table of their own."""
OUTAGE_TABLE = (COLUMNS[0], *OUTAGE_COLUMNS, *COLUMNS[-2:])


def legend(rows: Sequence[Medians]) -> str:
    """The words of the columns that these rows may fill."""
    return f"{LEGEND} {OUTAGE_LEGEND}" if any(map(has_outage, rows)) else LEGEND


def comparison(
    rows: Sequence[Medians],
    baseline: str | None,
    predictions: Predictions = {},  # noqa: B006
    columns: Sequence[Column] = COLUMNS,
) -> Comparison:
    """Those of the `columns` that these rows fill, each row beside the baseline's and beside its prediction."""
    base = next((row for row in rows if row.strategy == baseline), None)
    predicted = (predictions.get(row.strategy) for row in rows)
    beside = [cells.Beside(base, one if isinstance(one, Prediction) else None) for one in predicted]
    texts = [[column.cell(*one) for one in zip(rows, beside, strict=True)] for column in columns]
    kept = [number for number, column in enumerate(texts) if any(column)]
    lines = list(zip(*(texts[number] for number in kept), strict=True))
    return Comparison([columns[number] for number in kept], baseline or "", lines)
