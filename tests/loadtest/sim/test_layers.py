"""The layers of `layered` on the hot key: each by itself is its twin, and all together are as good as the best."""

from collections.abc import Callable
from functools import cache
from statistics import median
from typing import NamedTuple

import pytest

from app.discovery import discover
from loadtest.figures.run_summary import RunSummary
from loadtest.sim.cluster.simulate import rare_collections, simulate
from loadtest.workload.scenario import read_scenario
from loadtest.workload.seeds import run_seed

SEEDS = [run_seed(1, repeat) for repeat in (1, 2, 3)]
FOUND = discover().strategies
PARTS = ("static", "jitter", "collapse", "singleflight", "swr", "xfetch")
OFF: dict[str, float | str] = {
    "spread": 0.0, "collapse": "none", "stale_s": 0.0, "beta": 0.0, "stale_if_error_s": 0.0
}  # fmt: skip
FLEET = OFF | {"collapse": "fleet"}

Figure = Callable[[RunSummary], float]


@cache
def rows(strategy: str, params: tuple[tuple[str, float | str], ...] = ()) -> list[RunSummary]:
    """The runs of a strategy on the hot key, one for each seed."""
    scenario = read_scenario("hot-key")
    if params:
        scenario = scenario.model_copy(update={"params": {strategy: dict(params)}})
    with rare_collections():
        return [simulate(scenario, FOUND[strategy], seed).row for seed in SEEDS]


def middle(of: list[RunSummary], figure: Figure) -> float:
    return median(map(figure, of))


def share(*statuses: str) -> Figure:
    return lambda row: sum(row.statuses.get(status, 0) for status in statuses) / row.requests


class Bound(NamedTuple):
    """A figure that is better the less it is, and what chance leaves of it: times the best, and more."""

    figure: Figure
    times: float = 1.0
    more: float = 0.0


ONE, HALF_A_POINT = 1.0, 0.005
AGES = {
    "age p50": Bound(lambda row: row.age_p50_s or 0.0, 1.05),
    "age p99": Bound(lambda row: row.age_p99_s or 0.0, 1.05),
}
BOUNDS = {
    "origin reads": Bound(lambda row: row.origin_reads, 1.05),
    "reads of the cold start": Bound(lambda row: row.cold_reads),
    "reads per expiry": Bound(lambda row: row.stampedes["hot"]["mean"]),
    "peak": Bound(lambda row: row.origin_peak_1s, more=ONE),
    "peak of the cold start": Bound(lambda row: row.cold_peak_1s, more=ONE),
    "peak after it": Bound(lambda row: row.steady_peak_1s or 0, more=ONE),
    "p50": Bound(lambda row: row.p50_ms or 0.0),
    "p95": Bound(lambda row: row.p95_ms or 0.0),
    "p99": Bound(lambda row: row.p99_ms or 0.0),
    "p99.9": Bound(lambda row: row.p999_ms or 0.0, 1.02),
    "not from the cache": Bound(lambda row: 1 - (row.hit_ratio or 0.0), more=HALF_A_POINT),
    "waited for the origin": Bound(share("miss", "collapsed"), more=HALF_A_POINT),
    "not fresh at once": Bound(lambda row: 1 - share("hit")(row), more=HALF_A_POINT),
    "errors": Bound(lambda row: row.errors + row.wrong_answers),
}


@pytest.mark.parametrize(
    ("params", "twin"),
    [
        (OFF, "static"),
        (OFF | {"spread": 0.2}, "jitter"),
        (OFF | {"collapse": "pod"}, "collapse"),
        (FLEET, "singleflight"),
        (FLEET | {"stale_s": 5.0}, "swr"),
        (FLEET | {"beta": 1.0}, "xfetch"),
    ],
)
def test_with_one_layer_it_is_its_twin(params: dict[str, float | str], twin: str) -> None:
    """Only the lots that they draw differ, which begin with a strategy's name; static draws none."""
    own, others = rows("layered", tuple(params.items())), rows(twin)
    for name, (figure, *_) in (BOUNDS | AGES).items():
        rel, more = (0.15, ONE) if "peak" in name else (0.05, HALF_A_POINT)  # a herd's size is a Poisson number
        if twin == "static":
            rel = more = 0.0
        assert middle(own, figure) == pytest.approx(middle(others, figure), rel=rel, abs=more), name


def test_all_layers_together_are_no_worse_than_the_best_of_them_in_what_they_are_for() -> None:
    for name, (figure, times, more) in BOUNDS.items():
        best = min(middle(rows(part), figure) for part in PARTS)
        assert middle(rows("layered"), figure) <= times * best + more, name


def test_what_is_younger_loads_more_often_and_what_serves_old_answers_serves_more_of_them() -> None:
    """Age has its price in loads, and no stale answer one in waiting: so it is compared with what pays no more."""

    def reads(part: str) -> float:
        return middle(rows(part), BOUNDS["origin reads"].figure)

    as_seldom = [part for part in PARTS if reads(part) <= reads("layered")]
    assert {"singleflight", "swr"} <= {*as_seldom}
    for name, (figure, times, _) in AGES.items():
        best = min(middle(rows(part), figure) for part in as_seldom)
        assert middle(rows("layered"), figure) <= times * best, name
    stale, older = share("stale"), (lambda row: row.older_share or 0.0)
    assert middle(rows("layered"), stale) < 0.25 * middle(rows("swr"), stale)
    assert middle(rows("layered"), older) < 0.5 * min(middle(rows(part), older) for part in ("swr", "jitter"))
