"""What alarms and what does not in made-up runs, evaluated by the real vmalert: each run says all that fires in it."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import pytest

from tests.stack_config.made_up import PODS, MadeUp, StrategyRunner
from tests.stack_config.replay import Firing, replay_missing, replayed

APART_S = 600
"""Between two runs, so that none sees what was in the one before it."""
TTL_S, SOON_S = 5.0, 30
SETTLED_S = 5
"""From then on a run is alone in what is looked at: between runs nothing is scraped, which alarms."""
LOOKS_S = 5.0
"""Between two evaluations of a rule."""


def _herds(run: MadeUp) -> None:
    for rate in (20, 60, 427, 2000):
        run.serves(StrategyRunner(f"bare{rate}", rate))
        run.serves(StrategyRunner(f"collapsed{rate}", rate, collapses=True, emptied_s=[60]))
    run.serves(StrategyRunner("bare_of_ten", 427, keys=10))
    run.serves(StrategyRunner("collapsed_of_ten", 427, keys=10, collapses=True, emptied_s=[45, 60, 75]))
    run.serves(StrategyRunner("many", 500, keys=1000, hot_share=0, ttl_s=10, latency_s=0.035))


def _scattered(run: MadeUp) -> None:
    """Few requests over many pods: each pod repeats about a fifth of its reads, now more, now less."""
    run.serves(StrategyRunner("bare", 20))


def _waves(run: MadeUp) -> None:
    """A thousand keys that were warmed together, and are asked for so often that they stay together."""
    run.serves(StrategyRunner("in_step", 2000, keys=400, hot_share=0, ttl_s=10, latency_s=0.035, collapses=True))


def _steady(run: MadeUp) -> None:
    """Twenty minutes. A share of 4.8 % on average, once 5.2 % for three minutes, then back; and two that are clear."""
    run.serves(StrategyRunner("bare", 60))
    run.serves(StrategyRunner("collapsed", 60, collapses=True))
    for strategy, misses in {"few": lambda _: 3.5, "many": lambda _: 6, "hovers": _hovering}.items():
        for second in range(run.duration_s):
            share = misses(second) / 100
            moments = [second + number / 100 for number in range(100)]
            missed = (
                round(share * 100 * (second + 1)) - round(share * 100 * second)
                if strategy != "hovers"
                else round(share * 100)
            )
            run.counts("lab_requests_total", PODS[0], moments[missed:], strategy=strategy, status="hit")
            run.counts("lab_requests_total", PODS[0], moments[:missed], strategy=strategy, status="miss")
    run.level("lab_cache_away", PODS[0], [(0, 0), (400, 1), (410, 0)])  # one pod is busy
    run.level("lab_cache_away", PODS[1], [(0, 0), (400, 1), (402, 0)])  # one command was late
    run.level("lab_cache_away", PODS[2], [(0, 0)])


def _hovering(second: int) -> float:
    """Needles each 5.2 s whose sum is now a little more than a twentieth, now less, in waves of four minutes."""
    high = 31 if (second // 240) % 2 else 23
    return high if second % 5 == 0 else 0


def _away(run: MadeUp) -> None:
    """Redis is killed for half a minute: everybody reads the origin, which is too much for it."""
    run.serves(StrategyRunner("bare", 60, away_s=(60, 90), emptied_s=[90]))
    run.serves(StrategyRunner("collapsed", 60, away_s=(60, 90), emptied_s=[90], collapses=True))
    for pod in PODS:
        run.level("lab_cache_away", pod, [(0, 0), (60, 1), (90, 0)])
        run.level("lab_origin_connections", pod, [(0, 8)], strategy="collapsed")
        run.level("lab_origin_reads_in_flight_peak", pod, [(0, 1), (61, 20), (90, 1)], strategy="collapsed")
        run.counts("lab_origin_failures_total", pod, [70, 71], strategy="collapsed")
        run.counts("lab_requests_total", pod, [70, 71], strategy="collapsed", status="shed")
        run.counts("lab_requests_total", pod, [70, 71], strategy="collapsed", status="error")


def _origin_fails(run: MadeUp) -> None:
    """The origin fails for twenty seconds: each read of it is tried again, its readers queue, and are turned away."""
    run.serves(StrategyRunner("bare", 60))
    run.serves(StrategyRunner("other", 60))
    for pod in PODS:
        failed = [60 + number / 10 for number in range(200)]
        run.counts("lab_origin_failures_total", pod, failed, strategy="bare")
        run.counts("lab_origin_failures_total", pod, (), strategy="other")
        run.counts("lab_origin_asked_total", pod, failed, strategy="bare", reason="miss")
        run.counts("lab_requests_total", pod, failed[::2], strategy="bare", status="error")
        run.counts("lab_requests_total", pod, failed[1::2], strategy="bare", status="shed")
        run.level("lab_origin_connections", pod, [(0, 8)], strategy="bare")
        run.level("lab_origin_reads_in_flight_peak", pod, [(0, 1), (61, 20), (80, 1)], strategy="bare")
    run.counts("lab_load_requests_total", "sender", [62, 66], strategy="bare", code="0")


def _service_fails(run: MadeUp) -> None:
    run.counts("lab_load_requests_total", "sender", [60], strategy="any", code="500")
    run.counts("lab_load_requests_total", "sender", [60], strategy="any", code="404")


def _wrong_answers(run: MadeUp) -> None:
    run.counts("lab_load_wrong_answers_total", "sender", [60], strategy="any")


def _older_answers(run: MadeUp) -> None:
    """One pod does not hear Redis in time, and reads the origin: its answer is newer than what others have."""
    run.counts("lab_cache_failures_total", PODS[0], [55], command="mget")
    run.counts("lab_load_wrong_answers_total", "sender", [60], strategy="any")


def _no_answers(run: MadeUp) -> None:
    run.counts("lab_load_requests_total", "sender", [60], strategy="any", code="0")


def _pod_goes(run: MadeUp) -> None:
    run.serves(StrategyRunner("collapsed", 60, collapses=True))
    run.silent([PODS[1]], 60, 1000)
    run.counts("lab_load_requests_total", "sender", [60.1, 60.2], strategy="any", code="0")


def _pod_stands_still(run: MadeUp) -> None:
    """It is paused for ten seconds, in which it is scraped in vain."""
    run.serves(StrategyRunner("collapsed", 60, collapses=True))
    run.level("up", "paused", [(0, 1), (60, 0), (70, 1)], job="app")
    run.counts("lab_origin_failures_total", "paused", [70.1, 70.2], strategy="any")  # its reads took too long
    run.counts("lab_load_requests_total", "sender", [60.1, 60.2], strategy="any", code="0")


def _pod_restarts(run: MadeUp) -> None:
    run.serves(StrategyRunner("collapsed", 60, collapses=True))
    run.silent([PODS[1]], 60, 63)
    run.restarts(PODS[1], 61)


def _store_restarts(run: MadeUp) -> None:
    run.serves(StrategyRunner("bare", 200))
    run.serves(StrategyRunner("collapsed", 427, collapses=True))
    run.silent([*PODS, "sender"], 60, 85)
    run.silent([PODS[1]], 85, 115)  # takes long to begin


def _busy(run: MadeUp) -> None:
    """One pod answers every other scrape for a while; another misses one now and then; a third takes long to begin."""
    run.level("up", "busy", [(0, 1), *((second, second % 2) for second in range(60, 120)), (120, 1)], job="app")
    run.level("up", "fair", [(0, 1), *((second, second % 8 > 0) for second in range(60, 180))], job="app")
    run.level("up", "slow", [(60, 0), (85, 1)], job="app")


def _bounds(run: MadeUp) -> None:
    run.counts("lab_requests_total", PODS[0], [60], strategy="full", status="shed")
    run.counts("lab_connections_refused_total", PODS[1], [60])
    for strategy, peak in {"exhausts": 33, "fills": 32}.items():
        run.level("lab_origin_connections", PODS[0], [(0, 32)], strategy=strategy)
        # for two of every ten seconds
        peaks = [(second, peak if second % 10 < 2 else 0) for second in range(30, run.duration_s)]
        run.level("lab_origin_reads_in_flight_peak", PODS[0], peaks, strategy=strategy)
    for strategy, waiting in {"shares": 5, "shares_enough": 0}.items():
        for pod in PODS:
            run.level("lab_origin_connections_shared", pod, [(0, 20)], strategy=strategy)
            run.level("lab_origin_readers_waiting", pod, [(0, 0), (60, waiting), (61, 0)], strategy=strategy)


def _begins_late(run: MadeUp) -> None:
    """Pods that nobody asks, then half a minute with a cold cache."""
    for pod in PODS:
        moments = [150 + number / 20 for number in range(600)]
        run.counts("lab_requests_total", pod, moments[::10], strategy="cold", status="miss")
        run.counts("lab_requests_total", pod, moments, strategy="cold", status="hit")


def _writes_refused(run: MadeUp) -> None:
    """Redis is full and takes nothing: each load fails to store what it read."""
    moments = [60 + number / 5 for number in range(300)]
    run.counts("lab_origin_reads_total", PODS[0], moments, strategy="any", reason="miss")
    run.counts("lab_cache_failures_total", PODS[0], moments, command="put")


@dataclass(frozen=True, slots=True)
class Case:
    fill: Callable[[MadeUp], None]
    duration_s: int
    fires: frozenset[tuple[str, str]]
    """All of it: alerts, each with the strategy, pod or cause that it names."""
    may: frozenset[tuple[str, str]] = frozenset()
    """What chance decides."""
    pods: Sequence[str] = PODS


def _bare(*strategies: str, peaks: Sequence[str] = ()) -> set[tuple[str, str]]:
    return {("Herd", one) for one in strategies} | {("OriginReadsPeak", one) for one in peaks}


CASES = {
    "herds": Case(
        _herds,
        120,
        # of 20 requests a second 5 find the entry gone: a herd, and no peak that an origin would mind
        frozenset(
            _bare(
                "bare20",
                "bare60",
                "bare427",
                "bare2000",
                "bare_of_ten",
                peaks=("bare60", "bare427", "bare2000", "bare_of_ten"),
            )
        ),
    ),
    "scattered": Case(
        _scattered,
        400,
        frozenset({("Herd", "bare"), ("MissRateHigh", "bare")}),
        pods=[f"pod-{number}" for number in range(8)],
    ),
    "waves": Case(_waves, 90, frozenset({("OriginReadsPeak", "in_step")})),
    "steady": Case(
        _steady,
        1500,
        frozenset({*_bare("bare", peaks=("bare",)), ("MissRateHigh", "many"), ("MissRateHigh", "hovers")}),
        may=frozenset({("MissRateHigh", "bare")}),  # 4.7 % on average
    ),
    "away": Case(
        _away,
        130,
        frozenset({("CacheAway", ""), *_bare("bare")}),
        may=frozenset({("OriginReadsPeak", "bare")}),  # before it is away
    ),
    "origin fails": Case(
        _origin_fails,
        180,
        frozenset({("OriginFails", ""), *_bare("bare", "other", peaks=("other",))}),
        may=frozenset({("OriginReadsPeak", "bare")}),  # before it fails
    ),
    "service fails": Case(_service_fails, 180, frozenset({("Errors", "service")})),
    "wrong answers": Case(_wrong_answers, 180, frozenset({("Errors", "answers")})),
    "older answers": Case(_older_answers, 180, frozenset({("Errors", "cache")})),
    "no answers": Case(_no_answers, 180, frozenset({("Errors", "connections")})),
    "pod goes": Case(_pod_goes, 180, frozenset({("PodLost", PODS[1])})),
    "pod stands still": Case(_pod_stands_still, 180, frozenset()),
    "pod restarts": Case(_pod_restarts, 180, frozenset()),
    "store restarts": Case(_store_restarts, 180, frozenset(_bare("bare", peaks=("bare",)))),
    "busy": Case(_busy, 180, frozenset({("ScrapesMissing", "busy")})),
    "bounds": Case(
        _bounds,
        180,
        frozenset(
            {
                ("LockTimeouts", "full"),
                ("ConnectionsRefused", PODS[1]),
                ("OriginPoolExhausted", "exhausts"),
                ("OriginPoolExhausted", "shares"),
            }
        ),
    ),
    "begins late": Case(_begins_late, 180, frozenset()),
    "writes refused": Case(_writes_refused, 180, frozenset({("Errors", "cache")})),
}


@dataclass(frozen=True, slots=True)
class Told:
    """What fired in one run, with the seconds of the run in which it did."""

    moments_s: dict[tuple[str, str], list[float]]

    def interruptions(self, alert: str, subject: str) -> int:
        moments = self.moments_s[alert, subject]
        return sum(later - earlier > LOOKS_S for earlier, later in pairwise(moments))


@pytest.fixture(scope="module")
def told() -> dict[str, Told]:
    if missing := replay_missing():
        pytest.skip(f"no alarm was tried: {missing}")
    start_s = int(time.time()) // 60 * 60 - sum(case.duration_s + APART_S for case in CASES.values())
    runs = {}
    for seed, (name, case) in enumerate(CASES.items()):
        runs[name] = MadeUp(start_s, case.duration_s, seed, case.pods)
        case.fill(runs[name])
        start_s += case.duration_s + APART_S
    fired = replayed(list(runs.values()))
    return {name: Told(_within(fired, run)) for name, run in runs.items()}


def _within(fired: Sequence[Firing], run: MadeUp) -> dict[tuple[str, str], list[float]]:
    found = {}
    for one in fired:
        said = one.labels
        subject = said.get("strategy") or said.get("cause") or said.get("pod", "")
        if moments := [
            moment - run.start_s for moment in one.moments_s if run.start_s + SETTLED_S <= moment <= run.end_s
        ]:
            found[said["alertname"], subject] = moments
    return found


@pytest.mark.parametrize("name", CASES)
def test_this_fires_and_nothing_else(told: dict[str, Told], name: str) -> None:
    assert set(told[name].moments_s) - CASES[name].may == CASES[name].fires


@pytest.mark.parametrize("rate", [20, 60, 427, 2000])
def test_a_herd_alarms_within_six_needles(told: dict[str, Told], rate: int) -> None:
    assert told["herds"].moments_s["Herd", f"bare{rate}"][0] <= 6 * TTL_S


@pytest.mark.parametrize(
    "alarm", [("Herd", "bare"), ("OriginReadsPeak", "bare"), ("MissRateHigh", "many"), ("MissRateHigh", "hovers")]
)
def test_what_is_steady_alarms_without_a_break_until_the_end(told: dict[str, Told], alarm: tuple[str, str]) -> None:
    assert told["steady"].interruptions(*alarm) == 0
    assert told["steady"].moments_s[alarm][-1] >= CASES["steady"].duration_s - LOOKS_S


def test_what_hovers_about_a_bound_alarms_without_a_break(told: dict[str, Told]) -> None:
    assert told["scattered"].interruptions("Herd", "bare") == 0


def test_while_redis_is_away_that_alone_alarms_and_ends_when_it_is_back(told: dict[str, Told]) -> None:
    known_s, back_s = 65.0, 90.0
    for (alert, _), moments in told["away"].moments_s.items():
        if alert == "CacheAway":
            assert moments[0] <= known_s
            assert back_s <= moments[-1] <= back_s + SOON_S
        else:
            assert max(moments) <= known_s, alert


def test_while_the_origin_fails_that_alone_alarms_about_who_reads_it(told: dict[str, Told]) -> None:
    known_s, well_s = 65.0, 80.0
    for (alert, subject), moments in told["origin fails"].moments_s.items():
        if alert == "OriginFails":
            assert moments[0] <= known_s
            assert well_s <= moments[-1] <= well_s + SOON_S + LOOKS_S
        elif subject == "bare":
            assert max(moments) <= known_s, alert


@pytest.mark.parametrize("alarm", ["Herd", "OriginReadsPeak"])
def test_a_restart_of_the_metrics_store_ends_no_alarm(told: dict[str, Told], alarm: str) -> None:
    assert told["store restarts"].interruptions(alarm, "bare") == 0


def test_an_exhausted_pool_alarms_between_its_peaks_too(told: dict[str, Told]) -> None:
    assert told["bounds"].interruptions("OriginPoolExhausted", "exhausts") == 0
