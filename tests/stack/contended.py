"""A contender in the running stack, beside the lab's own strategy of the same class of protection, and then neither."""

import time
from dataclasses import dataclass
from typing import Any

import httpx

from tests.stack.asked import Said, load
from tests.stack.grafana import Window
from tests.stack.panels import queries
from tests.stack.stages import Stack
from tests.stack.waiting import wait_until

OWN, CONTENDER, SCENARIO = "singleflight", "cashews_lock", "side-by-side"
BOARD, ROW = "stampede", "kind_contenders"
EXPIRIES, TTL_S = 6, 5
ASKED_WITHIN_S = 60


@dataclass(frozen=True, slots=True)
class Contended:
    """What came of it, in this order."""

    load: Said
    served: dict[str, Any]
    """The contenders that a pod serves, by its own account."""
    requests: dict[str, float]
    reads: dict[str, float]
    """By strategy, in `EXPIRIES` times the TTL."""
    wrong: float
    kinds: dict[str, float]
    """The strategies that the metrics call contenders."""
    row: list[str]
    """The queries of the board's row of contenders."""
    empty: list[str]
    """Those of them that had no data."""
    without: Said
    served_without: dict[str, Any]


def contend(stack: Stack) -> Contended:
    """Put a load on a contender, which brings its library into the pods; then on none again."""
    said = load(stack.project, f"SCENARIO={SCENARIO}", f"STRATEGIES={OWN},{CONTENDER}", "RATE=100")
    window_s = EXPIRIES * TTL_S
    counted = f"sum by (strategy) (increase({{}}[{window_s}s]))"

    def both_are_asked() -> bool:
        return {OWN, CONTENDER} <= {
            name for name, count in stack.grafana.by("strategy", counted.format("lab_requests_total")).items() if count
        }

    wait_until("both are asked", both_are_asked, ASKED_WITHIN_S)
    time.sleep(window_s + TTL_S)
    now_s = int(time.time()) - 3
    requests, reads = (
        stack.grafana.by("strategy", counted.format(name), now_s)
        for name in ("lab_requests_total", "lab_origin_reads_total")
    )
    wrong = stack.grafana.number(f"sum(increase(lab_load_wrong_answers_total[{window_s}s]))", now_s)
    kinds = stack.grafana.by("strategy", 'count by (strategy) (lab_strategy_info{kind="contenders"})', now_s)
    row = [query for query in queries() if query.dashboard == BOARD and f"${ROW}" in query.expr]
    lately = Window(now_s - window_s, now_s)
    empty = [query.name for query in row if not stack.grafana.series(query.filled([CONTENDER], OWN), lately)]
    served = _served(stack)
    without = load(stack.project, f"STRATEGIES={OWN}")
    return Contended(
        said, served, requests, reads, wrong, kinds, [query.name for query in row], empty, without, _served(stack)
    )


def _served(stack: Stack) -> dict[str, Any]:
    answer = httpx.get(f"{stack.project.url('FRONT_PORT')}/strategies", timeout=10, trust_env=False)
    contenders: dict[str, Any] = answer.raise_for_status().json()["contenders"]
    return contenders
