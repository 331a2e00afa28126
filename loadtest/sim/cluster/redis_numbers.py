"""The counters and settings of a Redis in virtual time."""

from collections.abc import Callable, Sequence

from app.counts import Addition
from app.prefix_settings import SETTINGS_MAX, PrefixSetting


class RedisNumbers:
    """The numbers that Redis keeps besides entries and locks, each until its end by its clock."""

    def __init__(self, time_s: Callable[[], float]) -> None:
        self._time_s = time_s
        self._counters: dict[str, tuple[int, float]] = {}
        self._settings: dict[tuple[str, str], PrefixSetting] = {}

    def flush(self) -> None:
        """Drop everything."""
        self._counters.clear()
        self._settings.clear()

    def add_counts(self, additions: Sequence[Addition]) -> None:
        now_s = self._time_s()
        while self._counters and (oldest := next(iter(self._counters.items())))[1][1] <= now_s:
            del self._counters[oldest[0]]
        for name, by, keep_ms in additions:
            counted, until_s = self._counters.get(name, (0, 0.0))
            if until_s <= now_s:
                counted, until_s = 0, now_s + keep_ms / 1000
            self._counters[name] = counted + by, until_s

    def read_counts(self, before: str, current: str) -> tuple[int, int]:
        return self._count(before), self._count(current)

    def _count(self, name: str) -> int:
        counted, until_s = self._counters.get(name, (0, 0.0))
        return counted if self._time_s() < until_s else 0

    @property
    def counters(self) -> int:
        """The number of counters that are kept, of which some may have ended."""
        return len(self._counters)

    def set_setting(self, prefix: str, name: str, value: float, for_ms: int) -> bool:
        """Set a value; False where as many as may be are set already, and none of them has ended."""
        now_s = self._time_s()
        if (prefix, name) not in self._settings and len(self._settings) >= SETTINGS_MAX:
            self._settings = {at: setting for at, setting in self._settings.items() if now_s < setting.until_s}
            if len(self._settings) >= SETTINGS_MAX:
                return False
        self._settings[prefix, name] = PrefixSetting(prefix, name, value, now_s + for_ms / 1000)
        return True

    def settings(self) -> list[PrefixSetting]:
        return [*self._settings.values()]
