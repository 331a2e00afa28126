"""Redis's own table of commands: what each does, as far as errors and faults depend on it."""

from functools import cache

from fakeredis.model import get_all_commands_info

NULL_ARRAYS = frozenset(
    {"exec", "blpop", "brpop", "blmpop", "lmpop", "bzpopmin", "bzpopmax", "bzmpop", "zmpop", "xread", "xreadgroup"}
)
"""Commands whose null is one of a list."""
NULL_ARRAYS_BY_COUNT = frozenset({"lpop", "rpop"})
"""Commands whose null is one of a list where they are asked for a number of values."""
SETS = frozenset({"smembers", "sinter", "sunion", "sdiff"})
"""Commands that reply with a set."""
WHILE_SUBSCRIBED = frozenset(
    {"subscribe", "unsubscribe", "psubscribe", "punsubscribe", "ssubscribe", "sunsubscribe", "ping", "quit", "reset"}
)
"""Commands that a RESP2 connection may send while it is subscribed."""
NOT_QUEUED = frozenset({"multi", "watch"})
"""Commands that have no place in a transaction."""


@cache
def flags_of(name: str) -> frozenset[str]:
    """The flags of a command, `get` or `client id`; none for one that the table does not have."""
    whole, _, part = name.partition(" ")
    info = get_all_commands_info().get(whole.encode())
    if info is None:
        return frozenset()
    if part:
        full = f"{whole}|{part}".encode()
        info = next((one for one in info[9] if one[0] == full), info)
    return frozenset(flag.decode() for flag in info[2])
