"""Counts of the pods before and after the load: Redis commands, CPU time, and reads that were asked for."""

from collections.abc import Mapping
from pathlib import Path

from loadtest.figures.pod_metrics import families

COMMANDS = "lab_cache_commands_total"
CPU = "lab_cpu_seconds"
ASKED = "lab_origin_asked_total"
LOCAL = "lab_local_hits"
BEFORE = "metrics-before-"
AFTER = "metrics-"
LIFE = "metrics-life-"
"""The name of the metrics that a pod's process had counted before a fault ended it, and another took its place."""
EARLIER = "metrics-earlier-"
"""The name of the metrics that kept pods had counted by the end of the run before."""


def redis_commands(raw: Path, has_own_client: bool = False) -> float | None:
    """Redis commands of all pods during the load; None where they are not known. Raises OSError.

    Pods count what they send themselves. What a library sends through a client of its own, Redis alone can count.
    """
    sent = _during_load(raw, COMMANDS)
    if not has_own_client:
        return sent
    from loadtest.figures.redis_info import commands_executed  # here: it brings a client, which no gate needs

    executed = commands_executed(raw)
    return None if executed is None or sent is None else max(0.0, executed - sent)


def pods_cpu_s(raw: Path) -> float | None:
    """CPU seconds of all pods during the load; None where they are not known. Raises OSError."""
    return _during_load(raw, CPU)


def reads_asked(raw: Path, strategy: str) -> float | None:
    """Reads of a strategy that all pods were asked for; None where they are not known. Raises OSError."""
    return _during_load(raw, ASKED, strategy=strategy)


def local_hits(raw: Path, strategy: str) -> float | None:
    """Answers of a strategy from pods' own copies; None where it has no local tier, or they are not known."""
    return _during_load(raw, LOCAL, strategy=strategy)


def _during_load(raw: Path, name: str, **labels: str) -> float | None:
    """The growth of a metric during the load; None where a pod lacks one of its two values, or began anew meanwhile."""
    before = {path.name.removeprefix(BEFORE): path for path in raw.glob(f"{BEFORE}pod-*.prom")}
    after = {path.name.removeprefix(AFTER): path for path in raw.glob(f"{AFTER}pod-*.prom")}
    if not before or before.keys() != after.keys():
        return None
    total = 0.0
    for pod, path in before.items():
        lives = [_counted(life, name, labels) for life in (after[pod], *earlier_lives(raw, pod))]
        then, now = _counted(path, name, labels), sum(life for life in lives if life is not None)
        if then is None or None in lives or now < then:
            return None
        total += now - then
    return total


def earlier_lives(raw: Path, pod: str) -> list[Path]:
    """The metrics of the processes that a pod was before, `pod` being the name of its file."""
    return sorted(raw.glob(f"{LIFE}*-{pod}"))


def _counted(path: Path, name: str, labels: Mapping[str, str]) -> float | None:
    about = families(path, [name.removesuffix("_total")])
    values = [
        sample.value
        for family in about
        for sample in family.samples
        if sample.name == name and labels.items() <= sample.labels.items()
    ]
    return sum(values) if values else None
