"""The standing of Redis with a pod: whether it answers, is supported, and when it may be asked again."""

import logging
import time
from collections.abc import Callable

from redis.exceptions import AuthenticationError, AuthorizationError, ResponseError

from app.strategy import CacheAway

log = logging.getLogger(__name__)

VERSION_MIN = (6, 2)
"""The first version of Redis with SET PXAT; other servers that speak its protocol have versions of their own."""


class ServerRefused(CacheAway):
    """Redis answered with an error."""


class Unsupported(ValueError):
    """A Redis that the lab does not work with; the text says why."""


class Standing:
    """The standing of Redis with one pod. Every command is checked here first, and reports here how it ended."""

    def __init__(self, pause_s: float, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        """`pause_s` is how long Redis is left alone after a failure."""
        self._pause_s = pause_s
        self._monotonic_s = monotonic_s
        self._try_again_s = 0.0
        self._is_introduced = True
        self.must_be_met = True
        """Whether HELLO must be asked (again): Redis may have been replaced while it was away."""
        self.is_away = False
        """Whether the last command that was sent was not answered in time."""
        self.unsupported: str | None = None
        """Why the lab does not use this Redis, although it answers; None where it does."""
        self.is_open = True
        """Whether commands may be sent; where it is False, `check` raises the reason."""

    def check(self, is_meeting: bool = False) -> None:
        """Raise `CacheAway` while no command may be sent; one of a meeting (HELLO, TIME) may be, but in the pause."""
        if self.is_open:
            return
        if self.is_away and self._monotonic_s() < self._try_again_s:
            raise CacheAway(f"Redis did not answer and is left alone for {self._pause_s:g} s (redis_pause_ms)")
        if is_meeting:
            return
        if self.unsupported is not None:
            raise CacheAway(self.unsupported)
        if not self._is_introduced:
            raise CacheAway("Redis has not answered yet since this pod began")

    def sending(self) -> float:
        """The moment of sending, monotonic seconds, to be handed to `answered`."""
        return self._monotonic_s()

    def answered(self, sent_s: float) -> None:
        """Report an answer in time; one to a command from before the last failure changes nothing."""
        if self.is_away and sent_s >= self._try_again_s:
            self.is_away = False
            self._look()

    def refused(self, sent_s: float) -> None:
        """Report an answer that is an error: Redis may have been replaced, and is asked HELLO again."""
        self.must_be_met = True
        self.answered(sent_s)

    def failed(self) -> None:
        """Report a command without an answer in time."""
        self.is_away = self.must_be_met = True
        self._try_again_s = self._monotonic_s() + self._pause_s
        self._look()

    def met(self, complaint: str | None) -> None:
        """Report the answer to HELLO; `complaint` is why the lab does not support it, or None."""
        if complaint is not None and complaint != self.unsupported:
            log.error("%s; answers come from the origin", complaint)
        self.must_be_met, self.unsupported = complaint is not None, complaint
        self._look()

    def introduced(self, is_introduced: bool = True) -> None:
        """Report whether Redis is supported and has told its time, so that it may be used."""
        self._is_introduced = is_introduced
        self._look()

    def __str__(self) -> str:
        if self.unsupported is not None:
            return f"unsupported: {self.unsupported}"
        return "up" if self.is_open else "away"

    def _look(self) -> None:
        self.is_open = self._is_introduced and not self.is_away and self.unsupported is None


def translated(command: str, error: Exception) -> CacheAway:
    """Any error of a Redis client as `CacheAway`, or as `ServerRefused` where Redis answered with an error."""
    if isinstance(error, CacheAway):
        return error
    kind = ServerRefused if isinstance(error, ResponseError | AuthenticationError | AuthorizationError) else CacheAway
    return kind(f"{command}: {type(error).__name__}: {error}")


def complaint_of(hello: object) -> str | None:
    """Why the lab does not work with a server that answers HELLO like this, in one sentence; None where it does."""
    if isinstance(hello, list) and len(hello) % 2 == 0:
        hello = dict(zip(hello[::2], hello[1::2], strict=True))
    if not isinstance(hello, dict):
        return f"this is no Redis that the lab knows: it answers HELLO with {hello!r}"
    said = {_text(name): _text(value) for name, value in hello.items()}
    name, version, mode, role = (said.get(key, "") for key in ("server", "version", "mode", "role"))
    if mode in ("cluster", "sentinel"):
        return f"this Redis runs in {mode} mode, and the lab needs a standalone one: a lock and its entry are one step"
    if role not in ("master", "primary"):
        return f"this Redis is a {role or 'server without a role'}, and the lab needs a primary, which takes writes"
    if name == "redis" and _number(version) < VERSION_MIN:
        return f"this is Redis {version}, and the lab needs {'.'.join(map(str, VERSION_MIN))} or later: for SET PXAT"
    return None


def _text(value: object) -> str:
    return value.decode(errors="replace") if isinstance(value, bytes) else str(value)


def _number(version: str) -> tuple[int, ...]:
    return tuple(int(part) for part in version.split(".") if part.isdecimal())
