"""What the nets did, as pods tell it before and after a load."""

from pathlib import Path

from prometheus_client import generate_latest

from app.metrics import Metrics
from app.nets.breaker import CircuitBreaker
from app.nets.nets import BreakerNet, Net
from loadtest.figures.net_acts import NET_ACTS, net_acts


def told(raw: Path, when: str, pod: int, **acts: int) -> Path:
    metrics = Metrics()
    runner = metrics.runner("static")
    for net in Net:
        for _ in range(acts.get(net.replace("-", "_"), 0)):
            runner.net_acted(net)
    breaker = CircuitBreaker(BreakerNet(), lambda: 0.0)
    breaker.opened = acts.get("breaker_opened", 0)
    metrics.breaker_opened.labels("static").read = lambda: breaker.opened
    path = raw / f"metrics-{when}pod-{pod}.prom"
    path.write_bytes(generate_latest(metrics.registry))
    return path


def test_the_acts_of_all_pods_during_the_load_are_counted_by_net(tmp_path: Path) -> None:
    told(tmp_path, "before-", 1, breaker=5, stale_if_error=2)
    told(tmp_path, "", 1, breaker=9, stale_if_error=2, breaker_opened=1)
    told(tmp_path, "before-", 2, failure_mark=1)
    told(tmp_path, "", 2, failure_mark=4, breaker=1, client_rate_limit=3, breaker_opened=2)
    assert net_acts(tmp_path, 2) == {"failure_mark": 3, "breaker": 5, "client_rate_limit": 3, "breaker_opened": 3}
    assert {"rate_limit", "queue", "hard_timeout"} < {*NET_ACTS}


def test_acts_are_not_known_of_a_pod_that_is_silent_or_began_anew(tmp_path: Path) -> None:
    told(tmp_path, "before-", 1, breaker=5)
    after = told(tmp_path, "", 1, breaker=5)
    assert net_acts(tmp_path, 1) == {}
    told(tmp_path, "", 1, breaker=4)
    assert net_acts(tmp_path, 1) is None
    after.write_text("# of a pod from before the nets\n")
    assert net_acts(tmp_path, 1) is None
    after.unlink()
    assert net_acts(tmp_path, 1) is None
