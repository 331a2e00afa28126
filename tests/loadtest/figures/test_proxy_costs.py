"""What proxies in front of the pods cost is a part of what an answer costs."""

import json
from pathlib import Path

import pytest

from loadtest.figures.proxy_costs import PROXIES, service_cpu_s
from loadtest.figures.redis_commands import AFTER, BEFORE


def pods(raw: Path, before_s: float, after_s: float) -> None:
    for name, cpu_s in (("metrics-before-pod-1.prom", before_s), ("metrics-pod-1.prom", after_s)):
        (raw / name).write_text(f"# TYPE lab_cpu_seconds gauge\nlab_cpu_seconds {cpu_s}\n")


def proxies(raw: Path, before: dict[str, dict[int, float]], after: dict[str, dict[int, float]]) -> None:
    for when, told in ((BEFORE, before), (AFTER, after)):
        (raw / f"{when}{PROXIES}").write_text(json.dumps(told))


def test_the_cpu_time_of_the_proxies_is_added_to_that_of_the_pods(tmp_path: Path) -> None:
    pods(tmp_path, 1.0, 3.5)
    assert service_cpu_s(tmp_path) == pytest.approx(2.5), "no proxy, as with every strategy that is none"
    proxies(tmp_path, {"varnish-1": {7: 1.0, 8: 0.5}}, {"varnish-1": {7: 1.25, 8: 2.0}})
    assert service_cpu_s(tmp_path) == pytest.approx(2.5 + 0.25 + 1.5)


def test_it_is_unknown_where_a_process_of_a_proxy_has_ended_meanwhile(tmp_path: Path) -> None:
    pods(tmp_path, 1.0, 3.5)
    proxies(tmp_path, {"varnish-1": {7: 1.0, 8: 0.5}}, {"varnish-1": {7: 1.25, 9: 0.1}})
    assert service_cpu_s(tmp_path) is None
    (tmp_path / f"{AFTER}{PROXIES}").unlink()
    assert service_cpu_s(tmp_path) is None, "the run was cut short"
