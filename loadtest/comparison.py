"""The comparison of strategies, as columns of text: the same on the terminal, in Markdown and in HTML."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from app.strategy import Status
from loadtest.measure import Row

LEGEND = (
    "hit %: fresh and stale hits, of all requests; peak in 1 s: the most origin reads asked for in any sliding second, "
    "over all pods; predicted: by theory at the measured rate, and the measured figure in multiples of it; p50 to "
    "p99.9: latency from the intended start of the request; slow s: seconds in which 1 % took longer than the "
    "scenario's slow_ms; age: of the answers served; hot herd: loads per expiry of a hot key, mean / most; nocache and "
    "oracle are computed: every request reads the origin; one load per key and cycle, and nobody waits; errors: "
    "neither 200 nor 404; wrong answers: not the item asked for, torn, or older than one seen before."
)
Cell = Callable[[Row, Row | None], str]


@dataclass(frozen=True, slots=True)
class Column:
    """A column of the comparison; one that is empty in every row is left out."""

    heading: str  # `{baseline}` stands for the baseline's name
    short: str  # the same on a terminal, a line per word
    rank: int  # on a narrow terminal the highest goes first; 0 always stays
    cell: Cell  # of a row and the baseline's row


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
    """Three figures that mean something; whole numbers from 100 on."""
    return f"{value:,.{0 if abs(value) >= 99.95 else 1 if abs(value) >= 9.995 else 2}f}"


def _percent(part: float) -> str:
    return f"{100 * part:.2f}"


def _count(row: Row, status: Status) -> int:
    return row.statuses.get(status, 0)


def _answered(figure: Callable[[Row], str]) -> Cell:
    """A figure that is about answers: without any there is none, and its 0 must not look like a good one."""
    return lambda row, _: figure(row) if row.requests else "-"


def _target(row: Row, _: Row | None) -> str:
    return "" if row.target_rate is None else _digits(row.target_rate)


def _predicted(measured: float, predicted: float | None) -> str:
    """Theory's figure, and how many times that was measured."""
    if predicted is None:
        return ""
    return f"{_digits(predicted)} ({measured / predicted:.2f}x)" if predicted else _digits(predicted)


def _peak_ratio(row: Row, base: Row | None) -> str:
    """This peak as a share of the baseline's: `1/6.8` is lower, `1.2x` higher."""
    if base is None or base.origin_peak_1s == 0:
        return ""
    if row.origin_peak_1s == 0:
        return "0"
    low, high = sorted((row.origin_peak_1s, base.origin_peak_1s))
    times = f"{high / low:.1f}"
    return "1" if times == "1.0" else f"1/{times}" if row.origin_peak_1s == low else f"{times}x"


def _stampede(row: Row, _: Row | None) -> str:
    """Loads per expiry of a hot key: the mean, and the most."""
    hot = row.stampedes.get("hot")
    return "" if hot is None else f"{_digits(hot['mean'])} / {hot['max']:.0f}"


def _commands(row: Row, _: Row | None) -> str:
    return _digits(row.commands_per_request) if row.commands_per_request else ""


COLUMNS: tuple[Column, ...] = (
    Column("strategy", "strategy", 0, lambda row, _: row.strategy),
    Column("requests", "reqs", 4, lambda row, _: f"{row.requests:,}"),
    Column("req/s", "req/s", 1, lambda row, _: _digits(row.achieved_rate)),
    Column("target req/s", "target\nreq/s", 3, _target),
    Column("hit %", "hit\n%", 1, _answered(lambda row: _percent(row.hit_ratio))),
    Column("origin reads", "origin\nreads", 0, lambda row, _: f"{row.origin_reads:,}"),
    Column("predicted reads", "pred.", 3, lambda row, _: _predicted(row.origin_reads, row.predicted_reads)),
    Column("peak in 1\u00a0s", "peak\nin 1 s", 0, lambda row, _: f"{row.origin_peak_1s:,}"),
    Column("predicted peak", "pred.", 3, lambda row, _: _predicted(row.origin_peak_1s, row.predicted_peak_1s)),
    Column("peak vs {baseline}", "vs\n{baseline}", 2, _peak_ratio),
    Column("p50 ms", "p50\nms", 1, _answered(lambda row: _digits(row.p50_ms))),
    Column("p95 ms", "p95\nms", 5, _answered(lambda row: _digits(row.p95_ms))),
    Column("p99 ms", "p99\nms", 0, _answered(lambda row: _digits(row.p99_ms))),
    Column("p99.9 ms", "p99.9\nms", 5, _answered(lambda row: _digits(row.p999_ms))),
    Column("slow s", "slow\ns", 5, lambda row, _: f"{row.slow_s}"),
    Column("age p99\u00a0s", "age\np99 s", 2, _answered(lambda row: _digits(row.age_p99_s))),
    Column("stale %", "stale\n%", 2, _answered(lambda row: _percent(_count(row, Status.STALE) / row.requests))),
    Column("older than TTL %", "older\n%", 6, _answered(lambda row: _percent(row.older_share))),
    Column("hot herd", "hot\nherd", 4, _stampede),
    Column("commands/request", "cmds\n/req", 5, _commands),
    Column("collapsed", "coll.", 6, lambda row, _: f"{_count(row, Status.COLLAPSED):,}"),
    Column("shed", "shed", 6, lambda row, _: f"{_count(row, Status.SHED):,}"),
    Column("errors", "errs", 0, lambda row, _: f"{row.errors:,}"),
    Column("wrong answers", "wrong", 0, lambda row, _: f"{row.wrong_answers:,}"),
)


def comparison(rows: Sequence[Row], baseline: str | None) -> Comparison:
    base = next((row for row in rows if row.strategy == baseline), None)
    texts = [[column.cell(row, base) for row in rows] for column in COLUMNS]
    kept = [number for number, cells in enumerate(texts) if any(cells)]
    lines = list(zip(*(texts[number] for number in kept), strict=True))
    return Comparison([COLUMNS[number] for number in kept], baseline or "", lines)


def notes(rows: Sequence[Row]) -> list[str]:
    """What has to be known beside the figures: runs that are no result, what happened, what was wrong with answers."""
    found = []
    for row in rows:
        if not row.valid:
            found.append(f"{row.strategy}: not a valid result" + ("" if row.events else "; no reason was recorded"))
        found += [f"{row.strategy}: {event}" for event in row.events]
        if row.faults:
            faults = ", ".join(f"{count:,} {fault}" for fault, count in row.faults.items())
            found.append(f"{row.strategy}: wrong answers: {faults}")
    return found
