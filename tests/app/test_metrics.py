"""The metrics that are more than a counter."""

import re
import time

from app.metrics import Metrics
from app.peak import Peak
from app.prefixes import prefixes_of
from app.strategies.static import Static
from app.strategies.swr import StaleWhileRevalidate
from loadtest.workload.stated_settings import StatedSettings


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


def test_the_cpu_time_is_that_of_the_process_whenever_somebody_looks() -> None:
    metrics = Metrics()
    before_s = time.process_time()
    seen_s = metrics.registry.get_sample_value("lab_cpu_seconds")
    assert seen_s is not None
    assert before_s <= seen_s <= time.process_time()


def test_a_strategy_is_told_with_its_kind_and_a_mistake_as_one() -> None:
    class Late(StaleWhileRevalidate):
        right_twin = "swr"

    metrics = Metrics()
    metrics.tell(StatedSettings(), {"static": Static, "swr": StaleWhileRevalidate, "late": Late})
    told = [line for line in metrics.text().decode().splitlines() if line.startswith("lab_strategy_info{")]
    assert sorted(re.findall(r'(ordered|kind)="([^"]*)"', line) for line in told) == [
        [("kind", "none"), ("ordered", "00 static")],
        [("kind", "stale"), ("ordered", "01 swr")],
        [("kind", "wrong"), ("ordered", "02 late")],
    ]
    marked = [line for line in told if 'says="✗ wrong on purpose, right is swr: ' in line]
    assert [re.findall(r'strategy="(\w+)"', line) for line in marked] == [["late"]]


def test_the_ttl_of_a_prefix_is_the_tuners_and_an_unasked_one_looks_nothing_up() -> None:
    metrics, looked = Metrics(), list[str]()
    hot, cold = prefixes_of("any")[:2]

    def tuned_s(prefix: str) -> float | None:
        looked.append(prefix)
        return {hot: 20.0}.get(prefix)

    metrics.watch_prefixes("any", 5.0, tuned_s)
    gauge = metrics.registry.get_sample_value
    labels = [{"strategy": "any", "prefix": prefix} for prefix in (hot, cold)]
    assert [gauge("lab_prefix_ttl_seconds", one) for one in labels] == [5.0, 5.0]
    assert looked == []
    metrics.runner("any").prefix_asked(hot)
    assert [gauge("lab_prefix_ttl_seconds", one) for one in labels] == [20.0, 5.0]
    assert [gauge("lab_prefix_requests_total", one) for one in labels] == [1.0, 0.0]
    assert {*looked} == {hot}
