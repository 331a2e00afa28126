"""The time that a scrape of a pod takes, during which the pod answers no request."""

import time

from app.metrics import Metrics
from app.strategy import Status
from benchmarks.hitpath.result import ScrapeTime

STRATEGIES = (5, 20)
TRIES = 20
"""Texts of which the quickest counts: the others had company on the processor."""


def measure_scrapes() -> tuple[ScrapeTime, ...]:
    """The CPU time of the text of `/metrics` at some numbers of strategies."""
    return tuple(map(_measured, STRATEGIES))


def _measured(strategies: int) -> ScrapeTime:
    metrics = Metrics()
    for number in range(strategies):
        runner = metrics.runner(f"strategy_{number}")
        metrics.origin(f"strategy_{number}")
        for place, status in enumerate(Status):
            runner.answered(status, 0.01 * place, age_s=0.3 * place)
    metrics.text()  # the first one lays it out
    return ScrapeTime(strategies, min(_cpu_ms(metrics) for _ in range(TRIES)))


def _cpu_ms(metrics: Metrics) -> float:
    began_s = time.process_time()
    metrics.text()
    return (time.process_time() - began_s) * 1000
