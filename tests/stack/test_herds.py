"""What the stack is there to show: needles where nothing holds them back, none under the remedies, and the alarm."""

from app.discovery import discover
from tests.stack.grafana import Window
from tests.stack.stages import MEASURED_S, Calm, Stack
from tests.stack.waiting import wait_until

NO_HERD = {"singleflight", "swr", "xfetch"}
"""Strategies under which a hot key is read once per expiry. (Jitter spreads keys, and has one hot key here.)"""
SCRAPES_MIN = 55
NEEDLE_RATIO_MIN = 3
LOADS_AT_ONCE_MIN = 2
"""Of a key, in each pod: a third of a herd of a dozen."""
ALERT = "Herd"


def _peaks(stack: Stack, window: Window) -> dict[str, float]:
    """Most origin reads in any one second, by strategy."""
    reads = "sum by (strategy) (increase(lab_origin_reads_total[1s]))"
    return {
        series["metric"]["strategy"]: max(float(value) for _, value in series["values"])
        for series in stack.grafana.series(reads, window)
    }


def _alarmed(stack: Stack, window: Window) -> set[tuple[str, str]]:
    """Alerts that fired, with their strategies, as series."""
    fired = stack.grafana.series('ALERTS{alertstate="firing"}', window)
    return {(series["metric"]["alertname"], series["metric"].get("strategy", "")) for series in fired}


def test_every_replica_is_scraped_each_second(stack: Stack, calm: Calm) -> None:
    seen = stack.grafana.by("pod", f"sum_over_time(up[{MEASURED_S}s])", calm.window.end_s)
    assert len(calm.pods) == 3
    assert len(seen) == 4, "three pods and one that sends"
    assert {pod: scrapes for pod, scrapes in seen.items() if scrapes < SCRAPES_MIN} == {}


def test_the_load_is_spread_evenly_over_pods_and_strategies(stack: Stack, calm: Calm) -> None:
    for label in ("pod", "strategy"):
        query = f"sum by ({label}) (increase(lab_requests_total[{MEASURED_S}s]))"
        shares = stack.grafana.by(label, query, calm.window.end_s)
        if label == "strategy":
            shares = {name: shares[name] for name in discover().choose(None)}  # nobody asks the others
        assert min(shares.values()) > 0.8 * max(shares.values()), shares


def test_no_client_saw_an_error_or_a_wrong_answer(stack: Stack, calm: Calm) -> None:
    answers = stack.grafana.by("code", "sum by (code) (lab_load_requests_total)", calm.window.end_s)
    assert set(answers) == {"200"}
    assert stack.grafana.number("sum(lab_load_wrong_answers_total)", calm.window.end_s) == 0


def test_static_has_needles_three_times_as_high_as_singleflight(stack: Stack, calm: Calm) -> None:
    peaks = _peaks(stack, calm.window)
    assert peaks["static"] >= NEEDLE_RATIO_MIN * peaks["singleflight"], peaks


def test_the_needles_of_static_alarm(stack: Stack, calm: Calm) -> None:
    wait_until(f"{ALERT} fires", lambda: (ALERT, "static") in _alarmed_now(stack), within_s=60)


def _alarmed_now(stack: Stack) -> set[tuple[str, str]]:
    firing = stack.grafana.now('ALERTS{alertstate="firing"}')
    return {(series["metric"]["alertname"], series["metric"].get("strategy", "")) for series in firing}


def test_nothing_alarms_about_the_remedies(stack: Stack, calm: Calm) -> None:
    since_the_start = Window(calm.window.start_s - 30, calm.window.end_s)
    assert {alarm for alarm in _alarmed(stack, since_the_start) if alarm[1] in NO_HERD or not alarm[1]} == set()


def test_a_forced_herd_reads_the_origin_at_once_unless_loads_are_collapsed(stack: Stack, flushed: Window) -> None:
    peaks = _peaks(stack, flushed)
    for name in NO_HERD:
        assert peaks["static"] >= NEEDLE_RATIO_MIN * peaks[name], peaks


def test_a_forced_herd_alarms_in_vmalert_and_as_a_series(stack: Stack, flushed: Window) -> None:
    alert = wait_until(f"{ALERT} fires in vmalert", lambda: stack.firing(ALERT, strategy="static"), within_s=30)
    assert float(alert["value"]) >= LOADS_AT_ONCE_MIN
    assert "static" in alert["annotations"]["summary"]
    assert alert["annotations"]["description"]
    wait_until(f"{ALERT} is a series", lambda: (ALERT, "static") in _alarmed_now(stack), within_s=30)
    assert {name for name in NO_HERD if stack.firing(ALERT, strategy=name)} == set()
