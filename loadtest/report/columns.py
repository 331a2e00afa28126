"""The comparison of strategies, as columns of text: the same on the terminal, in Markdown and in HTML.

`COLUMNS` describes every figure that a report shows, in the words of the legend and of the reference page.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from app.strategy import Status
from loadtest.figures.repeats import Medians
from loadtest.report import cells
from loadtest.report.marks import marked
from loadtest.report.outage import back_after
from loadtest.theory.predict import Prediction
from loadtest.theory.predictions import Predictions


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison; one that is empty in every row is left out."""

    heading: str  # `{baseline}` stands for the baseline's name
    short: str  # the same on a terminal, a line per word
    rank: int  # on a narrow terminal the highest goes first; 0 always stays
    cell: cells.Cell
    field: str
    """The field of summary.json that it shows; empty where it shows none, or several."""
    words: str
    """The figure in words, as the legend and the reference page have it."""
    unit: str = ""
    is_first: bool = False
    """Whether it is one of the few columns that are shown before a reader asks for more."""

    @property
    def name(self) -> str:
        """The heading as the legend has it: without the baseline's name."""
        return self.heading.format(baseline="the baseline").replace("\u00a0", " ")


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
    Column("goodput/s", "good\n/s", 1, cells.known(lambda row: row.goodput), "goodput",
           "requests per second with a good answer: 200 or 404, the right content, and its client still waited",
           "requests/s"),
    Column("attempts/request", "att.\n/req", 2, cells.known(lambda row: row.attempts_per_request),
           "attempts_per_request", "requests that were sent, retries too, for each request that was meant", "attempts"),
    Column("retries in 100\u00a0ms", "retries\n100 ms", 2,
           cells.known(lambda row: row.retries_peak_100ms, cells.whole),
           "retries_peak_100ms", "the most retries that were sent in any 100 ms", "retries"),
    Column("gave up", "gave\nup", 1, cells.worst_known("gave_up"),
           "gave_up", "requests whose last attempt was abandoned or not answered", "requests"),
    Column("origin asked/request", "asked\n/req", 3, cells.known(lambda row: row.origin_attempts_per_request),
           "origin_attempts_per_request", "reads of the origin asked for per request, from the trigger on", "reads"),
    Column("worst s %", "worst\ns %", 2, cells.known(lambda row: row.worst_second, cells.percent),
           "worst_second", "the least goodput of any second from the trigger on, of that before", "%"),
    Column("failed during", "failed\nduring", 1, cells.worst_known("failed_during"),
           "failed_during", "requests of the trigger's time without a good answer", "requests", is_first=True),
    Column("back after\u00a0s", "back\nafter s", 0, lambda row, _: back_after(row), "recovers_after_s",
           "seconds from the trigger's end until goodput is back at 95 % of that before (or where chance takes it), "
           "and "
           "stays; never where it is not", "s", is_first=True),
)  # fmt: skip
"""The columns of runs that had a trigger, or clients that give up or retry."""

