"""What pods take beside CPU: memory by the system's own account, and bytes of log."""

import json
import os
from pathlib import Path

import pytest

from loadtest.figures.pod_costs import MEMORY, log_bytes, memory_peak_mb, peak_of_process


@pytest.mark.skipif(not Path("/proc/self/status").exists(), reason="the system has no /proc")
def test_the_peak_of_a_process_grows_with_what_it_takes() -> None:
    before = peak_of_process(os.getpid())
    taken = b"x" * 300_000_000
    after = peak_of_process(os.getpid())
    assert before is not None
    assert after is not None
    assert after >= len(taken)
    assert after >= before


def test_what_is_not_told_is_unknown(tmp_path: Path) -> None:
    assert peak_of_process(2**30) is None
    assert memory_peak_mb(tmp_path) is log_bytes(tmp_path) is None
    (tmp_path / MEMORY).write_text(json.dumps({"pod-1": None}))
    assert memory_peak_mb(tmp_path) is None


def test_memory_is_that_of_the_largest_pod_and_logs_are_of_pods_alone(tmp_path: Path) -> None:
    (tmp_path / MEMORY).write_text(json.dumps({"pod-1": 60_000_000, "pod-2": 72_340_000, "pod-3": None}))
    for name, size in {"pod-1.log": 100, "pod-2.log": 20, "redis.log": 1_000}.items():
        (tmp_path / name).write_bytes(b"." * size)
    assert memory_peak_mb(tmp_path) == 72.3
    assert log_bytes(tmp_path) == 120
