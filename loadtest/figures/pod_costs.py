"""The memory and the logs of a run's pods, as the records have them."""

import json
from pathlib import Path

MEMORY = "memory.json"
"""The peak memory of each pod's process, bytes by the pod's name."""


def peak_of_process(pid: int) -> int | None:
    """The most memory that a process has had resident, bytes; None where the system does not tell (`/proc`)."""
    try:
        lines = Path(f"/proc/{pid}/status").read_text(encoding="ascii", errors="replace").splitlines()
    except OSError:
        return None
    for line in lines:
        if line.startswith("VmHWM:"):
            return 1024 * int(line.split()[1])
    return None


def memory_peak_mb(raw: Path) -> float | None:
    """The peak memory of the pod that took the most, in MB; None where it is not known. Raises OSError, ValueError."""
    path = raw / MEMORY
    if not path.exists():
        return None
    peaks = [peak for peak in json.loads(path.read_text(encoding="utf-8")).values() if peak is not None]
    return round(max(peaks) / 1e6, 1) if peaks else None


def log_bytes(raw: Path) -> int | None:
    """The bytes that all pods have logged; None where their logs are not among the records."""
    sizes = [path.stat().st_size for path in raw.glob("pod-*.log")]
    return sum(sizes) if sizes else None
