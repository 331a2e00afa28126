"""The summary of a run, from its history: the same for every world."""

from collections.abc import Iterator
from typing import Any, NamedTuple

from app.latency import Latency
from loadtest.figures.failures import failures_found
from loadtest.figures.generator_record import what_is_due
from loadtest.figures.history import Ending, History
from loadtest.figures.incident import Incident
from loadtest.figures.records import Answers, Reads, Writes
from loadtest.figures.run_summary import RunSummary, Series, assumed_figures
from loadtest.figures.tally import Tally, new_tally
from loadtest.figures.user_time import unaccounted
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import Scenario
from loadtest.workload.trigger import Trigger

UNENDED = "{:,} reads were asked for and had not ended with the run: they count as asked, and in no peak and no course"
UNENDED_MIN, UNENDED_SHARE_MIN = 10, 0.01
"""The fewest reads, and the least share of all, that are told to be missing from the ledger."""


class Summarised(NamedTuple):
    """The figures of a run, and its course over time."""

    summary: RunSummary
    series: Series


class Finished(NamedTuple):
    """A run that has ended, with a history or without."""

    run: PlannedRun
    summary: RunSummary
    series: Series
    cpu_s: float = 0.0
    """CPU seconds of the summary; in virtual time they include the simulation."""
    error: Exception | None = None
    """The reason why there is no history; the summary says it too, and is no result."""


def summarise(history: History) -> Summarised:
    """The summary of a history, which is read to its end in bounded memory. Raises as `History.chunks`."""
    tally = None
    for chunk in history.chunks():
        tally = tally or new_tally(history.run.scenario, history.start_s, history.oldest_s)
        if isinstance(chunk, Answers):
            tally.add_answers(chunk)
        elif isinstance(chunk, Reads):
            tally.add_reads(chunk)
        elif isinstance(chunk, Writes):
            tally.add_writes(chunk)
        else:
            tally.add_retries(chunk)
        del chunk  # before the next one is made
    return summed_up(history.run, history.world, tally or new_tally(history.run.scenario, 0.0), history.ending())


def failed(run: PlannedRun, world: str, reason: str) -> Summarised:
    """The summary of a run without a history: it is no result, and says why."""
    return summed_up(run, world, new_tally(run.scenario, 0.0), Ending([Incident(reason)]))


def summed_up(run: PlannedRun, world: str, tally: Tally, ending: Ending) -> Summarised:
    """The summary of what a tally has counted, and of what is known besides; `tally` may go on afterwards."""
    scenario = run.scenario
    unended = _unended(tally, ending)
    figures = tally.figures(_trigger(scenario, ending), unended)
    incidents = [
        *ending.incidents,
        *failures_found(ending.failures, scenario, figures["origin_failed"]),
        *map(Incident, tally.nothing),
        *map(Incident, _of_the_generator(run, tally, ending)),
    ]
    about: dict[str, Any] = dict(_costs(tally.requests, figures["origin_reads"], ending))
    if world == "virtual" and not scenario.virtual.service_us:
        ways = (
            2 * Latency.parse(scenario.virtual.network).longest_ms,
            Latency.parse(scenario.virtual.redis).longest_ms,
        )
        about["assumed"] = assumed_figures(figures, sum(ways))
    summary = RunSummary(
        scenario=scenario.name,
        strategy=run.name,
        world=world,
        seed=run.seed,
        repeat=run.repeat,
        is_reference=run.is_reference,
        pods=scenario.pods,
        loop=scenario.load.loop,
        target_rate=scenario.target_rate,
        incidents=[incident.what for incident in incidents if not incident.is_planned],
        planned_faults=[
            {"what": one.what, "began_s": one.began_s, "ended_s": one.ended_s} for one in incidents if one.is_planned
        ],
        notes=[*scenario.without_effect, *ending.notes, *tally.notes, *([UNENDED.format(unended)] if unended else [])],
        valid=not any(incident.spoils for incident in incidents),
        lead_s=ending.lead_s,
        warm_spread_s=ending.warm_spread_s,
        nets=None if ending.net_acts is None else dict(ending.net_acts),
        trace=ending.trace,
        **figures,
        **about,
    )
    return Summarised(summary, tally.series())


def _unended(tally: Tally, ending: Ending) -> int:
    """The reads that pods were asked for and that no ledger has, because they had not ended with the run."""
    left = 0 if ending.reads_asked is None else round(ending.reads_asked) - tally.origin.asked
    return left if left >= UNENDED_SHARE_MIN * tally.origin.asked + UNENDED_MIN else 0


def _trigger(scenario: Scenario, ending: Ending) -> Trigger | None:
    """The trigger of a run: the span in which its planned faults were really there, else the one that is stated."""
    stated = scenario.trigger
    spans = [one for one in ending.incidents if one.began_s is not None]
    if not spans or stated is None:
        return stated
    begin_s = min(one.began_s for one in spans if one.began_s is not None)
    end_s = max(moment for one in spans for moment in (one.began_s, one.ended_s) if moment is not None)
    return Trigger(begin_s, end_s).within(scenario.duration_s)


def _of_the_generator(run: PlannedRun, tally: Tally, ending: Ending) -> Iterator[str]:
    """The reasons why the load was not the one that the scenario states."""
    if ending.generator is not None:
        yield from ending.generator.faults(what_is_due(run.scenario, run.seed), tally.requests)
        yield from unaccounted(run.scenario, tally.requests, tally.waited_s)


def _costs(requests: int, origin_reads: int, ending: Ending) -> Iterator[tuple[str, float | None]]:
    """The figures that the generator, Redis and the pods counted themselves."""
    if ending.generator is not None:
        yield "lateness_p99_ms", ending.generator.lateness_p99_ms
        yield "generator_cpu_share", round(ending.generator.cpu_share, 3)
    if requests and ending.redis_commands is not None:
        saved = requests - origin_reads
        yield "commands_per_request", round(ending.redis_commands / requests, 3)
        yield "commands_per_read_saved", round(ending.redis_commands / saved, 3) if saved > 0 else None
    if requests and ending.local_hits is not None:
        yield "local_share", round(ending.local_hits / requests, 5)
    yield "memory_peak_mb", ending.pods_memory_mb
    if requests and ending.pods_log_bytes is not None:
        yield "log_bytes_per_request", round(ending.pods_log_bytes / requests, 3)
    if requests and ending.pods_cpu_s is not None:
        yield "service_us", round(ending.pods_cpu_s / requests * 1e6, 1)
