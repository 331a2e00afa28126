"""The trace of a strategy's own lines: the last one that ran, and coroutines that were made and never awaited."""

import gc
import re
import sys
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

from app.strategy import Strategy

_MADE_AT = re.compile(r'File "(?P<file>[^"]+)", line (?P<line>\d+)')


def file_of(strategy: type[Strategy]) -> str:
    return str(sys.modules[strategy.__module__].__file__)


class LinesSeen:
    """The lines and coroutines that `watching` has seen."""

    def __init__(self) -> None:
        self.last: dict[str, int] = {}
        """The line that ran last in each function of the strategy's file."""
        self.unawaited: list[tuple[str, int | None]] = []
        """Python's warning about each coroutine, and the line that made it."""


@contextmanager
def watching(strategy: type[Strategy]) -> Iterator[LinesSeen]:
    """Trace every line of the strategy's file inside the block; for a few requests, because it is slow."""
    seen, file = LinesSeen(), file_of(strategy)

    def in_file(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            seen.last[frame.f_code.co_name] = frame.f_lineno
        return in_file

    def call(frame: FrameType, event: str, _: Any) -> Any:
        return in_file if frame.f_code.co_filename == file else None

    trace, depth = sys.gettrace(), sys.get_coroutine_origin_tracking_depth()
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        sys.set_coroutine_origin_tracking_depth(4)
        sys.settrace(call)
        try:
            yield seen
        finally:
            sys.settrace(trace)
            sys.set_coroutine_origin_tracking_depth(depth)
            gc.collect()  # Python warns of a forgotten coroutine when it is collected
            seen.unawaited = [
                _unawaited(str(one.message), file) for one in caught if "never awaited" in str(one.message)
            ]


def _unawaited(message: str, file: str) -> tuple[str, int | None]:
    lines = [int(found["line"]) for found in _MADE_AT.finditer(message) if found["file"] == file]
    return message.splitlines()[0], lines[-1] if lines else None
