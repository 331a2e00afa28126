"""The metrics that are more than a counter."""

import time
from dataclasses import dataclass

from app.metrics import Metrics, OriginMetrics, Peak
from app.strategy import Why


@dataclass
class FullPool:
    connections: int = 32
    connections_shared: int | None = None
    reading: int = 11
    waiting: int = 3


def test_a_peak_is_seen_by_whoever_looks_once_a_second() -> None:
    peak = Peak()
    peak.saw(12, 10.9)
    peak.saw(3, 10.95)
    assert [peak.value(now_s) for now_s in (10.99, 11.0, 11.9, 11.9)] == [12, 12, 12, 12]


def test_a_peak_is_forgotten_after_the_second_after_it() -> None:
    peak = Peak()
    peak.saw(12, 10.9)
    peak.saw(2, 11.5)
    assert [peak.value(now_s) for now_s in (11.9, 12.5, 13.0)] == [12, 2, 0]


def test_a_peak_that_nobody_looked_at_for_long_is_forgotten() -> None:
    peak = Peak()
    peak.saw(12, 10.9)
    assert peak.value(60.0) == 0


def test_the_reads_in_flight_are_at_their_peak_as_one_begins_or_ends_or_somebody_looks() -> None:
    metrics, pool = Metrics(), FullPool(reading=0, waiting=0)
    reads = OriginMetrics(metrics, "any")
    reads.watch(pool)

    def value() -> float | None:
        return metrics.registry.get_sample_value("lab_origin_reads_in_flight_peak", {"strategy": "any"})

    assert value() == 0
    pool.reading, pool.waiting = 11, 3
    reads.origin_asked(Why.MISS)
    pool.reading, pool.waiting = 0, 0
    assert value() == 14
    pool.reading = 20
    reads.origin_ended(0.2)
    pool.reading = 0
    assert value() == 20
    pool.reading = 30
    assert value() == 30


def test_the_cpu_time_is_that_of_the_process_whenever_somebody_looks() -> None:
    metrics = Metrics()
    before_s = time.process_time()
    seen_s = metrics.registry.get_sample_value("lab_cpu_seconds")
    assert seen_s is not None
    assert before_s <= seen_s <= time.process_time()
