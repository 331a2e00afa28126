"""Run directories as a bench leaves them, with figures to order."""

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

ENVIRONMENT: dict[str, Any] = {
    "started_at": "2026-01-02T03:04:05+00:00",
    "commit": "abc1234def",
    "machine": {"cpu": "Some CPU", "cores": 2},
}
FIGURES: dict[str, Any] = {
    "scenario": "one-key", "world": "native", "seed": 7, "pods": 3, "loop": "open", "duration_s": 60.0,
    "target_rate": 400.0, "requests": 24_000, "achieved_rate": 400.0, "hit_ratio": 0.97, "origin_reads": 739,
    "origin_peak_1s": 61, "p50_ms": 1.8, "p95_ms": 12.3, "p99_ms": 212.3, "age_p50_s": 2.5, "age_p99_s": 5.1,
    "statuses": {"hit": 23_000, "stale": 280}, "reads_by_reason": {"miss": 739}, "errors": 0, "wrong_answers": 0,
    "wrong_answer_kinds": {}, "incidents": [], "valid": True,
}  # fmt: skip


def repeats(strategy: str, n: int = 5, **figures: Any) -> list[dict[str, Any]]:
    """Rows; a figure that is given as a list has one value per repeat."""
    return [
        {**FIGURES, "strategy": strategy, "repeat": number + 1}
        | {name: value[number] if isinstance(value, list) else value for name, value in figures.items()}
        for number in range(n)
    ]


def write_run(
    folder: Path, rows: Sequence[Mapping[str, Any]], scenario: Mapping[str, Any] | None = None, **about: Any
) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "summary.json").write_text(json.dumps({"schema": 2, "runs": rows}))
    (folder / "environment.json").write_text(json.dumps({**ENVIRONMENT, **about}))
    if scenario is not None:
        (folder / "scenario.json").write_text(json.dumps(scenario))
    return folder
