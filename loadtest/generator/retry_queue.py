"""The retries of an open loop: each waits for its own time on the loop, and the schedule waits for none of them."""

import asyncio
from typing import Protocol

from loadtest.generator.answer_recorder import HttpAnswer, outcome_of
from loadtest.generator.client_records import ClientRecords
from loadtest.generator.meter import Meter, now_s
from loadtest.workload.client import RetryPolicy


class Retriable(Protocol):
    """A request whose attempt has ended: another attempt follows, or the request ends with this one's answer."""

    number: int
    """The number of the request in the whole load."""
    key: int
    attempt: int
    """The number of the attempt that has ended, from 1 on."""

    def again(self) -> None:
        """Send the next attempt."""

    def ends(self, answer: HttpAnswer, ended_s: float) -> None:
        """Take this for its last answer."""


class _Waiting:
    """A retry that waits for its time, and the answer that its request ends with should it never be sent."""

    __slots__ = ("answer", "due_s", "ended_s", "request", "timer")

    def __init__(self, request: Retriable, answer: HttpAnswer, ended_s: float, due_s: float) -> None:
        self.request, self.answer, self.ended_s, self.due_s = request, answer, ended_s, due_s
        self.timer: asyncio.TimerHandle | None = None


class RetryQueue:
    """The retries of one process's clients, at most `RETRIES_WAITING_MAX` at once."""

    def __init__(self, policy: RetryPolicy, meter: Meter, records: ClientRecords) -> None:
        self._policy, self._meter, self._records = policy, meter, records
        self._waiting: dict[_Waiting, None] = {}
        self._is_over = False

    def __len__(self) -> int:
        return len(self._waiting)

    def begin(self) -> None:
        """Count a request that sends its first attempt."""
        self._policy.begin()

    def take(self, request: Retriable, answer: HttpAnswer, ended_s: float) -> bool:
        """Whether the attempt that ended at `ended_s` is followed by another, which is sent when it is due."""
        if self._is_over:
            return False
        delay_s = self._policy.delay_s(request.number, request.attempt, outcome_of(answer, ended_s))
        if delay_s is None:
            return False
        if not self._meter.retries.has_room:
            self._meter.retries.not_sent += 1
            return False
        waiting = _Waiting(request, answer, ended_s, ended_s + delay_s)
        self._waiting[waiting] = None
        self._meter.retries.waits()
        waiting.timer = asyncio.get_running_loop().call_later(waiting.due_s - now_s(), self._send, waiting)
        return True

    def end(self) -> None:
        """End the requests whose retries still wait: they are recorded with their last answers, and as unsent."""
        self._is_over = True
        left, self._waiting = list(self._waiting), {}
        for one in left:
            assert one.timer is not None
            one.timer.cancel()
            self._meter.retries.is_left()
            self._records.unsent(one.due_s, one.request.attempt + 1, one.request.key)
            one.request.ends(one.answer, one.ended_s)

    def _send(self, one: _Waiting) -> None:
        del self._waiting[one]
        meter, sent_s = self._meter, now_s()
        if meter.in_flight >= (meter.in_flight_max or 0):
            meter.retries.is_stopped()
            one.request.ends(one.answer, one.ended_s)
            return
        meter.leaves_again(sent_s - one.due_s)
        self._records.retry(sent_s, one.request.attempt + 1, one.request.key)
        one.request.again()
