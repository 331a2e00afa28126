"""What a strategy costs Redis: the commands that the pods counted, from their metrics before and after the load."""

from pathlib import Path

from prometheus_client.parser import text_string_to_metric_families

FAMILY = "lab_cache_commands"
BEFORE = "metrics-before-"
AFTER = "metrics-"


def redis_commands(raw: Path) -> float | None:
    """Commands of all pods during the load; None where a pod was not asked both times. Raises OSError."""
    before = sorted(raw.glob(f"{BEFORE}pod-*.prom"))
    after = [raw / path.name.replace(BEFORE, AFTER) for path in before]
    if not before or not all(path.exists() for path in after):
        return None
    return sum(map(_sent, after)) - sum(map(_sent, before))


def _sent(path: Path) -> float:
    families = text_string_to_metric_families(path.read_text(encoding="utf-8"))
    return sum(
        sample.value
        for family in families
        if family.name == FAMILY
        for sample in family.samples
        if sample.name == f"{FAMILY}_total"
    )
