"""The commands of the service's own cache as Redis gets them: which of a cache's commands each is, and what it did.

A command is seen where Redis executes it, so that events come in the order in which things happened, whatever became of
the reply. Commands of anybody else, such as a library's, are none of the cache's and give no event.
"""

from collections.abc import Callable, Sequence

from app import scripts
from app.codec import Corrupt, decode
from app.scripts import Script
from app.strategy import Entry
from loadtest.sim.cluster import events
from loadtest.sim.cluster.redis_trouble import CommandRefused
from loadtest.sim.wire.refusals import AskedCommand
from loadtest.sim.wire.resp import ErrorReply
from loadtest.workload.faults import CacheCommand

_OF_SCRIPTS: dict[Script, CacheCommand] = {
    scripts.PUT: "put",
    scripts.SET: "set",
    scripts.DELETE: "delete",
    scripts.LOCK: "lock",
    scripts.RENEW: "renew",
    scripts.UNLOCK: "unlock",
    scripts.MARK: "unlock",
}
_BY_TEXT = {script.text.encode(): script for script in _OF_SCRIPTS}
_BY_DIGEST = {script.digest.encode(): script for script in _OF_SCRIPTS}
_PLAIN: dict[str, CacheCommand] = {"get": "get", "mget": "get", "set": "set", "time": "time"}
LOCK_ENDS = ":lock"


def cache_command(asked: AskedCommand) -> CacheCommand | None:
    """The command of a pod's cache that this is, or None where it is none."""
    if asked.script is None:
        return _PLAIN.get(asked.name)
    script = _BY_TEXT.get(asked.script)
    return None if script is None else _OF_SCRIPTS[script]


class CommandEvents:
    """The observer of executed commands, which emits what they did to entries and locks."""

    def __init__(
        self,
        emit: Callable[[object], None],
        kept_until_s: Callable[[bytes], float | None],
        reads_are_heard: bool,
    ) -> None:
        """Set up the observer; `kept_until_s` tells when a key ends, by Redis's clock."""
        self._emit, self._kept_until_s, self._reads_are_heard = emit, kept_until_s, reads_are_heard

    def executed(self, pod: str, name: str, words: Sequence[bytes], reply: object) -> None:
        """Take note of a command of that pod, by its name in lower case and the words after it."""
        if isinstance(reply, ErrorReply):
            if not reply.text.startswith("NOSCRIPT"):
                self._emit(events.CommandBroken(pod, name, CommandRefused(reply.text)))
        elif name == "mget":
            if self._reads_are_heard and isinstance(reply, list):
                for key, stored in zip(words, reply, strict=False):
                    self._emit(events.EntryRead(pod, key.decode(), _entry(stored)))
        elif name == "set" and len(words) > 3 and words[2] == b"PXAT":
            self._stored(pod, words[0], words[1], int(words[3]), None, reply is not None)
        elif name in ("eval", "evalsha"):
            script = (_BY_TEXT if name == "eval" else _BY_DIGEST).get(words[0])
            if script is not None and type(reply) is int:
                keys = int(words[1])
                self._ran(pod, script, words[2 : 2 + keys], words[2 + keys :], reply)

    def _ran(self, pod: str, script: Script, keys: Sequence[bytes], values: Sequence[bytes], reply: int) -> None:
        key = keys[0].decode().removesuffix(LOCK_ENDS)
        if script is scripts.SET:
            self._stored(pod, keys[0], values[0], int(values[1]), None, reply == 1)
            return
        token = values[0].decode() if script is not scripts.DELETE else ""
        if script is scripts.LOCK:
            if reply < 0:
                self._emit(events.MarkRead(pod, key, -reply / 1000))
            else:
                self._emit(events.LockAsked(pod, key, token, int(values[1]), reply == 1))
        elif script is scripts.PUT:
            self._stored(pod, keys[1], values[2], int(values[3]), token, reply == 1)
        elif script is scripts.RENEW:
            self._emit(events.LockRenewed(pod, key, token, int(values[1]), reply == 1))
        elif script is scripts.UNLOCK:
            self._emit(events.LockReleased(pod, key, token, reply == 1))
        elif script is scripts.MARK:
            self._emit(events.LockReleased(pod, key, token, reply == 1))
            if reply == 1:
                self._emit(events.KeyMarked(pod, key, int(values[2])))
        elif script is scripts.DELETE:
            self._emit(events.EntryDeleted(pod, key, reply == 1))

    def _stored(self, pod: str, key: bytes, stored: bytes, until_ms: int, token: str | None, is_stored: bool) -> None:
        if (entry := _entry(stored)) is not None:
            kept_until_s = self._kept_until_s(key)
            self._emit(events.EntryStored(pod, key.decode(), entry, until_ms, token, is_stored, kept_until_s))


def _entry(stored: object) -> Entry | None:
    """The entry of the lab in these bytes; None where they are none, such as what a library stores."""
    try:
        return decode(stored) if isinstance(stored, bytes) else None
    except Corrupt:
        return None
