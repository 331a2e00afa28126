"""Failures that the pods counted during a run, and whether they make the run no result.

A failure that the scenario's faults do not explain is an incident of the run. It *moved a figure*, and makes the run no
result, where the strategy did not meet the world that the scenario states:

- One command to Redis that failed is enough: an entry was not found, not stored or not locked. After several without
  a reply a pod leaves Redis alone for a while, in which every request may ask the origin. The cost of that cannot be
  told afterwards.
- One load without the cache is enough, though no command failed. Redis was left alone, or there was no room for a
  command, or the request had no time left for one.
- One connection of a client that a pod turned away is enough: that bound is the lab's own.
- One refused write, one corrupt entry, one background task that died, or one read that the store itself failed is
  enough, too.
- A pod that stood still had requests waiting meanwhile.
- A pod whose counters could not be read is not known to be fine.

Reads that were shed, or had no answer in time, at the bounds of the origin's pool are reported and moved nothing. They
are the effect of this load on the origin that the scenario states, and figures themselves.

Faults of the scenario explain failures of the kinds that they break (`explained_by`), and no others.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from loadtest.figures.incident import Incident
from loadtest.figures.pod_metrics import families
from loadtest.figures.redis_commands import AFTER, BEFORE, earlier_lives
from loadtest.workload.scenario import Scenario


class Kind(StrEnum):
    """The kinds of failures, in the words of an incident."""

    COMMAND = "failed commands to Redis"
    UNSTORED = "loads without the cache (it was away or late, or the pod had no room for a command)"
    WRITE = "refused writes (a lock was lost, or Redis was full)"
    ENTRY = "corrupt entries in Redis"
    TASK = "background tasks of pods that died"
    STILL = "pods stood still"
    REFUSED = "connections of clients beyond the most that a pod takes"
    READ = "reads that the store failed"
    LATE = "loads that got no answer from the origin in time"
    SHED = "reads turned away at the bound of the origin's pool"
    UNWRITTEN = "writes of items that failed"


Failures = Counter[tuple[Kind, str]]
"""Counts of failures by kind and by the command or task that they are about; `Kind.STILL` counts milliseconds."""

_HARMLESS = frozenset({Kind.LATE, Kind.SHED})
_COUNTERS: Mapping[str, tuple[Kind, str]] = {
    "lab_cache_failures": (Kind.COMMAND, "command"),
    "lab_loads_unstored": (Kind.UNSTORED, ""),
    "lab_writes_refused": (Kind.WRITE, ""),
    "lab_cache_corrupt_entries": (Kind.ENTRY, ""),
    "lab_task_deaths": (Kind.TASK, "task"),
    "lab_stood_still_seconds": (Kind.STILL, ""),
    "lab_connections_refused": (Kind.REFUSED, ""),
    "lab_origin_failures": (Kind.LATE, ""),
    "lab_origin_shed": (Kind.SHED, ""),
}
"""The pods' metrics of failures: the kind of each, and the label that holds what it is about."""
# a write of an item has failed, too, where its entry could not be dropped or replaced
_OF_THE_CACHE = frozenset({Kind.COMMAND, Kind.UNSTORED, Kind.WRITE, Kind.UNWRITTEN})
_BROKEN_BY: Mapping[str, frozenset[Kind]] = {
    "cache": _OF_THE_CACHE,
    "connections": _OF_THE_CACHE,
    "origin": frozenset({Kind.READ, Kind.LATE, Kind.SHED}),
    # its commands and reads go on without it, or end with it
    "pod": _OF_THE_CACHE | {Kind.READ, Kind.LATE},
    "pod-paused": frozenset({Kind.STILL}),
    # no time-out is judged by a late loop, but a lease may end meanwhile
    "loop-blocked": frozenset({Kind.STILL, Kind.WRITE}),
}
"""The kinds that each fault of a scenario breaks, by the first word of the fault's kind or by all of it."""


def explained_by(scenario: Scenario) -> frozenset[Kind]:
    """The kinds of failures that the scenario causes: by faults, deletes, and a full Redis that evicts nothing."""
    names = [name for fault in scenario.faults for name in (fault.kind.partition("-")[0], fault.kind)]
    kinds = [_BROKEN_BY.get(name, frozenset[Kind]()) for name in names]
    virtual = scenario.virtual
    if virtual.redis_entries_max is not None and virtual.redis_policy == "noeviction":
        kinds.append(_BROKEN_BY["cache"])
    if scenario.writes is not None and scenario.writes.invalidation == "delete":
        kinds.append(frozenset({Kind.WRITE}))  # of loads that a delete has overtaken
    return frozenset().union(*kinds)


def failures_found(failures: Failures, scenario: Scenario, failed_reads: int) -> list[Incident]:
    """The incidents of a run in which the pods counted these failures, and in which the store failed so many reads."""
    failures = failures + Failures({(Kind.READ, ""): failed_reads})
    explained = explained_by(scenario)
    incidents = []
    for kind in Kind:
        about = {what: count for (which, what), count in sorted(failures.items()) if which is kind and count > 0}
        if not about or kind in explained:
            continue
        named = ", ".join(f"{what} {count:,}" for what, count in about.items() if what)
        total = sum(about.values())
        size = f"{total / 1000:.1f} s" if kind is Kind.STILL else f"{total:,}"
        incidents.append(Incident(f"{kind}: {size}" + (f" ({named})" if named else ""), kind not in _HARMLESS))
    return incidents


def counted(raw: Path, pods: int, since: str | None) -> tuple[Failures, list[str]]:
    """The failures in the pods' metrics in `raw`, and a line for each pod whose failures are not known.

    `since` names the metrics in which earlier failures were counted already. For None the pods were started for this
    run, so that all that they ever counted is the run's, its warm-up included.
    """
    total, unknown = Failures(), []
    for number in range(1, pods + 1):
        name = f"pod-{number}"
        try:
            before, after = (_read(raw / f"{when}{name}.prom") for when in (BEFORE, AFTER))
            earlier = Failures() if since is None else _read(raw / f"{since}{name}.prom")
            for life in earlier_lives(raw, f"{name}.prom"):
                after += _read(life)
        except (OSError, ValueError):
            unknown.append(f"the counters of {name} could not be read: whether anything failed there is not known")
            continue
        if any(after[what] < count for what, count in (*before.items(), *earlier.items())):
            unknown.append(f"{name} began anew during the run: what failed there before is not known")
            continue
        after.subtract(earlier)
        total += after
    return total, unknown


def _read(path: Path) -> Failures:
    """The failures in one pod's metrics. Raises ValueError where they are not a pod's, or cut short."""
    total, seen = Failures(), set[str]()
    for family in families(path, _COUNTERS):
        if (known := _COUNTERS.get(family.name)) is None:
            continue
        seen.add(family.name)
        kind, label = known
        for sample in family.samples:
            if sample.name == f"{family.name}_total":
                count = round(1000 * sample.value if kind is Kind.STILL else sample.value)
                total[kind, sample.labels.get(label, "")] += count
    if "lab_cache_failures" not in seen:
        raise ValueError(f"{path}: no lab_cache_failures")
    return total
