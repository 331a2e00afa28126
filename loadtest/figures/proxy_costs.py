"""The CPU time of the proxies in front of the pods, as the records have it: it belongs to what an answer costs."""

import json
from pathlib import Path

from loadtest.figures.redis_commands import AFTER, BEFORE, pods_cpu_s

PROXIES = "proxies.json"
"""The end of the name of a file of CPU seconds, behind `BEFORE` the load or `AFTER` it.

They stand by the proxy's name and the id of its process.
"""


def service_cpu_s(raw: Path) -> float | None:
    """CPU seconds of all pods, and of the proxies in front of them, during the load; None where they are not known.

    Raises OSError, and ValueError for a file that is none.
    """
    pods_s = pods_cpu_s(raw)
    if pods_s is None or not (raw / f"{BEFORE}{PROXIES}").exists():
        return pods_s
    proxies_s = _proxies_cpu_s(raw)
    return None if proxies_s is None else pods_s + proxies_s


def _proxies_cpu_s(raw: Path) -> float | None:
    """CPU seconds of the proxies during the load; None where one of their processes has ended or begun meanwhile."""
    if not (raw / f"{AFTER}{PROXIES}").exists():
        return None
    before, after = (json.loads((raw / f"{when}{PROXIES}").read_text(encoding="utf-8")) for when in (BEFORE, AFTER))
    if {name: set(pids) for name, pids in before.items()} != {name: set(pids) for name, pids in after.items()}:
        return None
    return float(sum(after[name][pid] - then_s for name, pids in before.items() for pid, then_s in pids.items()))
