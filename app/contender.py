"""The vocabulary of contenders: everything that a caching library is given.

A contender imports this module, its library and the standard library, nothing else. It has a Redis URL, a TTL and a
loader, as in any application. `app.contender_strategy` makes a strategy of it, so that every world counts its requests,
loads, answers and ages as it does for any other.
"""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass
from typing import ClassVar, Self

from app.contender_keys import KeyOfPod
from app.contender_threads import Threads, blocking
from app.parameters import HasParameters, Parameter, parameter
from app.strategy import OriginFailed, Shed

__all__ = [
    "Contender",
    "KeyOfPod",
    "LoadValue",
    "OriginFailed",
    "Parameter",
    "Shed",
    "Site",
    "Threads",
    "blocking",
    "parameter",
]

LoadValue = Callable[[], Awaitable[bytes]]
"""Asks the origin for the value of this request's key, which is counted and limited. Raises `OriginFailed` or `Shed`.

Its bytes mean nothing to the library, which answers them as they are; `app.sealing.BODY_BYTES_MAX` bounds them.
"""


@dataclass(frozen=True, slots=True)
class Site:
    """The place where a contender works: one pod of several that share a Redis."""

    redis_url: str
    """The URL of Redis, which may hold a password and options."""
    ttl_s: float
    """How long a value is fresh, seconds."""
    pod: str
    """The name of this pod."""
    prefix: str
    """The text that every key of the contender begins with, and that what it stores beside them should begin with."""
    wait_s_max: float
    """The longest time for which a request may wait for another one's load, seconds."""


class Contender(HasParameters, ABC):
    """A caching library as its documentation has it used, asked from many tasks at once.

    One is made in each pod that asks it, in a running event loop, at its first request. A file with several settings
    has a class for each. The name is the file's, with `_` and the setting where there is one.
    """

    library: ClassVar[str] = ""
    """The name of the distribution, as it is installed."""
    setting: ClassVar[str] = ""
    """The word that tells this setting of the library from others; empty for its default."""
    documentation: ClassVar[str] = ""
    """The URL of the page that the settings are taken from."""
    not_virtual: ClassVar[str] = ""
    """The reason why it cannot run in virtual time, such as threads of its own; empty where it can."""

    def __init__(self, site: Site) -> None:
        """Set the library up; parameters have their values already. It should connect later, with the first request."""
        self.site = site

    @classmethod
    def stated(cls, params: Mapping[str, float | str]) -> Self:
        """The contender with its parameters and no site: it can tell what it `serves_stale_s`, and answers nothing.

        Raises ValueError naming a parameter that is out of its bounds.
        """
        contender = cls.__new__(cls)
        for name, value in cls.checked_params(params).items():
            setattr(contender, name, value)
        return contender

    @classmethod
    def at(cls, site: Site, params: Mapping[str, float | str]) -> Self:
        """The contender at work at a site. Raises what its library raises, and ValueError naming a parameter."""
        contender = cls.stated(params)
        contender.__init__(site)  # type: ignore[misc]  # its parameters have their values before it runs
        return contender

    def serves_stale_s(self, ttl_s: float) -> float:
        """How long past that TTL its documentation says that it serves a value, seconds.

        It depends on the parameters alone.
        """
        return 0.0

    def lags_s(self, ttl_s: float) -> float:
        """How long after a value an older one may be answered, seconds: the TTL where pods keep entries of their own.

        It depends on the parameters alone.
        """
        return 0.0

    @abstractmethod
    async def get(self, key: str, load: LoadValue) -> bytes:
        """The bytes that a load of the key gave, from the library's cache or by `load`. It may raise anything."""

    async def aclose(self) -> None:
        """End the library's connections and background tasks."""
