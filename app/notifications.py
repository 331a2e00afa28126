"""Notifications of stored entries, and the waiters for them in one pod."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager


class Waiter:
    """One waiter for the entry of a key; implements `app.strategy.Notification`."""

    def __init__(self) -> None:
        self._announced = asyncio.Event()

    def notify(self) -> None:
        self._announced.set()

    async def wait(self, timeout_s: float) -> bool:
        try:
            async with asyncio.timeout(timeout_s):
                await self._announced.wait()
        except TimeoutError:
            return False
        self._announced.clear()
        return True


class Notifications:
    """The waiters of one pod, by key."""

    def __init__(self) -> None:
        self._waiters: dict[str, dict[Waiter, None]] = {}  # dicts, because they keep the order

    @contextmanager
    def waiter(self, key: str) -> Iterator[Waiter]:
        waiter = Waiter()
        self._waiters.setdefault(key, {})[waiter] = None
        try:
            yield waiter
        finally:
            waiters = self._waiters[key]
            del waiters[waiter]
            if not waiters:
                del self._waiters[key]

    def notify(self, key: str) -> None:
        for waiter in self._waiters.get(key, ()):
            waiter.notify()

    def notify_all(self) -> None:
        """Wake every waiter, because a gap in the subscription may have lost notifications."""
        for key in self._waiters:
            self.notify(key)
