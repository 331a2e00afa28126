"""Settings by the prefix of keys, which every pod follows while it runs.

The table of all of them is one hash in Redis. A pod looks it up when a change is notified, and when a setting is used
after `settings_poll_ms` without a look. So a pod that uses none looks up nothing. While Redis is away the last known
values stand, each until its own end.
"""

import math
import re
from collections.abc import Awaitable, Callable, Iterable
from typing import NamedTuple

from app import budget
from app.tasks import Tasks

SETTINGS_MAX = 1_000
"""Settings that may stand at once."""
PREFIX_CHARS_MAX = 100
FOR_S_MIN, FOR_S_MAX = 0.001, 86_400.0
"""The bounds of the time for which a value stands, seconds."""
SETTINGS_KEY = "lab:settings"
"""The hash in Redis: "name prefix" by "value until", with the end of the value in ms since the epoch."""
_SETTING_NAME = re.compile(r"[a-z][a-z0-9_]{0,31}")


class PrefixSetting(NamedTuple):
    """A value that stands for all keys with a prefix, until a moment on the cache's clock."""

    prefix: str
    name: str
    value: float
    until_s: float


def check_setting(prefix: str, name: str, value: float, for_s: float) -> None:
    """Raise ValueError naming the bound that one of these is beyond."""
    if not _SETTING_NAME.fullmatch(name):
        raise ValueError(f"name must be a to z, 0 to 9 and _, at most 32 of them and a letter first, not {name!r:.80}")
    if len(prefix) > PREFIX_CHARS_MAX or not all("!" <= letter <= "~" for letter in prefix):
        raise ValueError(
            f"prefix must have at most {PREFIX_CHARS_MAX} characters of ASCII without blanks, not {prefix!r:.120}"
        )
    if not math.isfinite(value):
        raise ValueError(f"value must be finite, not {value!r}")
    if not FOR_S_MIN <= for_s <= FOR_S_MAX:
        raise ValueError(f"for_s must be from {FOR_S_MIN:g} to {FOR_S_MAX:g} seconds, not {for_s!r}")


def field_of(prefix: str, name: str) -> str:
    """The field of the hash that holds the setting."""
    return f"{name} {prefix}"


def settings_in(fields: Iterable[tuple[bytes, bytes]]) -> list[PrefixSetting]:
    """The settings in the fields of the hash; what is none of the lab's is left out."""
    found = []
    for field, text in fields:
        try:
            name, _, prefix = field.decode("ascii").partition(" ")
            value, until_ms = map(float, text.split())
            setting = PrefixSetting(prefix, name, value, until_ms / 1000)
            check_setting(prefix, name, value, FOR_S_MAX)
        except ValueError:
            continue
        found.append(setting)
    return found


class PrefixSettings:
    """The settings as one pod knows them."""

    def __init__(
        self,
        look: Callable[[], Awaitable[Iterable[PrefixSetting]]],
        now_s: Callable[[], float],
        monotonic_s: Callable[[], float],
        tasks: Tasks,
        poll_s: float,
    ) -> None:
        """Know nothing yet; `look` looks all settings up, and raises `CacheAway`. `now_s` is the cache's time."""
        self._look, self._now_s, self._monotonic_s, self._tasks, self._poll_s = look, now_s, monotonic_s, tasks, poll_s
        self._by_name: dict[str, dict[str, PrefixSetting]] = {}
        self._lengths: dict[str, list[int]] = {}
        """The lengths of the prefixes that have a setting of a name, the longest first."""
        self._next_look_s: float | None = None
        """The moment from which a use looks again, monotonic seconds; None before the first use."""
        self._is_looking = self._is_changed = False

    def get(self, key: str, name: str) -> float | None:
        """Implements `app.strategy.Cache.setting`."""
        if self._next_look_s is None or self._monotonic_s() >= self._next_look_s:
            self._begin_look()
        if (of_name := self._by_name.get(name)) is None:
            return None
        for length in self._lengths[name]:
            setting = of_name.get(key[:length]) if length <= len(key) else None
            if setting is not None and self._now_s() < setting.until_s:
                return setting.value
        return None

    def changed(self) -> None:
        """Look again, where this pod uses settings: one may have changed."""
        if self._next_look_s is not None:
            self._is_changed = True
            self._begin_look()

    def _begin_look(self) -> None:
        self._next_look_s = self._monotonic_s() + self._poll_s
        if not self._is_looking:
            self._is_looking = True
            self._tasks.spawn(self._follow(), "settings", ended=lambda _: self._looked())

    def _looked(self) -> None:
        self._is_looking = False

    async def _follow(self) -> None:
        budget.current.set(None)  # no request waits for it
        while True:
            self._is_changed = False
            self._know(await self._look())
            if not self._is_changed:  # else the look may have missed it
                return

    def _know(self, settings: Iterable[PrefixSetting]) -> None:
        by_name: dict[str, dict[str, PrefixSetting]] = {}
        for setting in settings:
            by_name.setdefault(setting.name, {})[setting.prefix] = setting
        self._by_name = by_name
        self._lengths = {name: sorted({*map(len, prefixes)}, reverse=True) for name, prefixes in by_name.items()}
