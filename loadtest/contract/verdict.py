"""The verdict of a run of the contract, as files: each strategy's first broken promise, or how many it holds.

It writes `<strategy>.json` into a folder (read by `loadtest.studies.trial.breach`). Where a promise takes too long,
faulthandler writes `blocked.txt`, since code in a blocked loop cannot end it.
"""

import faulthandler
import inspect
import json
import logging
import re
import traceback
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from app.strategy import Strategy
from loadtest.contract import BLOCKED, PROMISE_S_MAX
from loadtest.contract.watching import file_of

WHAT_CHARS_MAX = 400


class Broken(AssertionError):
    """A promise is broken at a known line, or after `last_line` where no trace of an error has a better one."""

    def __init__(self, what: str, line: int | None, last_line: int | None = None) -> None:
        super().__init__(what)
        self.line, self.last_line = line, last_line


class _Errors(logging.Handler):
    """The first error that was logged while the runner answered 500 and went on: its words and its lines.

    The error itself is not kept, because it would keep alive what its frames hold.
    """

    def __init__(self) -> None:
        super().__init__(logging.ERROR)
        self.first: tuple[str, traceback.StackSummary] | None = None

    def emit(self, record: logging.LogRecord) -> None:
        error = record.exc_info[1] if record.exc_info else None
        if error is not None and self.first is None:
            self.first = _said(error), traceback.extract_tb(error.__traceback__)


class VerdictFiles:
    """A pytest plugin that writes the first promise that a strategy breaks, and skips its further ones."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._blocked = (folder / BLOCKED).open("w")
        self._errors = _Errors()
        self._held: Counter[str] = Counter()
        self._broken: set[str] = set()
        logging.getLogger().addHandler(self._errors)

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        if (strategy := _strategy_of(item)) is not None and strategy.name in self._broken:
            pytest.skip("it has broken a promise already")

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self, item: pytest.Item) -> Iterator[None]:
        self._errors.first = None
        self._write(item, "runs")
        faulthandler.dump_traceback_later(PROMISE_S_MAX, exit=True, file=self._blocked)
        try:
            yield
        finally:
            faulthandler.cancel_dump_traceback_later()

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self, item: pytest.Item, call: pytest.CallInfo[None]) -> Any:
        report = yield
        if (strategy := _strategy_of(item)) is None:
            return report
        if call.excinfo is not None and not report.skipped:
            what, line = self._told(strategy, call.excinfo.value)
            self._broken.add(strategy.name)
            self._write(item, "broken", what=what[:WHAT_CHARS_MAX], line=line)
        elif call.when == "call" and not report.skipped:
            self._held[strategy.name] += 1
            self._write(item, "held", promises=self._held[strategy.name])
        return report

    def _told(self, strategy: type[Strategy], error: BaseException) -> tuple[str, int | None]:
        """The fault in words, and its line in the strategy's file."""
        if isinstance(error, Broken) and error.line is not None:
            return _said(error), error.line
        file, cause = file_of(strategy), error.__cause__ or error
        told = [(_said(cause), traceback.extract_tb(cause.__traceback__))]
        if self._errors.first is not None:
            told.insert(0, self._errors.first)
        for said, frames in told:
            if lines := [frame.lineno for frame in frames if frame.filename == file]:
                return said, lines[-1]
        if (named := re.search(rf"\({re.escape(Path(file).name)}:(\d+)\)", str(cause))) is not None:
            return _said(cause), int(named[1])
        return told[0][0], getattr(error, "last_line", None)

    def _write(self, item: pytest.Item, state: str, **told: object) -> None:
        if (strategy := _strategy_of(item)) is not None and isinstance(item, pytest.Function):
            promise, _, advice = (inspect.getdoc(item.function) or item.name).partition("\n\n")
            promise = promise[:1].lower() + promise[1:].rstrip(".")
            about = {"state": state, "promise": promise, "advice": advice.replace("\n", " ")}
            (self._folder / f"{strategy.name}.json").write_text(json.dumps(about | told))


def _strategy_of(item: pytest.Item) -> type[Strategy] | None:
    strategy = item.callspec.params.get("strategy") if isinstance(item, pytest.Function) and _has_params(item) else None
    return strategy if isinstance(strategy, type) else None


def _has_params(item: pytest.Function) -> bool:
    return hasattr(item, "callspec")


def _said(error: BaseException) -> str:
    """The first line of an error; an assertion's stands alone, others begin with their type."""
    text = str(error).partition("\nassert ")[0].strip().partition("\n")[0]
    return text if isinstance(error, AssertionError) and text else f"{type(error).__name__}: {text}"
