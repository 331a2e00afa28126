"""The order of the candidates: who is allowed, and who comes first.

First come those with the fewest failed requests in a deploy and a cold start. Next are those whose requests wait least,
then those with the fewest failed requests in an outage. Then come those that read the origin least, the simplest ones,
the youngest answers and the fewest commands. Each figure counts in steps: a few per cent decide nothing.
"""

import math
from collections.abc import Mapping, Sequence

from app.strategy import Strategy
from loadtest.figures.run_summary import RunSummary
from loadtest.studies.advise.candidates import Candidate
from loadtest.studies.advise.costs import failed_share, reads_per_s, waited_share
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation
from loadtest.studies.advise.windows import CUT

FAILED_STEADY_MAX = 0.001
"""The largest share of failed requests of a steady state."""
FAILED_BEYOND_MAX = 0.01
"""The share of failed requests by which a candidate may exceed the best one in a cold start or a deploy."""
FAILED_STEP = 0.01
"""The step of the share of failed requests."""
WAITED_LEAST, WAITED_STEP = 1e-3, 2.0
"""The share of waiting requests below which all are alike, and the factor between two steps above it."""
OUTAGE_LEAST, OUTAGE_STEP = 5e-3, 1.25
"""The same of the requests that fail around an outage."""
READS_STEP, AGE_STEP, COMMANDS_STEP = 1.1, 1.1, 1.1

Rows = Mapping[Situation, Sequence[RunSummary]]
Order = tuple[float, ...]


def why_not(service: Service, rows: Rows, least_failed: Mapping[Situation, float]) -> str:
    """The reason why a candidate with these rows is not allowed; empty where it is."""
    found = (
        f"{where}: {why}"
        for where, runs in rows.items()
        for row in runs
        if (why := _why_not_by(service, where, row, least_failed.get(where, 1.0)))
    )
    return next(found, "")


def _why_not_by(service: Service, where: Situation, row: RunSummary, least: float) -> str:
    cut = next((text for text in row.incidents if text.startswith(CUT)), None)
    share, p99_ms = failed_share(row), row.p99_ms
    is_compared = where in {Situation.COLD, Situation.DEPLOY}
    if cut is not None:
        return cut
    why = ""
    if row.wrong_answers:
        why = f"{row.wrong_answers:,} wrong answers"
    elif where is Situation.STEADY and share > FAILED_STEADY_MAX:
        why = _counted(row)
    elif is_compared and share > least + FAILED_BEYOND_MAX:
        why = f"{_counted(row)}, where the best one has {100 * least:.2g} %"
    elif where is Situation.OUTAGE and row.recovers_after_s is not None and math.isinf(row.recovers_after_s):
        why = f"{_counted(row)}, and it does not come back within the run"
    elif where is Situation.STEADY and p99_ms and service.max_wait_ms and p99_ms > service.max_wait_ms:
        why = f"a p99 of {p99_ms:,.0f} ms, and {service.max_wait_ms:g} ms are allowed"
    return why


def _counted(row: RunSummary) -> str:
    return f"{row.errors:,} of {row.requests:,} requests failed ({100 * failed_share(row):.2g} %)"


def least_failed(all_rows: Sequence[Rows]) -> dict[Situation, float]:
    """The smallest share of failed requests of any candidate, by situation."""
    found: dict[Situation, float] = {}
    for rows in all_rows:
        for where, runs in rows.items():
            for row in runs:
                found[where] = min(found.get(where, 1.0), failed_share(row))
    return found


def order(rows: Rows, strategy: type[Strategy], candidate: Candidate) -> Order:
    """The place of an allowed candidate: the less the better, the first figure first."""
    failed = sum(_mean(map(failed_share, rows.get(where, ()))) for where in (Situation.COLD, Situation.DEPLOY))
    steady, outage = rows.get(Situation.STEADY, ()), rows.get(Situation.OUTAGE, ())
    failed_without_origin = _mean(map(failed_share, outage)) if outage else math.inf
    waited = _mean(map(waited_share, steady))
    ages = [row.age_p99_s for row in steady if row.age_p99_s]
    commands = [row.commands_per_request for row in steady if row.commands_per_request]
    return (
        round(failed / FAILED_STEP),
        _steps(max(waited, WAITED_LEAST), WAITED_STEP),
        _steps(max(failed_without_origin, OUTAGE_LEAST), OUTAGE_STEP),
        _steps(_mean(map(reads_per_s, steady)), READS_STEP),
        float(len(strategy.parameters())),
        float(len(candidate.parameters)),
        _steps(_mean(ages), AGE_STEP),
        _steps(_mean(commands), COMMANDS_STEP),
    )


def _mean(values: object) -> float:
    listed = list(values)  # type: ignore[call-overload]
    return sum(listed) / len(listed) if listed else 0.0


def _steps(value: float, step: float) -> float:
    if value <= 0 or math.isinf(value):
        return math.copysign(math.inf, value or -1)
    return float(round(math.log(value, step)))
