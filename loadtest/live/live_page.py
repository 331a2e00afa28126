"""A live page that follows its bench, by lines of JSON on standard input.

The first line names the folder, the next one the bench's end. The end of the input ends the page, whatever else it
waits for.
"""

import asyncio
import json
import logging
import secrets
import socket
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from loadtest.live.audience import LIVE_FAREWELL_S, Audience
from loadtest.live.drawing import Drawing, page
from loadtest.live.page_events import PageEvents
from loadtest.live.server import LiveServer
from loadtest.live.watch import Watch

LOOK_EVERY_S = 1.0
"""Seconds between two looks at the records, and so between two events at least."""
_log = logging.getLogger(__name__)


class LivePage:
    """A page that grows with its bench."""

    def __init__(self) -> None:
        self._events = PageEvents(secrets.token_hex(4))
        self._audience = Audience(self._events)
        self.server = LiveServer(page(), self._audience)
        self._drawing: Drawing | None = None

    async def follow(self) -> None:
        """Follow the bench until it has ended, and the viewers have its report; or until the bench is gone."""
        async with asyncio.TaskGroup() as group:
            looking: list[asyncio.Task[None]] = []
            has_ended = False
            async for told in _lines():
                if "folder" in told:
                    watch = Watch(Path(told["folder"]))
                    self._drawing = Drawing(watch, told["names"], told["known"], told["baseline"])
                    looking.append(group.create_task(self._look_on(self._drawing), name="the looks at the records"))
                else:
                    has_ended = True
                    break
            for one in looking:
                one.cancel()
        await self._end(has_ended)

    async def _look_on(self, drawing: Drawing) -> None:
        while True:
            self._look(drawing)
            await asyncio.sleep(LOOK_EVERY_S)

    def _look(self, drawing: Drawing, is_last: bool = False) -> None:
        try:
            drawing.look(self._events, is_last)
        except (OSError, ValueError):  # a record that is written this moment; the next look reads it again
            _log.exception("A look at the records failed")
        self._audience.tell()

    async def _end(self, has_ended: bool) -> None:
        """Say farewell with the report; a bench that was killed has none, and its page goes with it."""
        if has_ended:
            if self._drawing is not None:
                self._look(self._drawing, is_last=True)
                self.server.report = self._drawing.report
            report = None if self.server.report is None else str(self.server.report)
            self._events.add_finished(json.dumps({"report": report}))
            self._audience.tell()
        await self._audience.farewell(LIVE_FAREWELL_S if has_ended else 0)


async def _lines() -> AsyncIterator[dict[str, Any]]:
    reader = asyncio.StreamReader()
    await asyncio.get_running_loop().connect_read_pipe(lambda: asyncio.StreamReaderProtocol(reader), sys.stdin)
    while line := await reader.readline():
        yield json.loads(line)


async def serve(listener: socket.socket) -> None:
    """Serve a page on that socket until its bench has ended."""
    live = LivePage()
    await live.server.serve(listener, live.follow)
