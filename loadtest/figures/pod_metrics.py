"""The metrics that a pod told, as records keep them: only those that are asked for are parsed, which is most of it."""

from collections.abc import Iterable, Iterator
from pathlib import Path

from prometheus_client import Metric
from prometheus_client.parser import text_string_to_metric_families


def families(path: Path, names: Iterable[str]) -> Iterator[Metric]:
    """The metrics in a file whose names begin with one of `names`. Raises OSError, and ValueError for another text."""
    begins = tuple(f"{kind}{name}" for name in names for kind in ("", "# HELP ", "# TYPE "))
    lines = path.read_text(encoding="utf-8").splitlines(keepends=True)
    yield from text_string_to_metric_families("".join(line for line in lines if line.startswith(begins)))
