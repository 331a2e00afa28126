"""The answer of a run in sentences: who did best, at what price, and what to do."""

from collections.abc import Sequence

from loadtest.figures.repeats import medians
from loadtest.figures.run_summary import RunSummary
from loadtest.report.answer.sentence import Sentence
from loadtest.report.marks import marked
from loadtest.workload.scenario import Scenario


def answer(runs: Sequence[RunSummary], scenario: Scenario, baseline: str | None) -> list[Sentence]:
    """The sentences that these runs allow, of all repeats of all strategies; the last says what to do."""
    rows = [row for row in medians(runs) if row.valid and not row.is_reference and row.steady_peak_1s is not None]
    base = next((row for row in rows if row.strategy == baseline), None)
    if base is None or len(rows) < 2:
        return []
    best = min(rows, key=lambda row: row.steady_peak_1s or 0)
    n = min(row.repeats for row in rows)
    text = (
        f"{marked(best.strategy)} asked the origin for at most {best.steady_peak_1s:,} reads in a second after the "
        f"cold start, {marked(base.strategy)} for {base.steady_peak_1s:,} (n = {n})."
    )
    return [Sentence(text, ("steady_peak_1s",), (best.strategy, base.strategy), n)]
