"""What is recorded: every second, every read once, under the names that `make ps` shows, while two people look."""

import pytest

from tests.stack.grafana import Window
from tests.stack.stages import MEASURED_S, Calm, Stack
from tests.stack.viewers import Watched

QUERIES_MAX = 56
"""At each refresh of the costliest dashboard, annotations included."""
EDGE_S = 2
SECONDS_SHARE_MIN = 0.95
"""Of those in which every pod was scraped; the ends of a window may be beyond it."""
NEVER_HERE = ("corrupt entries", "deaths of tasks", "lost pods", "refused connections", "refused writes", "shed")
"""Whatever else the machine has to do meanwhile."""
RECORDED = {
    "strategy:lab_requests:increase1s": "lab_requests_total",
    "strategy:lab_origin_reads:increase1s": "lab_origin_reads_total",
}


def _summed(stack: Stack, query: str, at_s: float) -> dict[str, float]:
    return stack.grafana.by("strategy", f"sum by (strategy) ({query})", at_s)


def _misses_no_second(stack: Stack, window: Window) -> None:
    """As many seconds are recorded as pods were scraped in; what is at either end may be beyond it."""
    seconds = window.end_s - window.start_s
    scraped = stack.grafana.by("pod", f'sum_over_time(up{{job="app"}}[{seconds}s])', window.end_s)
    least = SECONDS_SHARE_MIN * min(seconds, *scraped.values())
    for name in RECORDED:
        counted = stack.grafana.by("strategy", f"max by (strategy) (count_over_time({name}[{seconds}s]))", window.end_s)
        assert counted
        assert {strategy: (had, least) for strategy, had in counted.items() if had < least} == {}, name


@pytest.mark.parametrize("name", RECORDED)
def test_the_seconds_of_a_minute_add_up_to_what_the_counters_grew_by(stack: Stack, calm: Calm, name: str) -> None:
    """Nothing is lost or counted twice; what happens in the seconds at either end may be on either side of it."""
    counter, end_s = RECORDED[name], calm.window.end_s
    recorded = _summed(stack, f"sum_over_time({name}[{MEASURED_S}s])", end_s)
    least = _summed(stack, f"increase({counter}[{MEASURED_S - 2 * EDGE_S}s])", end_s - EDGE_S)
    most = _summed(stack, f"increase({counter}[{MEASURED_S + 2 * EDGE_S}s])", end_s + EDGE_S)
    assert recorded
    assert {
        one: (least[one], had, most[one]) for one, had in recorded.items() if not least[one] <= had <= most[one]
    } == {}


def test_a_recorded_needle_is_as_high_as_it_was(stack: Stack, calm: Calm) -> None:
    reads = "sum by (strategy) (increase(lab_origin_reads_total[{}s]))"
    recorded = _summed(stack, f"max_over_time(strategy:lab_origin_reads:increase1s[{MEASURED_S}s])", calm.window.end_s)
    of_one, of_two = (
        _summed(stack, f"max_over_time(({reads.format(width)})[{MEASURED_S}s:1s])", calm.window.end_s)
        for width in (1, 2)
    )
    assert {one: had for one, had in recorded.items() if not of_one[one] / 2 <= had <= of_two[one]} == {}


def test_no_second_is_missing(stack: Stack, calm: Calm) -> None:
    _misses_no_second(stack, calm.window)


def test_two_viewers_ask_little_and_cost_no_second(stack: Stack, watched: Watched) -> None:
    assert watched.asked_per_refresh <= QUERIES_MAX
    _misses_no_second(stack, watched.window)


def test_what_must_be_zero_is_counted_all_of_it(stack: Stack, calm: Calm) -> None:
    counted = stack.grafana.by("what", "what:lab_must_be_zero:increase5m", calm.window.end_s)
    assert len(counted) == 13
    assert {what: counted[what] for what in NEVER_HERE if counted[what]} == {}


def test_pods_are_called_what_make_ps_and_their_answers_say(stack: Stack, calm: Calm) -> None:
    names = {stack.project.short_name(one) for one in stack.project.containers("app")}
    assert names == {"app-1", "app-2", "app-3"}
    assert calm.pods == names
    assert set(stack.grafana.by("pod", "count by (pod) (pod:lab_requests:increase1s)", calm.window.end_s)) == names
    said = stack.project.exec(
        "app", "python", "-c",
        "import urllib.request as r; print(r.urlopen('http://127.0.0.1:8000/healthz').read().decode())",
    )  # fmt: skip
    assert any(f'"{name}"' in said for name in names), said


def test_the_needle_that_is_expected_is_theorys(stack: Stack, calm: Calm) -> None:
    """1 + lambda L, of what is measured: 95 % of a strategy's requests are for the hot key.

    Means of a minute, because rules are evaluated at seconds of their own: in one of them the rate may be another.
    """
    at_s = calm.window.end_s
    mean = f"avg_over_time(({{}})[{MEASURED_S}s:1s])"
    rate = stack.grafana.by("strategy", mean.format("sum by (strategy) (rate(lab_requests_total[10s]))"), at_s)
    took = stack.grafana.by("strategy", mean.format("strategy:lab_origin_read_duration_seconds:mean1m"), at_s)
    expected = stack.grafana.by("strategy", mean.format("strategy:lab_origin_reads:expected"), at_s)
    assert expected == pytest.approx({one: 1 + 0.95 * rate[one] * took[one] for one in expected}, rel=0.02)
