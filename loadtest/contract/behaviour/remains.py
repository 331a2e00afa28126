"""Remains of a contender: keys in Redis, what they hold, commands per hit, tasks and connections after its end."""

import asyncio
import re
from collections import Counter
from collections.abc import Sequence

from loadtest.contract.behaviour.bench import KeyHeld, ProbeBench, counted
from loadtest.contract.behaviour.probe import Answered

KEYS = 20
HITS = 20
LATER_TTLS = 4
CLOSED_WITHIN_S = 1.0
"""Seconds after `aclose` in which tasks and connections may end."""
NAMED_MAX = 3


async def left_behind(bench: ProbeBench) -> Answered:
    """Look for keys without an expiry, and after `aclose` for tasks and connections."""
    before = asyncio.all_tasks()
    for _ in range(2):
        await bench.traffic(bench.scale.ttl_s, KEYS, KEYS)
    held = await bench.redis.keys()
    lasting = [key for key in held if key.ttl_s is None]
    await asyncio.sleep(LATER_TTLS * bench.scale.ttl_s)
    later = len(await bench.redis.keys())
    errors = await bench.aclose()
    await asyncio.sleep(CLOSED_WITHIN_S)
    tasks = asyncio.all_tasks() - before - {asyncio.current_task()}
    connections = await bench.redis.connections()
    left = {
        f"{counted(len(lasting), 'key')} without an expiry{_patterns(lasting)}": len(lasting),
        counted(len(tasks), "task"): len(tasks),
        counted(connections, "connection"): connections,
        f"{counted(len(errors), 'error')} of aclose": len(errors),
    }
    found = [text for text, count in left.items() if count]
    return Answered(
        not found,
        f"It leaves {', '.join(found) or 'nothing'} behind; of {len(held)} keys {later} were in Redis "
        f"{LATER_TTLS} TTLs after the last request.",
        "nothing" if not found else re.sub(r" \(.*", "", found[0]),
        {"keys": len(held), "keys_without_expiry": len(lasting), "keys_later": later, "tasks": len(tasks)}
        | {"connections": connections, "errors": len(errors)},
    )


async def footprint(bench: ProbeBench) -> Answered:
    """Load one key, ask for it again, and look what Redis holds and was sent."""
    await bench.ask("before", 0)  # which has connected
    before = Counter(await bench.redis.commands())
    await bench.ask("k0", 0)
    loaded = Counter(await bench.redis.commands())
    held = [key for key in await bench.redis.keys() if "before" not in key.name]
    own = Counter(await bench.redis.commands())
    hits = [await bench.ask("k0", 0) for _ in range(HITS)]
    sent = Counter(await bench.redis.commands())
    misses, per_hit = loaded - before, (sent - own).total() / len(hits)
    names = ", ".join(f"{name} {count / len(hits):.3g}" for name, count in (sent - own).most_common())
    value_bytes = sum(key.value_bytes for key in held)
    elsewhere = [key for key in held if not key.name.startswith(bench.prefix)]
    return Answered(
        None,
        f"For one value of {bench.origin.padding_bytes} bytes Redis holds {counted(len(held), 'key')} of "
        f"{value_bytes} bytes{_patterns(held)}, {len(elsewhere)} outside its prefix; a load sent "
        f"{misses.total()} commands, and a hit {per_hit:.3g}{f' ({names})' if names else ''}.",
        f"{counted(len(held), 'key')}, {per_hit:.3g}/hit",
        {"keys": len(held), "bytes": value_bytes, "keys_elsewhere": len(elsewhere)}
        | {"commands_per_load": misses.total(), "commands_per_hit": per_hit},
    )


def _patterns(keys: Sequence[KeyHeld]) -> str:
    """The names of keys with their numbers left out, in brackets; empty without one."""
    names = Counter(re.sub(r"[0-9a-f]{8,}|\d+", "*", key.name) for key in keys).most_common(NAMED_MAX)
    return f" ({', '.join(name for name, _ in names)})" if names else ""
