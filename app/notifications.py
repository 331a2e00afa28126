"""Notifications of stored and deleted entries, and the waiters for them in one pod."""

import asyncio
from types import TracebackType
from typing import Self


class Waiter:
    """One waiter for the entry of a key, from entering it to leaving it; implements `app.strategy.Notification`."""

    __slots__ = ("_is_announced", "_key", "_notifications", "_woken", "deletions")

    def __init__(self, notifications: "Notifications", key: str) -> None:
        self._notifications, self._key = notifications, key
        self._is_announced, self.deletions = False, 0
        self._woken: asyncio.Future[None] | None = None

    def __enter__(self) -> Self:
        self._notifications.waiters.setdefault(self._key, {})[self] = None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        waiters = self._notifications.waiters
        of_key = waiters[self._key]
        del of_key[self]
        if not of_key:
            del waiters[self._key]

    def notify(self) -> None:
        self._is_announced = True
        self._wake()

    async def wait(self, timeout_s: float) -> bool:
        if not self._is_announced:
            running = asyncio.get_running_loop()
            self._woken = running.create_future()
            timer = running.call_later(timeout_s, self._wake)
            try:
                await self._woken
            finally:
                timer.cancel()
                self._woken = None
        is_announced, self._is_announced = self._is_announced, False
        return is_announced

    def _wake(self) -> None:
        if self._woken is not None and not self._woken.done():
            self._woken.set_result(None)


class Notifications:
    """The waiters of one pod, by key."""

    def __init__(self) -> None:
        self.waiters: dict[str, dict[Waiter, None]] = {}  # dicts, because they keep the order

    def waiter(self, key: str) -> Waiter:
        """A waiter, to be entered before what it waits for may happen."""
        return Waiter(self, key)

    def notify(self, key: str) -> None:
        for waiter in self.waiters.get(key, ()):
            waiter.notify()

    def notify_deleted(self, key: str) -> None:
        """Wake the waiters of a key that was deleted, which are told so."""
        for waiter in self.waiters.get(key, ()):
            waiter.deletions += 1
            waiter.notify()

    def notify_all(self) -> None:
        """Wake every waiter, because a gap in the subscription may have lost notifications."""
        for key in self.waiters:
            self.notify(key)
