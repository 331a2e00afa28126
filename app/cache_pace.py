"""The pace of what a pod's cache does in the background, from the settings of the same names."""

from dataclasses import dataclass
from typing import Self

from app.settings import Settings


@dataclass(frozen=True, slots=True)
class CachePace:
    """The bounds of counts and of settings by prefix, with times in seconds."""

    count_flush_s: float = 0.1
    counted_keys_max: int = 10_000
    settings_poll_s: float = 1.0

    @classmethod
    def of(cls, settings: Settings) -> Self:
        return cls(settings.count_flush_ms / 1000, settings.counted_keys_max, settings.settings_poll_ms / 1000)
