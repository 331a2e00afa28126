"""One test in one generator process, from its start to its stop."""

import logging
from argparse import Namespace
from collections.abc import Callable, Mapping
from typing import Any

import gevent
from gevent.event import Event
from locust.log import greenlet_exception_logger

from loadtest.figures.load_begin import tell_begin
from loadtest.generator.answer_recorder import AnswerRecorder, Reporter
from loadtest.generator.client import Client
from loadtest.generator.deal import DEAL_EVERY_S, SILENCE_S_MAX, Share, all_of_it, own_share
from loadtest.generator.dispatcher import TAIL_S
from loadtest.generator.exporter import LoadMetrics
from loadtest.generator.load_thread import LoadThread
from loadtest.generator.meter import Meter, now_s
from loadtest.generator.plan import LoadPlan
from loadtest.generator.targets import LOOK_EVERY_S
from loadtest.generator.ticker import tick
from loadtest.workload.client import number_of

_log = logging.getLogger(__name__)
Tell = Callable[..., None]


class LoadRun:
    """A test that sends this process's share of the load, for as long as it has one."""

    def __init__(
        self, plan: LoadPlan, options: Namespace, tell: Tell, metrics: LoadMetrics | None, worker: str | None
    ) -> None:
        """Set up the test; `worker` is this process's name at its master, None where it sends alone."""
        self.plan, self._metrics, self._worker = plan, metrics, worker
        self.meter = Meter(0 if plan.is_open else None, 0)
        self._reporter = Reporter(tell, metrics)
        self.client = Client(plan, self.meter, AnswerRecorder(plan, self._reporter.report))
        self.share: Share | None = None
        """The share of this process; None as long as it has none."""
        self.may_ask = Event()
        """The event that is set while users of a closed loop may ask."""
        self._thread: LoadThread | None = None
        self._deal: Mapping[str, Any] | None = None
        self._heard_s = now_s()
        self._starts_s: float | None = None
        if not plan.is_open:
            gevent.spawn(tick, self.meter, lambda: self.meter.is_stopped)
        if worker is None:
            self.meter.processes = 1
            self._take(all_of_it(options.duration or options.run_time))

    def dealt(self, deal: Mapping[str, Any], is_first: bool = False) -> None:
        """Take the share that the master assigns; another test's assignment changes nothing."""
        assert self._worker is not None, "who sends alone has no master"
        if is_first:
            self._starts_s = deal["start_s"]
        if deal["start_s"] != self._starts_s:
            return
        self._heard_s = now_s()
        self._pause(False)
        if deal == self._deal:
            return
        self._deal = dict(deal)
        self.plan.users = deal["users"] or self.plan.users
        self.meter.processes = deal["ever"]
        share = own_share(self._worker, deal)
        if share is not None:
            _log.info("Part %d of %d of the load is this worker's", share.number + 1, share.of)
            self._take(share)
        elif self.share is not None:
            _log.warning("No part of the load is this worker's any more")
            self._take(self.share._replace(from_s=deal["from_s"]).nothing())

    def _take(self, share: Share) -> None:
        is_first, self.share = self.share is None, share
        if is_first and self.plan.folder is not None:
            tell_begin(self.plan.folder, self.plan.records.instance_id, share.start_s)
        if not self.plan.is_open:
            if is_first:
                self.client.policy, self.client.start_s = self.plan.retry_policy(share.of), share.start_s
            self.may_ask.set() if share.of else self.may_ask.clear()
            return
        plan = self.plan
        if share.of:
            self.meter.in_flight_max = share.part(plan.load.in_flight_max)
        if self._thread is not None:
            self._thread.dispatcher.deal(share)
            return
        self._thread = LoadThread(plan, share, self.meter, self._reporter)
        failed = greenlet_exception_logger(_log)  # type: ignore[no-untyped-call]
        self._thread.start(failed)  # which makes Locust's exit code 2

    @property
    def start_s(self) -> float:
        """The begin of the load, seconds since the epoch."""
        assert self.share is not None
        return self.share.start_s

    def number_of(self, user: int, asked: int) -> int:
        """The number in the whole load of a closed loop's request: by that user of this process, so many before it."""
        place = user if self.share is None else self.share.place(user)
        return number_of(place, asked, self.plan.users)

    @property
    def left_s(self) -> float | None:
        """Seconds until the load is over; None where no end is known."""
        if self.share is None or self.share.duration_s is None:
            return None
        return self.share.start_s + self.share.duration_s - now_s()

    def end(self, grace_s: float, tail_s: float = TAIL_S) -> None:
        """Stop sending, and wait up to `grace_s` for answers; a load with less than `tail_s` left goes on."""
        if self._thread is not None:
            self._thread.end(grace_s, tail_s)
        elif not self.meter.is_stopped:
            left_s = self.left_s
            cut = left_s is not None and left_s > tail_s
            if left_s is not None and not cut:
                gevent.sleep(max(0.0, left_s))
            self.meter.stop(f"it was told to end {left_s:.1f} s before its time" if cut else "")
        self.plan.over.set()
        self.may_ask.set()  # users that wait there see that it is over

    def write(self) -> None:
        """Write the generator's own record, once every answer has arrived."""
        if self.plan.folder is not None:
            self.meter.write(self.plan.folder, self.plan.records.instance_id)
        self.plan.records.close()
        self.client.close()

    def follow(self, users: Callable[[], int]) -> None:
        """Follow pods and strategies that come and go, and pause while the master is silent, until the test ends."""
        look_s = 0.0
        while not self.plan.over.is_set():
            if self._metrics is not None:
                rate = self.plan.load.rate_per_s or 0.0
                self._metrics.runs(self.plan.strategies, users(), rate, self.share)
            slept_s = now_s()
            gevent.sleep(DEAL_EVERY_S)
            slept_s = now_s() - slept_s
            if slept_s < 2 * DEAL_EVERY_S:  # else what the master said has not been read yet
                self._pause(self._worker is not None and now_s() - self._heard_s > SILENCE_S_MAX)
            if not self.plan.is_open:  # an open loop's thread does it
                self.plan.records.flush()
            look_s += slept_s
            if look_s >= LOOK_EVERY_S:
                look_s = 0.0
                self.plan.follow()

    def _pause(self, is_paused: bool) -> None:
        if self._thread is not None:
            dispatcher = self._thread.dispatcher
            if is_paused and not dispatcher.is_paused:
                _log.error("The master is silent for %g s: nothing is sent until it is back", SILENCE_S_MAX)
            dispatcher.is_paused = is_paused
        elif is_paused and self.share is not None:
            self.may_ask.clear()
        elif self.share is not None and self.share.of:
            self.may_ask.set()
