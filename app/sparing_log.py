"""Warnings that an outage repeats with every request: each kind once in a while, with how often it was meanwhile."""

import logging
import time
from collections.abc import Callable

EVERY_S = 10.0
"""Seconds between two warnings of one kind."""
KINDS_MAX = 100
"""The most kinds that are told apart; beyond them nothing is said, because kinds are few and named in the code."""


class SparingLog:
    """A logger whose warnings are rate-limited by kind, so that a degraded cache does not fill a disk."""

    def __init__(self, log: logging.Logger, monotonic_s: Callable[[], float] = time.monotonic) -> None:
        self._log, self._monotonic_s = log, monotonic_s
        self._until_s: dict[str, float] = {}
        self._left_out: dict[str, int] = {}

    def warning(self, kind: str, text: str, *about: object) -> None:
        """Warn of one more of a kind, unless that was said within `EVERY_S`; then it is counted for the next time."""
        now_s, until_s = self._monotonic_s(), self._until_s.get(kind)
        if until_s is None and len(self._until_s) >= KINDS_MAX:
            return
        if until_s is not None and now_s < until_s:
            self._left_out[kind] = self._left_out.get(kind, 0) + 1
            return
        self._until_s[kind] = now_s + EVERY_S
        if left_out := self._left_out.pop(kind, 0):
            self._log.warning(f"{text} (and %d more since the last such warning)", *about, left_out)
        else:
            self._log.warning(text, *about)
