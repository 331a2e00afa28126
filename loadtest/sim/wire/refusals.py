"""The error replies of a Redis that does not execute commands, each to the commands that a real one refuses so."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import StrEnum


@dataclass(frozen=True, slots=True)
class AskedCommand:
    """A command that is about to be executed, sent by a client or called by a script."""

    name: str
    """The name in lower case, with its subcommand: `get`, `client id`."""
    words: Sequence[bytes]
    """The arguments after the name."""
    flags: frozenset[str]
    """The flags of Redis's own table of commands: `write`, `denyoom`, `loading`, `no_auth`, `allow_busy`."""
    has_keys: bool
    """Whether it names a key."""
    script: bytes | None
    """The text of the script that it runs, or that calls it."""
    is_called: bool
    """Whether a script calls it."""
    host: str
    """The name of the host that asks."""


class ReplyCode(StrEnum):
    """The reasons for which a Redis answers with an error, by the error's code."""

    READONLY = "READONLY"
    OOM = "OOM"
    BUSY = "BUSY"
    NOPERM = "NOPERM"
    LOADING = "LOADING"
    MOVED = "MOVED"


@dataclass(frozen=True, slots=True)
class CommandRefusal:
    """An error that some commands get; `applies` narrows it to some of those that a real Redis refuses so."""

    kind: ReplyCode
    applies: Callable[[AskedCommand], bool] = lambda _: True

    def reply_to(self, asked: AskedCommand) -> str | None:
        """The text of the error, or None where the command is executed."""
        if not _CAN_BE[self.kind](asked) or not self.applies(asked):
            return None
        return _TEXTS[self.kind].format(name=asked.name.replace(" ", "|"))


_TEXTS = {
    ReplyCode.READONLY: "READONLY You can't write against a read only replica.",
    ReplyCode.OOM: "OOM command not allowed when used memory > 'maxmemory'.",
    ReplyCode.BUSY: "BUSY Redis is busy running a script. You can only call SCRIPT KILL or SHUTDOWN NOSAVE.",
    ReplyCode.NOPERM: "NOPERM User default has no permissions to run the '{name}' command",
    ReplyCode.LOADING: "LOADING Redis is loading the dataset in memory",
    ReplyCode.MOVED: "MOVED 3999 127.0.0.1:6381",
}
_CAN_BE: dict[ReplyCode, Callable[[AskedCommand], bool]] = {
    ReplyCode.READONLY: lambda asked: "write" in asked.flags,
    ReplyCode.OOM: lambda asked: "denyoom" in asked.flags and asked.name not in {"subscribe", "psubscribe"},
    ReplyCode.BUSY: lambda asked: "allow_busy" not in asked.flags and not asked.is_called,
    ReplyCode.NOPERM: lambda asked: "no_auth" not in asked.flags and not asked.is_called,
    ReplyCode.LOADING: lambda asked: "loading" not in asked.flags and not asked.is_called,
    ReplyCode.MOVED: lambda asked: asked.has_keys and not asked.is_called,
}
