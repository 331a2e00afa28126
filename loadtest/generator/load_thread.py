"""The open loop of one Locust process: an asyncio loop in a thread of its own, which Locust starts and ends.

Locust's greenlets share the interpreter with that thread, and keep it waiting for a bounded time each. Its statistics
and listeners get the requests that have ended later and in small parts, so that they make no other request late.
"""

import asyncio
import logging
import signal
import sys
from collections import deque
from collections.abc import Callable
from typing import Any

import gevent
import uvloop
from gevent.monkey import get_original
from gevent.threadpool import ThreadPool

from loadtest.generator.answer_recorder import AnswerRecorder, EndedRequest, Reporter
from loadtest.generator.client_records import FLUSH_EVERY_S
from loadtest.generator.deal import Share
from loadtest.generator.dispatcher import TAIL_S, TIMER_S, Dispatcher
from loadtest.generator.meter import TICK_S, Meter, now_s
from loadtest.generator.open_client import OpenClient
from loadtest.generator.plan import LoadPlan
from loadtest.generator.schedule import due

SWITCH_S = 0.0002
"""Seconds for which a thread may hold the interpreter while another waits for it."""
TELL_S_MAX = 0.0005
"""Seconds for which Locust's listeners get ended requests without a pause."""
TELL_EVERY_S = 0.02
"""Seconds of such a pause; from `UNTOLD_MANY` waiting requests on, it is as short as `TELL_S_MAX`."""
UNTOLD_MANY = 200
"""Ended requests from which on Locust's listeners are behind."""
UNTOLD_MAX = 50_000
"""Ended requests that Locust's listeners have not got; beyond, the load waits, and so is late."""
LEEWAY_S = 5.0
"""Seconds that the thread may take to end, beyond those that it was given."""

_log = logging.getLogger(__name__)
_sleep_thread: Callable[[float], None] = get_original("time", "sleep")


class LoadThread:
    """The thread of an open loop; its methods are called by Locust's greenlets."""

    def __init__(self, plan: LoadPlan, share: Share, meter: Meter, reporter: Reporter) -> None:
        self._meter, self._reporter = meter, reporter
        self._untold: deque[EndedRequest] = deque()
        self._records = plan.records
        self._client = OpenClient(plan, meter, AnswerRecorder(plan, self._put), share.of)
        self.dispatcher = Dispatcher(
            lambda share: due(plan.load, plan.scenario.keys, share, plan.seed), share, self._client.ask, meter
        )
        self._loop: asyncio.AbstractEventLoop = uvloop.new_event_loop()
        self._told_to_end: asyncio.Future[tuple[float, float]] = self._loop.create_future()
        """The seconds for answers that are still due, and those for requests, once the load is to end."""
        self._error: BaseException | None = None

    def start(self, failed: Callable[[Any], None]) -> None:
        """Begin in a thread; `failed` is called with a greenlet that has its error, if it fails later."""
        self._switch_s = sys.getswitchinterval()
        sys.setswitchinterval(SWITCH_S)
        self._pool = ThreadPool(1)
        self._thread = self._pool.spawn(self._run)
        self._telling = gevent.spawn(self._tell)
        self._telling.link_exception(failed)

    def end(self, grace_s: float, tail_s: float = TAIL_S) -> None:
        """Stop sending, wait up to `grace_s` for answers, and tell Locust of all. Raises TimeoutError.

        A load that ends within `tail_s` runs to its end, and what it has not sent by then is counted.
        """
        try:
            self._loop.call_soon_threadsafe(self._hear, (grace_s, tail_s))
        except RuntimeError:
            pass  # the loop has ended, by an error that is told below
        self._telling.join(timeout=grace_s + tail_s + LEEWAY_S)
        sys.setswitchinterval(self._switch_s)
        if not self._telling.ready():
            raise TimeoutError(f"the open loop did not end within {grace_s + tail_s + LEEWAY_S:g} s")
        self._pool.kill()

    def _tell(self) -> None:
        """Tell Locust of ended requests until the thread has ended, and of what is left then."""
        is_last = False
        while not is_last:
            is_last = self._thread.ready()
            until_s = now_s() + TELL_S_MAX
            while self._untold and (is_last or now_s() < until_s):
                try:
                    self._reporter.report(self._untold.popleft())
                except Exception:  # Locust lets those through by which a listener would stop a user
                    _log.exception("A listener of requests failed")
            gevent.sleep(TELL_EVERY_S if len(self._untold) < UNTOLD_MANY else TELL_S_MAX)
        self._thread.get()

    # what follows runs in the thread

    def _run(self) -> None:
        signal.pthread_sigmask(signal.SIG_BLOCK, signal.valid_signals())  # they are for Locust's thread
        with asyncio.Runner(loop_factory=lambda: self._loop) as runner:
            self._loop.set_exception_handler(self._on_error)
            try:
                runner.run(self._send())
            except BaseExceptionGroup as errors:
                raise errors.exceptions[0] from None
        if self._error is not None:
            raise self._error

    async def _send(self) -> None:
        try:
            async with asyncio.TaskGroup() as tasks:
                walk = tasks.create_task(self.dispatcher.run())
                look = tasks.create_task(self._look())
                grace_s, tail_s = await self._told_to_end
                await self.dispatcher.end(walk, tail_s)
                await self._wait_for_answers(grace_s)
                look.cancel()
        finally:
            self._client.cut_off()

    async def _look(self) -> None:
        """Look every `TICK_S` whether the loop is late, and a request has waited too long; flush the records."""
        due_s = now_s() + TICK_S
        flush_s = now_s() + FLUSH_EVERY_S
        while True:
            await asyncio.sleep(max(TIMER_S, due_s - now_s()))
            now = now_s()
            while due_s <= now:
                self._meter.ticks(now - due_s)
                due_s += TICK_S
            self._client.look()
            if now >= flush_s:
                self._records.flush()
                flush_s = now + FLUSH_EVERY_S

    async def _wait_for_answers(self, grace_s: float) -> None:
        """Wait until the requests have ended, and their retries; what is left after `grace_s` is cut off."""
        if self._client.is_idle:
            return
        ended = asyncio.Event()
        self._client.when_idle = ended.set
        try:
            async with asyncio.timeout(grace_s):
                await ended.wait()
        except TimeoutError:
            pass  # what is under way still is cut off

    def _put(self, report: EndedRequest) -> None:
        self._untold.append(report)
        while len(self._untold) > UNTOLD_MAX and not self._telling.ready():
            _sleep_thread(TELL_EVERY_S)

    def _hear(self, seconds: tuple[float, float]) -> None:
        if not self._told_to_end.done():
            self._told_to_end.set_result(seconds)

    def _on_error(self, loop: asyncio.AbstractEventLoop, context: dict[str, Any]) -> None:
        """End the load by an error of a callback, which asyncio would only log."""
        self._error = context.get("exception") or RuntimeError(context["message"])
        if not self._told_to_end.done():
            self._told_to_end.set_exception(self._error)
