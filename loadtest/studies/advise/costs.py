"""The price of a candidate for the service, from its rows: medians over the seeds."""

from collections.abc import Mapping, Sequence
from statistics import median

from app.strategy import Status
from loadtest.figures.run_summary import RunSummary
from loadtest.studies.advise.advice import Costs
from loadtest.studies.advise.scaling import SimulatedService
from loadtest.studies.advise.situations import Situation

Rows = Mapping[Situation, Sequence[RunSummary]]
_WAITED = (Status.MISS, Status.COLLAPSED)


def failed_share(row: RunSummary) -> float:
    """The share of the requests without a good answer."""
    return row.errors / row.requests if row.requests else 1.0


def waited_share(row: RunSummary) -> float:
    """The share of the requests that waited for a load, their own or another's."""
    return sum(row.statuses.get(status, 0) for status in _WAITED) / row.requests if row.requests else 0.0


def reads_per_s(row: RunSummary) -> float:
    """The reads of the origin per second that got a connection."""
    return row.origin_reads / row.duration_s


def costs(rows: Rows, plan: SimulatedService, oldest_s: float) -> Costs | None:
    """The price by these rows; None without a steady state that was watched to its end."""
    steady, cold = list(rows.get(Situation.STEADY, ())), list(rows.get(Situation.COLD, ()))
    if not steady or any(not row.valid for row in steady):
        return None
    service = plan.service
    reads = median(map(reads_per_s, steady)) * plan.parts / plan.ttl_factor
    rate = service.rate_per_s * plan.parts
    used = None if service.pool is None else reads * service.latency.mean_ms / 1000 / (service.pool * plan.parts)
    return Costs(
        origin_reads_per_min=60 * reads,
        read_share=reads / rate,
        steady_peak_1s=plan.parts * (_middle([row.steady_peak_1s for row in steady]) or 0.0),
        cold_peak_1s=plan.parts * (_middle([row.origin_peak_1s for row in cold]) or 0.0),
        waited_share=median(map(waited_share, steady)) / plan.ttl_factor,
        p99_ms=_middle([row.p99_ms for row in steady]),
        cold_p99_ms=_middle([row.p99_ms for row in cold]),
        age_p99_s=_middle([row.age_p99_s for row in steady]),
        older_share=_middle([row.older_share for row in steady]) or 0.0,
        oldest_s=oldest_s,
        commands_per_request=_middle([row.commands_per_request for row in steady]),
        pool_share=used,
        failed_share={str(where): median(map(failed_share, found)) for where, found in rows.items() if found},
    )


def _middle(values: Sequence[float | None]) -> float | None:
    there = [value for value in values if value is not None]
    return float(median(there)) if there else None
