"""One request at a contender: its loads are the origin's, its wait has a bound, and a failed load stays one."""

import asyncio
import math

from app.deadlines import Deadlines
from app.sealing import Unsealable, seal
from app.strategy import Lab, Loader, LoadReason, OriginFailed, Shed, Status

FAILURES_MAX = 10_000
"""Keys whose last failed load is remembered."""


class LibraryFailed(Exception):
    """A library raised an error of its own, or answered what is no value; the text has its words."""

    is_corrupt = False
    """Whether it answered bytes that no load gave."""


class Failures:
    """The last failed load of each key in this pod: a library may tell those who wait for it in words of its own."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[float, OriginFailed | Shed]] = {}

    def note(self, key: str, failed: OriginFailed | Shed, now_s: float) -> None:
        """Remember a failure; beyond `FAILURES_MAX` keys those of before are forgotten."""
        if len(self._last) >= FAILURES_MAX:
            self._last.clear()
        self._last[key] = now_s, failed

    def since(self, began_s: float, key: str) -> OriginFailed | Shed | None:
        """The last failure of a load of the key, if that was not before `began_s`."""
        at_s, failed = self._last.get(key, (-math.inf, None))
        # it may be raised many times, and would grow by a traceback with each
        return failed.with_traceback(None) if failed is not None and at_s >= began_s else None


class Asking:
    """One request at a contender, with the loads that it was asked for."""

    __slots__ = (
        "_cancelled_before", "_failures", "_given_up", "_lab", "_load", "_loading", "_task", "_waits",
        "answered_as", "began_s", "has_ended", "key", "sealed",
    )  # fmt: skip

    def __init__(self, lab: Lab, waits: "Deadlines[Asking]", failures: "Failures", key: str, load: Loader) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lab, self._waits, self._failures, self.key, self._load, self._task = lab, waits, failures, key, load, task
        self._cancelled_before, self._given_up, self._loading = task.cancelling(), 0, 0
        self.began_s = lab.clock.now_s()
        self.answered_as: Status | None = None
        self.has_ended = False
        self.sealed: bytes | None = None
        waits.begin(self)

    async def load(self) -> bytes:
        """The library's loader: the origin's answer, sealed. It may be called when the request has its answer."""
        if not self._loading:
            self._waits.end(self)  # the wait for an own load is bounded by the origin
        self._loading += 1
        try:
            loaded = await self._load(self._reason)
        except (OriginFailed, Shed) as failed:
            self._failures.note(self.key, failed, self._lab.clock.now_s())
            raise
        finally:
            self._loading -= 1
            if not (self._loading or self.has_ended):
                self._waits.begin(self)
        try:
            self.sealed = seal(loaded, self._lab.clock.now_s())
        except Unsealable as error:  # the origin's, and no fault of the library
            raise OriginFailed(f"no library may cache the item: {error}") from None
        return self.sealed

    @property
    def _reason(self) -> LoadReason:
        """Why the library loads: behind an answer it replaces what was answered, and else a request may wait."""
        if self.answered_as is None:
            return LoadReason.MISS
        return LoadReason.REFRESH if self.answered_as is Status.STALE else LoadReason.EARLY

    def give_up(self) -> None:
        """End a wait that has lasted for too long, as if its client had gone; once more where that is swallowed."""
        self._given_up += 1
        self._task.cancel()
        self._waits.begin(self)

    def end(self) -> None:
        self.has_ended = True
        self._waits.end(self)
        for _ in range(self._given_up):
            self._task.uncancel()

    @property
    def is_cancelled(self) -> bool:
        """Whether the request itself was cancelled, as it is when its client goes."""
        return self._task.cancelling() - self._cancelled_before > self._given_up

    @property
    def given_up(self) -> Shed | None:
        """The end of a wait that has lasted for too long; None where it has not."""
        if not self._given_up:
            return None
        return Shed(f"no answer within {self._lab.wait_s_max:g} s of waiting (wait_ms_max)")
