"""The metrics that are more than a counter."""

from dataclasses import dataclass

from app.metrics import ArmMetrics, Metrics, Peak
from app.strategy import Why


@dataclass
class FullPool:
    connections: int = 32
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


def test_the_reads_in_flight_are_at_their_peak_as_one_begins_or_ends() -> None:
    metrics, pool = Metrics(), FullPool()
    arm = ArmMetrics(metrics, "any", pool)

    def value() -> float | None:
        return metrics.registry.get_sample_value("lab_origin_reads_in_flight_peak", {"strategy": "any"})

    assert value() == 0
    arm.origin_asked(Why.MISS)
    assert value() == 15
    pool.reading, pool.waiting = 20, 0
    arm.origin_answered(0.2)
    assert value() == 21
    pool.reading = 0
    assert value() == 21