COLUMNS: tuple[Column, ...] = (
    Column("strategy", "strategy", 0, lambda row, _: marked(row.strategy), "strategy", "", is_first=True),
    Column("requests", "reqs", 4, lambda row, _: f"{row.requests:,}", "requests", "requests that were sent",
           "requests"),
    Column("req/s", "req/s", 1, lambda row, _: cells.digits(row.achieved_rate), "achieved_rate",
           "requests per second that were sent", "requests/s"),
    Column("target req/s", "target\nreq/s", 3, cells.target, "target_rate",
           "requests per second that the scenario states", "requests/s"),
    Column("hit %", "hit\n%", 1, cells.figure(lambda row: row.hit_ratio, cells.percent), "hit_ratio",
           "fresh and stale hits, of all requests", "%"),
    Column("origin reads", "origin\nreads", 0, lambda row, _: f"{row.origin_reads:,}", "origin_reads",
           "reads of the origin that got a connection", "reads", is_first=True),
    Column("predicted reads", "pred.", 3, cells.predicted("origin_reads"), "predictions.origin_reads",
           "reads by theory at the measured rate, and the measured figure in multiples of it", "reads"),
    Column("floor", "floor", 2, lambda row, _: "" if row.floor_reads is None else f"{row.floor_reads:,}",
           "floor_reads", "the fewest loads that could have answered these very requests under the strategy's own "
           "promise "
           "of age", "reads"),
    Column("origin failed", "origin\nfailed", 1, cells.if_any("origin_failed"), "origin_failed",
           "reads that the origin failed, by the worst repeat", "reads", is_first=True),
    Column("origin shed", "origin\nshed", 1, cells.if_any("origin_shed"), "origin_shed",
           "reads that were turned away because too many waited for the origin, by the worst repeat", "reads",
           is_first=True),
    Column("cold peak in 1\u00a0s", "cold\npeak", 2, lambda row, _: f"{row.cold_peak_1s:,}", "cold_peak_1s",
           "the most origin reads asked for in any sliding second of the cold start (before a key was loaded at "
           "all), over "
           "all pods, without those that were turned away", "reads", is_first=True),
    Column("steady peak in 1\u00a0s", "steady\npeak", 0, cells.figure(lambda row: row.steady_peak_1s, cells.whole),
           "steady_peak_1s", "the most origin reads asked for in any sliding second after the cold start, at "
           "expiries and "
           "refreshes", "reads", is_first=True),
    Column("steady peak vs {baseline}", "vs\n{baseline}", 2, cells.peak_ratio, "",
           "the steady peak as a share or a multiple of the baseline's"),
    Column("peak in 1\u00a0s", "peak\nin 1 s", 3, cells.whole_peak, "origin_peak_1s",
           "the most origin reads asked for in any sliding second of the whole run, which is what theory predicts",
           "reads"),
    Column("predicted peak", "pred.", 3, cells.predicted("origin_peak_1s"), "predictions.origin_peak_1s",
           "the peak of the whole run by theory, and the measured figure in multiples of it", "reads"),
    Column("p50 ms", "p50\nms", 1, cells.latency("p50_ms"), "p50_ms",
           "the median latency, from the intended start of the request", "ms", is_first=True),
    Column("p95 ms", "p95\nms", 5, cells.latency("p95_ms"), "p95_ms", "the latency that 95 % do not exceed", "ms"),
    Column("p99 ms", "p99\nms", 3, cells.latency("p99_ms"), "p99_ms",
           "the latency that 99 % do not exceed, the cold start's too", "ms"),
    Column("steady p99 ms", "steady\np99 ms", 0, cells.steady_p99, "steady_p99_ms",
           "the latency that 99 % of the requests after the cold start do not exceed", "ms", is_first=True),
    Column("p99.9 ms", "p99.9\nms", 5, cells.latency("p999_ms"), "p999_ms", "the latency that 99.9 % do not exceed",
           "ms"),
    Column("slow s", "slow\ns", 5, cells.figure(lambda row: row.slow_s, cells.whole), "slow_s",
           "seconds in which 1 % took longer than the scenario's slow_ms", "s"),
    Column("age p99\u00a0s", "age\np99 s", 2, cells.figure(lambda row: row.age_p99_s), "age_p99_s",
           "the age that 99 % of the answers do not exceed", "s"),
    Column("stale %", "stale\n%", 2, cells.figure(lambda row: cells.share(row, Status.STALE), cells.percent),
           "statuses.stale", "answers that were served past their entry's freshness, of all requests", "%"),
    Column("older than TTL %", "older\n%", 1, cells.figure(lambda row: row.older_share, cells.percent), "older_share",
           "answers older than the scenario's TTL, of all that have an age", "%", is_first=True),
    Column("overtaken %", "over-\ntaken %", 2, cells.known(lambda row: row.overtaken_share, cells.percent),
           "overtaken_share", "answers that a write had overtaken before they were asked for", "%"),
    Column("local %", "local\n%", 3, cells.known(lambda row: row.local_share, cells.percent), "local_share",
           "answers from a pod's own copy, of all requests", "%"),
    Column("hot herd", "hot\nherd", 4, cells.stampede, "stampedes.hot", "loads per expiry of a hot key, mean / most",
           "loads"),
    Column("commands/request", "cmds\n/req", 5, cells.commands, "commands_per_request",
           "Redis commands of all pods for each request", "commands"),
    Column("collapsed", "coll.", 6, lambda row, _: f"{cells.count(row, Status.COLLAPSED):,}", "statuses.collapsed",
           "answers that waited for a load that another request had begun", "requests"),
    Column("shed", "shed", 6, lambda row, _: cells.worst(row, f"statuses.{Status.SHED}"), "statuses.shed",
           "requests that were turned away (503) because a bound was reached, by the worst repeat", "requests"),
    *OUTAGE_COLUMNS,
    Column("errors", "errs", 0, lambda row, _: cells.worst(row, "errors"), "errors",
           "answers that are neither 200 nor 404, by the worst repeat, with how many repeats had any", "requests",
           is_first=True),
    Column("wrong answers", "wrong", 0, lambda row, _: cells.worst(row, "wrong_answers"), "wrong_answers",
           "not the item asked for, torn, or older than one seen before; by the worst repeat", "answers",
           is_first=True),
)  # fmt: skip
"""All columns, in the order of a terminal's table."""
STEADY_COLUMNS = tuple(column for column in COLUMNS if column not in OUTAGE_COLUMNS)
"""The columns of every run, where those of an outage have a table of their own."""
OUTAGE_TABLE = (COLUMNS[0], *OUTAGE_COLUMNS, *COLUMNS[-2:])
FIRST_COLUMNS = tuple(column for column in COLUMNS if column.is_first)
"""The few columns that answer most questions; the others are there for who asks for them."""

NO_FIGURE = f"{cells.NONE}: there is no such figure"


def legend(shown: Iterable[Column]) -> str:
    """The words of the columns that are shown, each once."""
    told = dict.fromkeys(f"{column.name}: {column.words}" for column in shown if column.words)
    return "; ".join([*told, NO_FIGURE]) + "."


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
