"""What the pods counted as failed during a run, and whether it makes the run no result.

Whatever the pods count as a failure while nothing was broken on purpose is an event of the run. It *moved a figure*,
and makes the run no result, where the strategy did not meet the world that the scenario states:

- one command to Redis that failed is enough: an entry was not found, not stored or not locked, and after a command that
  nobody answered a pod leaves Redis alone for a while, in which every request may ask the origin. What that cost nobody
  can say afterwards; where nothing is broken there is none;
- so is one refused write, one corrupt entry, one background task that died, one read that the store itself failed;
- so is a pod that stood still, whose requests waited meanwhile;
- and so is a pod whose counters could not be read: what is unknown is not fine.

Reads that were turned away, or had no answer in time, at the bounds of the origin's pool are told, and moved nothing:
they are what this load does to the origin that the scenario states, and are figures themselves.

Faults of the scenario explain failures of the kinds that they break (`explained_by`), and no others.
"""

from collections import Counter
from collections.abc import Mapping
from enum import StrEnum
from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

from loadtest.figures.incident import Incident
from loadtest.figures.redis_commands import AFTER, BEFORE
from loadtest.workload.scenario import Scenario


class Kind(StrEnum):
    """Of failures, as an event says it."""

    COMMAND = "failed commands to Redis"
    WRITE = "refused writes (a lock was lost, or Redis was full)"
    ENTRY = "corrupt entries in Redis"
    TASK = "background tasks of pods that died"
    STILL = "pods stood still"
    READ = "reads that the store failed"
    LATE = "loads that got no answer from the origin in time"
    SHED = "reads turned away at the bound of the origin's pool"


Failures = Counter[tuple[Kind, str]]
"""How often, by kind and what it was about: a command, a task, or nothing. Of `Kind.STILL` it is milliseconds."""

_HARMLESS = frozenset({Kind.LATE, Kind.SHED})
_COUNTERS: Mapping[str, tuple[Kind, str]] = {
    "lab_cache_failures": (Kind.COMMAND, "command"),
    "lab_writes_refused": (Kind.WRITE, ""),
    "lab_cache_corrupt_entries": (Kind.ENTRY, ""),
    "lab_task_deaths": (Kind.TASK, "task"),
    "lab_stood_still_seconds": (Kind.STILL, ""),
    "lab_origin_failures": (Kind.LATE, ""),
    "lab_origin_shed": (Kind.SHED, ""),
}
"""Of the pods' metrics: the kind, and the label that says what it is about."""
_BROKEN_BY: Mapping[str, frozenset[Kind]] = {
    "cache": frozenset({Kind.COMMAND, Kind.WRITE}),
    "connections": frozenset({Kind.COMMAND, Kind.WRITE}),
    "origin": frozenset({Kind.READ, Kind.LATE, Kind.SHED}),
    # what it was doing goes on without it, or ends with it
    "pod": frozenset({Kind.COMMAND, Kind.WRITE, Kind.READ, Kind.LATE}),
    "pod-paused": frozenset({Kind.STILL}),
}
"""By the first word of a fault's kind, and by all of it."""


def explained_by(scenario: Scenario) -> frozenset[Kind]:
    """What the scenario breaks on purpose: by its faults, and by a Redis that is too small and evicts nothing."""
    names = [name for fault in scenario.faults for name in (fault.kind.partition("-")[0], fault.kind)]
    kinds = [_BROKEN_BY.get(name, frozenset[Kind]()) for name in names]
    virtual = scenario.virtual
    if virtual.redis_entries_max is not None and virtual.redis_policy == "noeviction":
        kinds.append(_BROKEN_BY["cache"])
    return frozenset().union(*kinds)


def failures_found(failures: Failures, scenario: Scenario, failed_reads: int) -> list[Incident]:
    """The incidents of a run in which the pods counted these, and in which the store failed so many reads."""
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


def counted(raw: Path, pods: int, are_new: bool) -> tuple[Failures, list[str]]:
    """What the pods' metrics in `raw` say, and a line for each pod of which they say nothing.

    `are_new`: the pods were started for this run, so that all they ever counted is of it, the warm-up included.
    """
    total, unknown = Failures(), []
    for number in range(1, pods + 1):
        name = f"pod-{number}"
        try:
            before, after = (_read(raw / f"{when}{name}.prom") for when in (BEFORE, AFTER))
        except (OSError, ValueError):
            unknown.append(f"the counters of {name} could not be read: whether anything failed there is not known")
            continue
        if any(after[what] < count for what, count in before.items()):
            unknown.append(f"{name} began anew during the run: what failed there before is not known")
            continue
        if not are_new:
            after.subtract(before)
        total += after
    return total, unknown


def _read(path: Path) -> Failures:
    """Raises ValueError where it is not what a pod says, or cut short."""
    total, seen = Failures(), set[str]()
    for family in text_string_to_metric_families(path.read_text(encoding="utf-8")):
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
