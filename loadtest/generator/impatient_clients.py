"""The impatience of an open loop's clients: they try again, each at its own time, and some leave.

The schedule waits for none of them. A request between two attempts takes no room in flight.
"""

import asyncio
import math
from typing import Protocol

from loadtest.generator.answer_recorder import ClientLeft, HttpAnswer, outcome_of
from loadtest.generator.client_records import ClientRecords
from loadtest.generator.meter import Meter, now_s
from loadtest.workload.client import RetryPolicy
from loadtest.workload.departures import Departures


class ImpatientRequest(Protocol):
    """A request with an attempt that begins or has ended."""

    number: int
    """The number of the request in the whole load."""
    key: int
    attempt: int
    """The number of the attempt, from 1 on."""
    leaves_s: float
    """The moment at which its client leaves, seconds since the epoch; infinite where it stays."""

    def again(self) -> None:
        """Send the next attempt."""

    def cut(self, error: BaseException | None) -> None:
        """End the attempt under way without an answer."""

    def ends(self, answer: HttpAnswer, ended_s: float) -> None:
        """Take the answer of the attempt that has ended for the request's last one."""


class _Waiting:
    """A retry that waits for its time, and the answer that its request ends with should it never be sent."""

    __slots__ = ("answer", "due_s", "ended_s", "request", "timer")

    def __init__(self, request: ImpatientRequest, answer: HttpAnswer, ended_s: float, due_s: float) -> None:
        self.request, self.answer, self.ended_s, self.due_s = request, answer, ended_s, due_s
        self.timer: asyncio.TimerHandle | None = None


class ImpatientClients:
    """The retries of one process's clients, at most `RETRIES_WAITING_MAX` at once, and their departures."""

    def __init__(self, policy: RetryPolicy, departures: Departures, meter: Meter, records: ClientRecords) -> None:
        self._policy, self._departures, self._meter, self._records = policy, departures, meter, records
        self._waiting: dict[_Waiting, None] = {}
        self._leaving: dict[ImpatientRequest, asyncio.TimerHandle] = {}
        """The clients that leave during the attempts under way."""
        self._is_over = False

    @property
    def are_waiting(self) -> bool:
        """Whether a retry waits for its time."""
        return bool(self._waiting)

    def begin(self, request: ImpatientRequest, intended_s: float, time_s: float) -> None:
        """Count a request that sends its first attempt; it is intended `time_s` seconds from the load's start."""
        self._policy.begin()
        request.leaves_s = intended_s + self._departures.stays_s(request.number, time_s)

    def watch(self, request: ImpatientRequest) -> None:
        """Let the client leave during the attempt that is sent now, if it is to leave."""
        if request.leaves_s < math.inf:
            loop = asyncio.get_running_loop()
            self._leaving[request] = loop.call_later(max(0.0, request.leaves_s - now_s()), self._leave, request)

    def take(self, request: ImpatientRequest, answer: HttpAnswer, ended_s: float) -> bool:
        """Whether the attempt that ended at `ended_s` is followed by another, which is sent when it is due."""
        if (leaving := self._leaving.pop(request, None)) is not None:
            leaving.cancel()
        if self._is_over or isinstance(answer.error, ClientLeft):
            return False
        delay_s = self._policy.delay_s(request.number, request.attempt, outcome_of(answer, ended_s))
        if delay_s is None or ended_s + delay_s >= request.leaves_s:
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

    def _leave(self, request: ImpatientRequest) -> None:
        del self._leaving[request]
        request.cut(ClientLeft())

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
