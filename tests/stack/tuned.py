"""The tuner in the running stack: begun, ended and begun again under a load whose requests it reads."""

import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from tests.stack.asked import Said, load
from tests.stack.grafana import Window
from tests.stack.panels import queries
from tests.stack.stages import Stack
from tests.stack.waiting import wait_until

STRATEGY, SCENARIO, BOARD = "vwatt", "hot-key", "ttls"
TTLS = "max by (prefix) (lab_prefix_ttl_seconds)"
WITHIN_S, RECORDED_WITHIN_S = 90, 20


@dataclass(frozen=True, slots=True)
class Tuned:
    """What came of it, in this order."""

    load: Said
    own_s: float
    """The run's TTL, which holds without a tuner."""
    first: dict[str, float]
    """The TTLs by prefix once the tuner had set some, as the metrics have them."""
    without: dict[str, float]
    """The same some time after its end."""
    seen_after_s: float
    """Seconds from its second start until the metrics had other TTLs than the run's own."""
    again: dict[str, float]
    rates: dict[str, float]
    """Requests per second by prefix meanwhile."""
    empty: list[str]
    """The queries of the board of TTLs that had no data."""


def tune(stack: Stack) -> Tuned:
    """Put a load on the strategy that reads TTLs, which makes the tuner a part of the stack."""
    said = load(stack.project, f"SCENARIO={SCENARIO}", f"STRATEGIES={STRATEGY}")
    own_s = stack.grafana.number("max(lab_ttl_seconds)")

    def changed(enough: Callable[[Iterable[bool]], bool] = any) -> dict[str, float]:
        found = stack.grafana.by("prefix", TTLS)
        return found if enough(ttl_s != own_s for ttl_s in found.values()) else {}

    first = wait_until("the tuner has set a TTL", changed, WITHIN_S)
    [tuner] = stack.project.containers("tuner")
    stack.project.stop(tuner)
    wait_until("what it has set ends", lambda: not changed(), WITHIN_S)
    without = stack.grafana.by("prefix", TTLS)
    stack.project.start(tuner)
    began_s = time.monotonic()
    wait_until("the tuner sets TTLs again", changed, WITHIN_S)
    seen_after_s = time.monotonic() - began_s
    again = wait_until("it has set all", lambda: changed(all), WITHIN_S)
    rates = stack.grafana.by("prefix", "sum by (prefix) (rate(lab_prefix_requests_total[10s]))")
    asked = [query for query in queries() if query.dashboard == BOARD]
    lately = Window(int(time.time()) - RECORDED_WITHIN_S, int(time.time()))
    empty = [query.name for query in asked if not stack.grafana.series(query.filled([STRATEGY], STRATEGY), lately)]
    return Tuned(said, own_s, first, without, seen_after_s, again, rates, empty)
