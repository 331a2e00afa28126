"""The order of the candidates: who is allowed, and who comes first.

First come those with the fewest failed requests in a deploy and a cold start. Next are those whose requests wait least,
then those with the fewest failed requests in an outage. Then come those that read the origin least, the simplest ones,
the youngest answers and the fewest commands. Each figure counts in steps: a few per cent decide nothing.
"""

import math
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from app.strategy import Strategy
from loadtest.figures.run_summary import RunSummary
from loadtest.studies.advise.candidates import Candidate
from loadtest.studies.advise.costs import failed_share, reads_per_s, waited_share
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation, failed_steady_max
from loadtest.studies.advise.windows import CUT

FAILED_BEYOND_MAX = 0.01
"""The share of failed requests by which a candidate may exceed the best one in a cold start or a deploy."""
FAILED_STEP = 0.01
"""The step of the share of failed requests."""
WAITED_LEAST, WAITED_STEP = 1e-3, 2.0
"""The share of waiting requests below which all are alike, and the factor between two steps above it."""
OUTAGE_LEAST, OUTAGE_STEP = 5e-3, 1.25
"""The same of the requests that fail around an outage."""
READS_STEP, AGE_STEP, COMMANDS_STEP = 1.1, 1.1, 1.1
WAITS_ALIKE = 2
"""The first figures of the order: failures of a cold start and a deploy, and waits."""
FAR_SHARE, FAR_FACTOR = 0.02, 4.0
"""The share of requests, and the factor, by which waits or failures of an outage are far behind with any seed."""
FAR_READS = 1.5
"""The factor of the reads by which a candidate is far behind with any seed."""

Rows = Mapping[Situation, Sequence[RunSummary]]
Order = tuple[float, ...]


def why_not(service: Service, rows: Rows, least_failed: Mapping[Situation, float]) -> str:
    """The reason why a candidate with these rows is not allowed; empty where it is."""
    found = (
        f"in the {where} {why}"
        for where, runs in rows.items()
        for row in runs
        if (why := _why_not_by(service, where, row, least_failed.get(where, 1.0)))
    )
    return next(found, "")


def _why_not_by(service: Service, where: Situation, row: RunSummary, least: float) -> str:
    cut = next((text for text in row.incidents if text.startswith(CUT)), None)
    share, p99_ms = failed_share(row), row.p99_ms
    is_compared = where in {Situation.COLD, Situation.DEPLOY}
    if cut is not None and where is Situation.STEADY:
        return f"more than {100 * failed_steady_max(service):.2g} % of the requests failed ({cut})"
    why = ""
    if row.wrong_answers:
        why = f"{row.wrong_answers:,} wrong answers ({', '.join(row.wrong_answer_kinds)})"
    elif where is Situation.STEADY and share > failed_steady_max(service):
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
    """The smallest share of failed requests of any candidate, by situation; 1 where all of them were cut short."""
    found: dict[Situation, float] = {}
    for rows in all_rows:
        for where, runs in rows.items():
            for row in runs:
                is_cut = any(text.startswith(CUT) for text in row.incidents)
                found[where] = min(found.get(where, 1.0), 1.0 if is_cut else failed_share(row))
    return found


class Least(NamedTuple):
    """The best figures of a few candidates, from which steps are counted: no edge of a step is near the best one."""

    waited: float = WAITED_LEAST
    failed_in_outage: float = OUTAGE_LEAST
    reads_per_s: float = 1.0


def least_of(all_rows: Sequence[Rows]) -> Least:
    """The best figures of any of them, where each has been seen; no less than what counts as nothing."""
    steady = [runs for rows in all_rows if (runs := rows.get(Situation.STEADY))]
    outages = [runs for rows in all_rows if (runs := rows.get(Situation.OUTAGE))]
    return Least(
        max(WAITED_LEAST, min((_mean(map(waited_share, runs)) for runs in steady), default=0.0)),
        max(OUTAGE_LEAST, min((_mean(map(failed_share, runs)) for runs in outages), default=0.0)),
        min((reads for runs in steady if (reads := _mean(map(reads_per_s, runs)))), default=1.0),
    )


def order(rows: Rows, strategy: type[Strategy], candidate: Candidate, least: Least) -> Order:
    """The place of an allowed candidate: the less the better, the first figure first."""
    failed = sum(_mean(map(failed_share, rows.get(where, ()))) for where in (Situation.COLD, Situation.DEPLOY))
    steady, outage = rows.get(Situation.STEADY, ()), rows.get(Situation.OUTAGE, ())
    failed_without_origin = _mean(map(failed_share, outage)) if outage else math.inf
    waited = _mean(map(waited_share, steady))
    ages = [row.age_p99_s for row in steady if row.age_p99_s]
    commands = [row.commands_per_request for row in steady if row.commands_per_request]
    return (
        round(failed / FAILED_STEP),
        _steps(max(waited / least.waited, 1.0), WAITED_STEP),
        _steps(max(failed_without_origin / least.failed_in_outage, 1.0), OUTAGE_STEP),
        _steps(_mean(map(reads_per_s, steady)) / least.reads_per_s, READS_STEP),
        float(len(strategy.parameters())),
        float(len(candidate.parameters)),
        _steps(_mean(ages), AGE_STEP),
        _steps(_mean(commands), COMMANDS_STEP),
    )


def is_far_behind(rows: Rows, best: Rows) -> bool:
    """Whether one seed is enough to say that these rows are behind the best ones, in the first figure that tells them.

    Between seeds, waits and failures of an outage were seen to differ by a factor of two, and reads by a few per cent.
    A candidate that is a little ahead in an earlier figure is not far behind.
    """
    for figure, where in ((waited_share, Situation.STEADY), (failed_share, Situation.OUTAGE)):
        own, other = (_mean(map(figure, one.get(where, ()))) for one in (rows, best))
        if own > FAR_FACTOR * other + FAR_SHARE:
            return True
        if other > own + FAR_SHARE:
            return False
    own, other = (_mean(map(reads_per_s, one.get(Situation.STEADY, ()))) for one in (rows, best))
    return own > FAR_READS * other


def _mean(values: object) -> float:
    listed = list(values)  # type: ignore[call-overload]
    return sum(listed) / len(listed) if listed else 0.0


def _steps(value: float, step: float) -> float:
    if value <= 0 or math.isinf(value):
        return math.copysign(math.inf, value or -1)
    return float(round(math.log(value, step)))
