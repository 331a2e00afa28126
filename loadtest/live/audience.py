"""The audience of a live page: viewers who wait for events, their bound, and their farewell."""

import asyncio
from collections.abc import AsyncIterator

from loadtest.live.page_events import PageEvents, as_sent

VIEWERS_MAX = 16
"""The most streams of events at once; another one is turned away."""
BEAT_S = 10.0
"""Seconds after which a stream without an event gets a line that says nothing, by which a gone viewer is noticed."""
LIVE_FAREWELL_S = 5.0
"""Seconds within which connected viewers load the report, once the bench has ended; the server then ends."""
RETRY_MS = 1_000
"""Milliseconds after which a browser connects again."""


class Audience:
    """The viewers of one bench, each a stream of events."""

    def __init__(self, log: PageEvents) -> None:
        self.log = log
        self.viewers = 0
        self._is_over = False
        self._turn = asyncio.Event()

    @property
    def is_full(self) -> bool:
        return self.viewers >= VIEWERS_MAX

    def tell(self) -> None:
        """Wake every viewer who waits, because the log has another event."""
        self._turn.set()
        self._turn = asyncio.Event()

    async def farewell(self, within_s: float = LIVE_FAREWELL_S) -> None:
        """Wait until no viewer is connected any more, but no longer than that, and end the streams that are left."""
        try:
            async with asyncio.timeout(within_s):
                while self.viewers:
                    await self._turn.wait()
        except TimeoutError:
            pass
        self._is_over = True
        self.tell()

    async def stream(self, last_id: str) -> AsyncIterator[bytes]:
        """The events that a viewer lacks, and then each as it comes; `last_id` is that of the last one it got."""
        self.viewers += 1
        try:
            seen = self.log.seen_by(last_id)
            yield f"retry: {RETRY_MS}\n\n".encode()
            while not self._is_over:
                turn = self._turn
                for event in self.log.after(seen):
                    yield as_sent(event, self.log.id_of(event))
                    seen = event.number
                if turn.is_set():
                    continue
                try:
                    async with asyncio.timeout(BEAT_S):
                        await turn.wait()
                except TimeoutError:
                    yield b":\n\n"
        finally:
            self.viewers -= 1
            self.tell()
