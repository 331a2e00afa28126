"""The texts of a Redis that fakeredis has not, or not as Valkey has them."""

from collections.abc import Sequence

SERVER, VERSION = "valkey", (9, 1, 0)
"""The kind and version that are simulated: those of the embedded Redis of native runs."""
CONFIGURED = {
    "maxmemory": "0",
    "maxmemory-policy": "noeviction",
    "databases": "16",
    "timeout": "0",
    "save": "",
    "appendonly": "no",
}
"""The settings that CONFIG GET tells, beside those that were set."""
NO_ROOM = "OOM command not allowed when used memory > 'maxmemory'."
NO_SCRIPT = "NOSCRIPT No matching script."
NO_PASSWORD = (
    "ERR AUTH <password> called without any password configured for the default user. "
    "Are you sure your configuration is correct?"
)
ARGUMENTS_SHOWN_MAX = 128
"""Characters of arguments that the error about an unknown command shows."""


def not_while_subscribed(name: str) -> str:
    return (
        f"ERR Can't execute '{name}': only (P|S)SUBSCRIBE / (P|S)UNSUBSCRIBE / PING / QUIT / RESET "
        "are allowed in this context"
    )


def unknown(words: Sequence[bytes]) -> str:
    """The error about a command that is none."""
    name, *arguments = (word[:ARGUMENTS_SHOWN_MAX].decode(errors="replace") for word in words)
    shown = "".join(f"'{argument}' " for argument in arguments)[:ARGUMENTS_SHOWN_MAX]
    return f"ERR unknown command '{name}', with args beginning with: {shown}"


def info(entries: int) -> bytes:
    """The reply to INFO: no more than what clients look for."""
    version = ".".join(map(str, VERSION))
    return (
        f"# Server\r\nredis_version:7.2.4\r\nserver_name:{SERVER}\r\nvalkey_version:{version}\r\n"
        f"redis_mode:standalone\r\n# Replication\r\nrole:master\r\n# Keyspace\r\ndb0:keys={entries}\r\n"
    ).encode()
