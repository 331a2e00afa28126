"""A contender as a strategy: its loads are the lab's, and what it caches says when it was loaded.

The library caches sealed bytes (`app.sealing`), so that status, age and cost of an answer follow from the answer. It
gets a `Site` and a loader of bytes, and nothing else of the lab.
"""

import asyncio
import logging
import math
from typing import ClassVar
from urllib.parse import urlsplit

from app.contender import Contender, Site
from app.contender_request import Asking, Failures, LibraryFailed
from app.deadlines import Deadlines
from app.parameters import Parameter
from app.prefixes import keys_begin_with
from app.sealing import Unsealable, unseal
from app.sparing_log import SparingLog
from app.strategy import Lab, Loader, Lookup, Mechanism, OriginFailed, Shed, Status, Strategy

log = logging.getLogger(__name__)

CLOSE_S_MAX = 5.0
"""The longest that a library may take to close, seconds."""
WORDS_MAX = 500
"""The length at which the words of a library's error are cut."""
CAUSES_MAX = 10
"""The errors behind an error, each the cause of the one before, that are looked through."""


class ContenderStrategy(Strategy):
    """The strategy that asks a contender; `strategy_of` makes one of each."""

    runs_by_default = False
    over_the_wire = True
    contender: ClassVar[type[Contender]]

    def __init__(self, lab: Lab) -> None:
        super().__init__(lab)
        self._site = Site(lab.redis_url, lab.ttl_s, lab.peers.own_name, keys_begin_with(self.name), lab.wait_s_max)
        self._at_work: Contender | None = None
        self._waits = Deadlines[Asking](lab.wait_s_max, Asking.give_up)
        self._failures = Failures()
        self._sparing = SparingLog(log)

    @classmethod
    def parameters(cls) -> dict[str, Parameter]:
        """The parameters of the contender."""
        return cls.contender.parameters()

    def mechanism(self) -> Mechanism:
        stated = self.contender.stated({name: getattr(self, name) for name in self.parameters()})
        return Mechanism.unknown(window_s=stated.serves_stale_s(self.ttl_s)).lagging(stated.lags_s(self.ttl_s))

    def oldest_s(self) -> float:
        """No bound: whatever a library answers is a figure of its behaviour, and old answers are counted as such."""
        return math.inf

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        asking = Asking(self.lab, self._waits, self._failures, key, load)
        try:
            contender = self._at_work or self._begin_work()
            value = await contender.get(key, asking.load)
            sealed = unseal(value)
        except (OriginFailed, Shed):
            raise
        except asyncio.CancelledError as error:
            if asking.is_cancelled:
                raise
            raise asking.given_up or self._failure(asking, error) from error
        except Exception as error:
            raise self._failure(asking, error) from error
        finally:
            asking.end()
        entry = sealed.loaded.as_entry(self.ttl_s)
        if value == asking.sealed:
            status = Status.MISS
        elif not entry.is_fresh(self.lab.clock.now_s()):
            status = Status.STALE
        else:
            status = Status.COLLAPSED if sealed.ended_s > asking.began_s else Status.HIT
        asking.answered_as = status
        return Lookup(status, entry)

    def _begin_work(self) -> Contender:
        self._at_work = self.contender.at(self._site, self.lab.params)
        return self._at_work

    def _failure(self, asking: Asking, error: BaseException) -> Exception:
        """The error that ends the request: the failure of its load, whatever the library makes of it, or its own."""
        cause: BaseException | None = error
        for _ in range(CAUSES_MAX):
            if isinstance(cause, OriginFailed | Shed):
                return cause
            cause = None if cause is None else cause.__cause__ or cause.__context__
        if (failed_load := self._failures.since(asking.began_s, asking.key)) is not None:
            return failed_load
        is_corrupt = isinstance(error, Unsealable)
        words = f"answered {error}" if is_corrupt else f"raised {self._without_secrets(repr(error)):.{WORDS_MAX}}"
        self._sparing.warning(f"{self.name}/{type(error).__name__}", "%s %s", self.name, words)
        failed = LibraryFailed(f"{self.contender.library} {words}")
        failed.is_corrupt = is_corrupt
        return failed

    def _without_secrets(self, words: str) -> str:
        from app.redis_url import shown  # here: it brings Redis's client, which no report needs

        url = self._site.redis_url
        words = words.replace(url, shown(url))
        password = urlsplit(url).password
        return words.replace(password, "***") if password else words

    async def aclose(self) -> None:
        self._waits.close()
        contender, self._at_work = self._at_work, None
        if contender is None:
            return
        try:
            async with asyncio.timeout(CLOSE_S_MAX):
                await contender.aclose()
        except Exception as error:
            self._sparing.warning(f"{self.name}/close", "%s could not be closed: %r", self.name, error)


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
            "library": contender.library,
            "not_virtual": contender.not_virtual,
        },
    )
    assert issubclass(made, ContenderStrategy)
    made.name = contender.name = name
    return made
