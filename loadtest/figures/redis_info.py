"""Redis's own counters before and after a run, and the incidents between that they show.

A Redis that is emptied or begins anew answers every command at once, so that no pod notices. Every key is loaded once
more, and the figures are those of another world than the scenario states.
"""

import json
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from redis.asyncio import Redis
from redis.exceptions import RedisError

from loadtest.workload.scenario import Scenario

BEFORE, AFTER = "redis-before.json", "redis-after.json"
AT_LOAD = "redis-at-load.json"
"""The file of what a Redis that serves this run alone says as the load begins, behind the warm-up."""
EMPTYING = ("flushall", "flushdb")
"""The commands that empty Redis, as INFO names them."""
NOT_KNOWN = "Redis does not say what became of its keys: whether it was emptied or evicted any is not known"
ANSWER_WITHIN_S = 5.0


async def what_it_says(redis_url: str) -> dict[str, Any]:
    """The id of the Redis process, and what it has done to its keys so far; or `unknown` and the kind of error.

    The text of an error is left out: it may quote the URL, and with that its password.
    """
    try:
        async with Redis.from_url(redis_url, socket_timeout=ANSWER_WITHIN_S) as client:
            info = await client.info("all")
        calls = {name: int(info.get(f"cmdstat_{name}", {}).get("calls", 0)) for name in EMPTYING}
        return {
            "run_id": str(info["run_id"]),
            "evicted_keys": int(info["evicted_keys"]),
            "calls": calls,
            "commands": int(info.get("total_commands_processed", 0)),
        }
    except (RedisError, OSError, KeyError) as error:  # not permitted, not reachable, or without these fields
        return {"unknown": type(error).__name__}


def what_happened(raw: Path, scenario: Scenario) -> tuple[list[str], list[str]]:
    """The incidents that Redis's counters in `raw` show, each of which makes the run no result, and notes.

    What the scenario's faults do to Redis is none.
    """
    kinds = Counter(fault.variant for fault in scenario.faults)
    try:
        before, after = _read(raw / BEFORE), _read(raw / AFTER)
    except (OSError, ValueError, TypeError, KeyError, AttributeError):
        return [], [NOT_KNOWN]
    incidents = []
    if before["run_id"] != after["run_id"]:
        if not kinds["cache-away"]:
            incidents.append("Redis began anew during the run")
        before = dict.fromkeys(before, 0)  # the new process counts from nothing
    done = {name: after[name] - before[name] for name in after if name != "run_id"}
    done["flushall"] -= min(max(0, done["flushall"]), kinds["cache-flushed"])
    for name in EMPTYING:
        if done[name] > 0:
            times = "once" if done[name] == 1 else f"{done[name]:,} times"
            incidents.append(f"Redis was emptied during the run ({name.upper()}, {times})")
    if done["evicted_keys"] > 0 and not kinds["cache-full"]:
        incidents.append(f"Redis evicted {done['evicted_keys']:,} key{'s' * (done['evicted_keys'] > 1)} during the run")
    were_reset = any(count < 0 for count in done.values())
    return incidents, [NOT_KNOWN] if were_reset else []


def commands_executed(raw: Path) -> float | None:
    """The commands that Redis executed during the load, for whatever client, those inside scripts too.

    None where it served others beside this run, or began anew meanwhile.
    """
    try:
        begun, ended = (json.loads((raw / name).read_text(encoding="utf-8")) for name in (AT_LOAD, AFTER))
        return float(ended["commands"] - begun["commands"]) if begun["run_id"] == ended["run_id"] else None
    except (OSError, ValueError, TypeError, KeyError):
        return None


def _read(path: Path) -> Mapping[str, Any]:
    """The counters in a file. Raises OSError, ValueError, TypeError, KeyError or AttributeError if one is missing."""
    said = json.loads(path.read_text(encoding="utf-8"))
    calls = {name: int(said["calls"][name]) for name in EMPTYING}
    return {"run_id": str(said["run_id"]), "evicted_keys": int(said["evicted_keys"]), **calls}
