"""A contender as a strategy: its loads are the lab's, and what it caches says when it was loaded.

The library caches sealed bytes (`app.sealing`), so that status, age and cost of an answer follow from the answer. It
gets a `Site` and a loader of bytes, and nothing else of the lab.
"""

import asyncio
import logging
import math
from typing import ClassVar

from app.contender import Contender, Site
from app.deadlines import Deadlines
from app.parameters import Parameter
from app.prefixes import keys_begin_with
from app.sealing import Unsealable, seal, unseal
from app.sparing_log import SparingLog
from app.strategy import Lab, Loader, LoadReason, Lookup, Mechanism, OriginFailed, Shed, Status, Strategy

log = SparingLog(logging.getLogger(__name__))

CLOSE_S_MAX = 5.0
"""The longest that a library may take to close, seconds."""
CAUSES_MAX = 10
"""The errors behind an error, each the cause of the one before, that are looked through."""


class LibraryFailed(Exception):
    """A library raised an error of its own, or answered what is no value; the text has its words."""


class ContenderStrategy(Strategy):
    """The strategy that asks a contender; `strategy_of` makes one of each."""

    runs_by_default = False
    over_the_wire = True
    contender: ClassVar[type[Contender]]

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._site = Site(lab.redis_url, lab.ttl_s, lab.peers.own_name, keys_begin_with(self.name), lab.wait_s_max)
        self._at_work: Contender | None = None
        self._waits = Deadlines[_Asking](lab.wait_s_max, _Asking.give_up)

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """The parameters of the contender."""
        return cls.contender.parameters()

    def mechanism(self) -> Mechanism:
        stated = self.contender.stated({name: getattr(self, name) for name in self.parameters()})
        return Mechanism.unknown(window_s=stated.serves_stale_s(self.ttl_s))

    def oldest_s(self) -> float:
        """No bound: whatever a library answers is a figure of its behaviour, and old answers are counted as such."""
        return math.inf

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        asking = _Asking(self.lab, self._waits, load)
        try:
            contender = self._at_work or self._begin_work()
            value = await contender.get(key, asking.load)
            sealed = unseal(value)
        except (OriginFailed, Shed):
            raise
        except asyncio.CancelledError as cancelled:
            raise asking.why_cancelled(cancelled) from None
        except Exception as error:
            raise self._failure(asking, error) from error
        finally:
            asking.end()
        entry = sealed.loaded.as_entry(self.ttl_s)
        if value == asking.sealed:
            return Lookup(Status.MISS, entry)
        if not entry.is_fresh(self.lab.clock.now_s()):
            asking.found_stale = True
            return Lookup(Status.STALE, entry)
        return Lookup(Status.COLLAPSED if sealed.ended_s > asking.began_s else Status.HIT, entry)

    def _begin_work(self) -> Contender:
        self._at_work = self.contender.at(self._site, self.lab.params)
        return self._at_work

    def _failure(self, asking: "_Asking", error: Exception) -> Exception:
        """The error that ends the request: the failure of its load, whatever the library makes of it, or its own."""
        cause: BaseException | None = error
        for _ in range(CAUSES_MAX):
            if isinstance(cause, OriginFailed | Shed):
                return cause
            cause = None if cause is None else cause.__cause__ or cause.__context__
        if asking.failed is not None:
            return asking.failed
        words = f"answered {error}" if isinstance(error, Unsealable) else f"raised {error!r:.500}"
        log.warning(f"{self.name}/{type(error).__name__}", "%s %s", self.name, words)
        return LibraryFailed(f"{self.contender.library} {words}")

    async def aclose(self) -> None:
        self._waits.close()
        contender, self._at_work = self._at_work, None
        if contender is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await contender.aclose()
        except Exception as error:
            log.warning(f"{self.name}/close", "%s could not be closed: %r", self.name, error)


class _Asking:
    """One request at a contender, with the loads that it was asked for."""

    __slots__ = (
        "_cancelled_before", "_is_late", "_lab", "_load", "_loading", "_task", "_waits",
        "began_s", "failed", "found_stale", "has_ended", "sealed",
    )  # fmt: skip

    def __init__(self, lab: Lab, waits: "Deadlines[_Asking]", load: Loader) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._lab, self._waits, self._load, self._task = lab, waits, load, task
        self._cancelled_before, self._is_late, self._loading = task.cancelling(), False, 0
        self.began_s = lab.clock.now_s()
        self.failed: OriginFailed | Shed | None = None
        self.found_stale = self.has_ended = False
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
            self.failed = failed
            raise
        finally:
            self._loading -= 1
            if not (self._loading or self.has_ended):
                self._waits.begin(self)
        self.sealed = seal(loaded, self._lab.clock.now_s())
        return self.sealed

    @property
    def _reason(self) -> LoadReason:
        """Why the library loads: behind an answer that was given it replaces that, and else a request may wait."""
        if not self.has_ended:
            return LoadReason.MISS
        return LoadReason.REFRESH if self.found_stale else LoadReason.EARLY

    def give_up(self) -> None:
        """End a wait that has lasted for too long, as if its client had gone."""
        self._is_late = True
        self._task.cancel()

    def end(self) -> None:
        self.has_ended = True
        self._waits.end(self)
        if self._is_late:
            self._task.uncancel()

    def why_cancelled(self, cancelled: asyncio.CancelledError) -> BaseException:
        """The meaning of a cancellation: the client's, the end of a wait, or one that the library hands on."""
        by_others = self._task.cancelling() - self._cancelled_before - self._is_late
        if by_others > 0:
            return cancelled
        if self._is_late:
            return Shed(f"no answer within {self._lab.wait_s_max:g} s of waiting (wait_ms_max)")
        return LibraryFailed("a CancelledError, although the request was not cancelled")


def strategy_of(name: str, contender: type[Contender]) -> type[ContenderStrategy]:
    """The strategy of that name that asks the contender."""
    made = type(
        contender.__name__,
        (ContenderStrategy,),
        {
            "__doc__": contender.__doc__,
            "__module__": contender.__module__,
            "runs_by_default": False,
            "contender": contender,
            "not_virtual": contender.not_virtual,
        },
    )
    assert issubclass(made, ContenderStrategy)
    made.name = contender.name = name
    return made
