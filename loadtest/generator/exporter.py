"""The load's own metrics: what was sent, and whether the generator kept up."""

import resource
from collections.abc import Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram, start_http_server

from app.metrics import DURATION_BUCKETS_S
from loadtest.generator.deal import Share
from loadtest.generator.meter import Meter

LATENESS_BUCKETS_S = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5)


class LoadMetrics:
    """The metrics of one Locust process, served read-only at /metrics on `port` of `host` from the start."""

    def __init__(self, port: int, host: str = "127.0.0.1") -> None:
        by = CollectorRegistry()
        strategy = ("strategy",)
        self._requests = Counter("lab_load_requests", "Requests sent", ("strategy", "code"), registry=by)
        self._latency = Histogram(
            "lab_load_latency_seconds",
            "From the intended start",
            ("strategy",),
            buckets=DURATION_BUCKETS_S,
            registry=by,
        )
        self._lateness = Histogram(
            "lab_load_lateness_seconds", "Sent after it was meant to be", buckets=LATENESS_BUCKETS_S, registry=by
        )
        self._faults = Counter("lab_load_wrong_answers", "Answers that were wrong", strategy, registry=by)
        self._rerouted = Counter("lab_load_rerouted", "Asked another pod: one could not be reached", registry=by)
        self._retries = Counter(
            "lab_load_retries", "Attempts beyond a request's first, as each ends", strategy, registry=by
        )
        self._failed_attempts = Counter(
            "lab_load_failed_attempts", "Attempts that failed and are made again", ("strategy", "code"), registry=by
        )
        self._gave_up = Counter(
            "lab_load_gave_up", "Requests whose last attempt nothing answered in time", strategy, registry=by
        )
        self._waiting = Gauge("lab_load_retries_waiting", "Retries that wait for their time", registry=by)
        self._retries_not_sent = Gauge(
            "lab_load_retries_not_sent", "Due in this test, and beyond a bound of the generator", registry=by
        )
        self._not_sent = Gauge("lab_load_not_sent", "Due in this test, and beyond the bound in flight", registry=by)
        self._in_flight = Gauge("lab_load_in_flight", "Requests on their way", registry=by)
        self._users = Gauge("lab_load_users", "Users at work in this process", registry=by)
        self._target = Gauge(
            "lab_load_target_rate",
            "Requests per second that all processes together are to send, whoever of them is there",
            registry=by,
        )
        self._part = Gauge("lab_load_share_number", "Which part of the load is this process's; 0: none", registry=by)
        self._parts = Gauge("lab_load_share_of", "In how many parts the load is dealt; 0: unknown", registry=by)
        self._hottest = Gauge(
            "lab_load_hottest_share", "Share of a strategy's requests that ask for the most popular key", registry=by
        )
        self._sends = Gauge("lab_load_scenario_info", "1, of what is sent", ("scenario",), registry=by)
        self._running = Gauge("lab_load_running", "1 while a test runs", registry=by)
        cpu = Gauge("lab_load_cpu_seconds", "CPU that this process has used", registry=by)
        cpu.set_function(_cpu_s)
        self._counted: dict[tuple[str, int], tuple[Counter, Histogram]] = {}
        """The children of a strategy and a code, which cost more to find than to count with."""
        start_http_server(port, addr=host, registry=by)

    def meters(self, meter: Meter) -> None:
        """Count with the meter of a test that begins."""
        self._not_sent.set_function(lambda: meter.not_sent)
        self._in_flight.set_function(lambda: meter.in_flight)
        self._waiting.set_function(lambda: meter.retries.waiting)
        self._retries_not_sent.set_function(lambda: meter.retries.not_sent)

    def sends(self, scenario: str, hottest_share: float) -> None:
        """Show the scenario of a test that begins."""
        self._sends.clear()
        self._sends.labels(scenario).set(1)
        self._hottest.set(hottest_share)

    def runs(self, strategies: Sequence[str], users: int, target_rate: float, share: Share | None) -> None:
        """Show a test that runs, with children of every metric for each of its strategies from now on."""
        for strategy in strategies:
            self._requests.labels(strategy, "200")
            self._latency.labels(strategy)
            self._faults.labels(strategy)
            self._retries.labels(strategy)
            self._gave_up.labels(strategy)
        self._running.set(1)
        self._users.set(users)
        self._target.set(target_rate)
        self._part.set(share.number + 1 if share is not None and share.of else 0)
        self._parts.set(share.of if share is not None else 0)

    def rests(self) -> None:
        """Show that no test runs."""
        self._sends.clear()
        for gauge in (self._hottest, self._running, self._users, self._target, self._part, self._parts):
            gauge.set(0)

    def answered(self, strategy: str, code: int, latency_s: float, lateness_s: float | None, fault: str) -> None:
        """Count an answer; `lateness_s` is None for a request without an intended start."""
        children = self._counted.get((strategy, code))
        if children is None:
            children = self._requests.labels(strategy, str(code)), self._latency.labels(strategy)
            self._counted[strategy, code] = children
        children[0].inc()
        children[1].observe(latency_s)
        if lateness_s is not None:
            self._lateness.observe(lateness_s)
        if fault:
            self._faults.labels(strategy).inc()

    def retried(self, strategy: str) -> None:
        """Count an attempt beyond a request's first that has ended."""
        self._retries.labels(strategy).inc()

    def failed_attempt(self, strategy: str, code: int) -> None:
        """Count an attempt that is followed by another; `code` is 0 where nothing answered it."""
        self._failed_attempts.labels(strategy, str(code)).inc()

    def gave_up(self, strategy: str) -> None:
        """Count a request whose last attempt nothing answered in time, among those that `answered` counts."""
        self._gave_up.labels(strategy).inc()

    def rerouted(self) -> None:
        self._rerouted.inc()


def _cpu_s() -> float:
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime
