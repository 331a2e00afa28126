"""Theory against the published figures, and against the protocol itself, replayed request by request with a seed."""

import heapq
import math
import statistics
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import pytest
from scipy.stats import poisson

from app.discovery import discover
from app.latency import Latency
from app.strategy import Loader, Lookup, Mechanism, MechanismKind, Strategy, parameter
from loadtest.figures.origin_load import sliding_peak
from loadtest.theory import formulas as theory
from loadtest.theory.latency_law import herd_of_law, pod_herd_of_law, pod_herd_s
from loadtest.theory.predict import Prediction, predict, silent_because
from loadtest.workload.scenario import Scenario, read_scenario, scenario_names

SEED, UNKNOWN = 20_240_607, MechanismKind.UNKNOWN


class Unspoken(Strategy):
    """Of which theory has nothing to say. Nobody asks it, or those below: what they do is in `replay`."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        raise NotImplementedError


class Alone(Unspoken):
    spread: float = parameter(0.0, "width of the range that TTLs are drawn from, in TTLs", low=0, high=2)
    lift: float = parameter(0.0, "how much longer their mean is, in TTLs", low=0, high=2)

    def mechanism(self) -> Mechanism:
        return Mechanism.none(stretch=1.0 + self.lift, spread=self.spread)


class Together(Unspoken):
    def mechanism(self) -> Mechanism:
        return Mechanism.collapse()


class Stale(Unspoken):
    stale_s: float = parameter(5.0, "how long past its freshness", low=0)

    def mechanism(self) -> Mechanism:
        return Mechanism.stale(window_s=self.stale_s)


class Early(Unspoken):
    beta: float = parameter(1.0, "how early", low=0)

    def mechanism(self) -> Mechanism:
        return Mechanism.early(beta=self.beta)


HOT_KEY: dict[str, Any] = {
    "name": "hot-key",
    "title": "as in the primer",
    "duration_s": 60,
    "pods": 3,
    "load": {"loop": "closed", "users": 50, "think_s": 0.1, "think": "constant"},
    "keys": {"count": 10, "hot_share": 0.95},
    "cache": {"ttl_s": 5.2},  # 5 s from when a load has landed, as published; the lab's TTL begins with the read
    "origin": {"latency": "fixed(200)", "connections": 32},
}
BULK: dict[str, Any] = HOT_KEY | {"duration_s": 30, "keys": {"count": 100}, "warm": {"keys": "burst"}}
MANY: dict[str, Any] = HOT_KEY | {
    "duration_s": 600,
    "load": {"loop": "open", "rate_per_s": 5200},
    "keys": {"count": 1000},
    "cache": {"ttl_s": 10},
    "origin": {"latency": "uniform(20, 50)", "connections": 64},
}


def scenario_of(table: dict[str, Any], **changes: Any) -> Scenario:
    return Scenario.model_validate(table | changes)


def checked_params(strategy: type[Strategy], **values: float) -> dict[str, Any]:
    return {"params": {strategy.name: values}}


def prediction(scenario: Scenario, strategy: type[Strategy], rate_per_s: float | None = None) -> Prediction:
    rate = rate_per_s or scenario.target_rate
    assert rate is not None
    predicted = predict(scenario, strategy, rate, scenario.duration_s)
    assert predicted is not None
    return predicted


@dataclass
class Run:
    """What a replay counted."""

    scenario: Scenario
    reads_s: list[float] = field(default_factory=list)
    asked: int = 0
    hits: int = 0
    stale: int = 0

    @property
    def peak_1s(self) -> int:
        return sliding_peak(np.array(self.reads_s))


def replay(scenario: Scenario, strategy: type[Strategy], seed: int = SEED) -> Run:
    """The protocol with a fixed latency, and nothing else: no network, no pods, no pool."""
    print(f"seed {seed}")
    rng, run = np.random.default_rng(seed), Run(scenario)
    mechanism = scenario.stated(strategy).mechanism()
    ttl_s, latency_s = scenario.cache.ttl_s, float(scenario.origin.latency.strip("fixed()")) / 1000
    width_s = ttl_s * mechanism.spread
    least_s = mechanism.least_ttl_s(ttl_s) - latency_s  # from the landing on
    keys, users = scenario.keys, scenario.load.users or 0
    pause_s = scenario.load.think_s or users / (scenario.target_rate or 1)
    cold_s = np.full(keys.count, -math.inf)
    fresh_s = cold_s if scenario.warm.keys == "none" else least_s + width_s * rng.random(keys.count)
    loading_s = cold_s.copy()  # until then
    notifications: list[tuple[float, int]] = []
    shares = keys.shares().tolist()
    which = rng.choice(keys.count, p=shares, size=200_000).tolist()

    def moments() -> Iterator[float]:
        if not users:
            rate = scenario.target_rate or 0
            yield from np.cumsum(rng.exponential(1 / rate, size=200_000)).tolist()
        while True:
            yield heapq.heappop(due)

    due = rng.uniform(0, pause_s, users).tolist()
    heapq.heapify(due)
    for now, key in zip(moments(), which, strict=False):
        if now > scenario.duration_s:
            break
        while notifications and notifications[0][0] <= now:
            landed_s, landed = heapq.heappop(notifications)
            fresh_s[landed] = landed_s + least_s + width_s * rng.random()
        run.asked += 1
        answered_s, left_s, reads = now, fresh_s[key] - now, False
        is_loading = now < loading_s[key]
        if left_s > 0:
            run.hits += 1
            if mechanism.kind is MechanismKind.EARLY and not is_loading:
                reads = latency_s * mechanism.beta * rng.exponential() >= left_s
        elif mechanism.kind is MechanismKind.STALE and left_s + mechanism.window_s > 0:
            run.stale += 1
            reads = not is_loading
        else:
            reads = mechanism.kind is MechanismKind.NONE or not is_loading
            answered_s = now + latency_s if reads else loading_s[key]
        if reads:
            run.reads_s.append(now)
            loading_s[key] = now + latency_s
            heapq.heappush(notifications, (now + latency_s, key))
        if users:
            is_drawn = not scenario.target_rate and scenario.load.think == "exponential"
            next_s = float(rng.exponential(pause_s)) if is_drawn else pause_s
            on_time_s = now + next_s if scenario.target_rate else answered_s + next_s
            heapq.heappush(due, max(on_time_s, answered_s))
    return run


# the published figures


@pytest.mark.parametrize(
    ("strategy", "params", "rate_per_s", "reads", "peak"),
    [
        (Alone, {}, 450, 739, 59.5),
        (Alone, {"spread": 0.2, "lift": 0.1}, 450, 667, 59),
        (Together, {}, 450, 111.3, 8.9),
        (Stale, {}, 470, 111.3, 8.9),
        (Early, {}, 470, 121, 9.4),
    ],
)
def test_the_primers_table_is_predicted(
    strategy: type[Strategy], params: dict[str, float], rate_per_s: float, reads: float, peak: float
) -> None:
    predicted = prediction(scenario_of(HOT_KEY, **checked_params(strategy, **params)), strategy, rate_per_s)
    assert predicted.origin_reads == pytest.approx(reads, rel=0.05)
    assert predicted.origin_peak_1s == pytest.approx(peak, rel=0.06)
    assert predicted.peak_band[0] <= peak <= predicted.peak_band[1]


def test_the_primers_stale_answers_are_predicted() -> None:
    predicted = prediction(scenario_of(HOT_KEY), Stale, 470)
    assert predicted.stale_share * 470 * 60 == pytest.approx(1130, rel=0.05)


def test_an_open_loop_of_the_same_rate_makes_a_herd_of_twice_the_users() -> None:
    for rate, peak in ((500, 107), (2000, 446)):
        wide = {"latency": "fixed(200)", "connections": 256}
        predicted = prediction(scenario_of(HOT_KEY, load={"loop": "open", "rate_per_s": rate}, origin=wide), Alone)
        assert predicted.peak_band[0] <= peak <= predicted.peak_band[1]


@pytest.mark.parametrize(
    ("ttl_s", "params", "reads"), [(10, {}, 73_000), (12.5, {}, 59_000), (10, {"spread": 0.5, "lift": 0.25}, 59_000)]
)
def test_jitterbugs_saving_is_its_longer_mean_ttl(ttl_s: float, params: dict[str, float], reads: float) -> None:
    scenario = scenario_of(MANY, cache={"ttl_s": ttl_s}, **checked_params(Alone, **params))
    assert prediction(scenario, Alone).origin_reads == pytest.approx(reads, rel=0.05)


def test_jitter_of_the_same_mean_saves_no_reads() -> None:
    fixed = prediction(scenario_of(MANY), Alone)
    jitter = prediction(scenario_of(MANY, **checked_params(Alone, spread=0.5)), Alone)
    assert jitter.origin_reads == pytest.approx(fixed.origin_reads, rel=0.02)


def test_a_full_spread_predicts_the_primers_second_peak() -> None:
    predicted = prediction(scenario_of(BULK, **checked_params(Alone, spread=1.0, lift=0.5)), Alone, 450)
    assert predicted.origin_peak_1s == pytest.approx(44.5, rel=0.08)


def test_the_single_formulas_give_the_published_numbers() -> None:
    assert theory.herd(100, 0.2) == 21
    assert theory.early_herd(1.0) == pytest.approx(2.72, abs=0.005)
    assert theory.early_herd(1.5) == pytest.approx(1.95, abs=0.005)
    assert theory.unrefreshed_chance(10, 0.2) == pytest.approx(math.exp(-2))
    assert theory.pod_herd(100_000, 0.2, 100) == 100  # "100 servers with in-process collapsing are 100 leaders"
    assert theory.half_gate_herd(100, 0.2) == 11
    assert 60 / (theory.remaining_cycle_s(450, 5) + 0.2) == pytest.approx(281, rel=0.02)


def test_coherence_is_lost_in_as_many_cycles_as_published() -> None:
    """1,000 keys at 5,200/s need 333 cycles at a fixed 10 s, 8.5 at U(10, 15), 5.3 at U(7.5, 12.5)."""
    fixed, longer, around = (-1 / math.log(theory.coherence_left(5.2, *form)) for form in ((10, 0), (12.5, 5), (10, 5)))
    assert fixed / longer == pytest.approx(333 / 8.5, rel=0.02)
    assert longer / around == pytest.approx(8.5 / 5.3, rel=0.02)


@pytest.mark.parametrize("mean", [0.0, 1e-6, 0.005, 1.0, 2.0, 59.5, 1e5, *np.random.default_rng(3).uniform(0, 500, 50)])
def test_the_band_of_a_count_is_scipys(mean: float) -> None:
    assert theory.poisson_band(mean) == poisson.interval(theory.BAND, mean)


# limits


def test_the_gap_before_the_expiry_is_what_xfetchs_cycle_is_shorter_by() -> None:
    gap_s = 5 - (theory.early_cycle_s(450, 5, 0.2, 0.2) - 0.2)
    assert theory.early_gap_s(450, 0.2) == pytest.approx(gap_s)


def test_in_one_pod_collapsing_in_the_pod_is_collapsing_and_in_very_many_a_herd() -> None:
    assert theory.pod_herd(50, 0.2, 1) == 1
    assert theory.pod_herd_cycle_s(50, 5, 0.2, 1) == theory.floor_cycle_s(50, 5, 0.2)
    assert theory.pod_herd(50, 0.2, 10_000) == pytest.approx(theory.herd(50, 0.2), rel=0.01)
    assert theory.pod_herd_cycle_s(50, 5, 0.2, 10_000) == pytest.approx(theory.herd_cycle_s(50, 5, 0.2), rel=0.001)
    law = Latency.parse("uniform(0, 400)")
    assert pod_herd_of_law(50, law, 10_000) == pytest.approx(herd_of_law(50, law), rel=0.01)
    assert 1 + 50 * pod_herd_s(50, law, 10_000) == pytest.approx(herd_of_law(50, law), rel=0.01)


def test_collapsing_in_the_pod_for_a_latency_of_any_law_is_what_pods_do() -> None:
    """Each pod is first asked after a wait of its own, unless a load has been stored; seeded."""
    rng, runs, rate_per_s, pods = np.random.default_rng(SEED), 20_000, 15.0, 4
    loads, lasting_s = 0, 0.0
    for _ in range(runs):
        asked_s = [0.0, *np.sort(rng.exponential(pods / rate_per_s, pods - 1)).tolist()]
        stored_s = math.inf
        for at_s, load_s in zip(asked_s, rng.uniform(0, 0.4, pods).tolist(), strict=True):
            if at_s < stored_s:
                loads, stored_s = loads + 1, min(stored_s, at_s + load_s)
        lasting_s += stored_s
    law = Latency.parse("uniform(0, 400)")
    assert loads / runs == pytest.approx(pod_herd_of_law(rate_per_s, law, pods), rel=0.02), SEED
    assert lasting_s / runs == pytest.approx(pod_herd_s(rate_per_s, law, pods), rel=0.02), SEED


def test_a_closed_herd_is_never_larger_than_its_users() -> None:
    assert theory.closed_herd(50, 0.95, 0.1, 60.0) == pytest.approx(50)
    assert theory.closed_herd(1, 0.95, 0.1, 60.0) == 1


def test_many_users_of_little_share_are_an_open_loop() -> None:
    open_loop = theory.herd(1000 * 0.001 / 0.1, 0.35)
    assert theory.closed_herd(1000, 0.001, 0.1, 0.35) == pytest.approx(open_loop, rel=0.01)


def test_a_window_that_is_not_used_up_gives_the_stale_answers_of_an_endless_one() -> None:
    assert theory.stale_answers(50, 0.2, 5.0) == pytest.approx(theory.stale_answers(50, 0.2)) == pytest.approx(11)


def test_without_a_head_start_xfetch_is_collapsing() -> None:
    assert theory.early_cycle_s(5, 10, 0.2, 0.0) == pytest.approx(theory.floor_cycle_s(5, 10, 0.2))
    assert theory.early_misses(5, 0.2, 0.0) == theory.herd(5, 0.2)
    assert theory.early_misses(5, 0.2, 1e-6) == pytest.approx(theory.herd(5, 0.2), rel=1e-4)


# the protocol, replayed


OPEN: dict[str, Any] = MANY | {
    "duration_s": 120,
    "load": {"loop": "open", "rate_per_s": 250},
    "keys": {"count": 100},
    "cache": {"ttl_s": 5},
    "origin": {"latency": "fixed(200)", "connections": 64},
}


def compare(scenario: Scenario, strategy: type[Strategy], runs: int = 1) -> None:
    """Means of `runs` runs against the prediction. A few expiries of one hot key need more than one."""
    replays = [replay(scenario, strategy, SEED + number) for number in range(runs)]
    asked = sum(run.asked for run in replays)
    predicted = prediction(scenario, strategy, asked / runs / scenario.duration_s)
    reads, peak = statistics.mean(len(run.reads_s) for run in replays), statistics.mean(run.peak_1s for run in replays)
    print(f"reads {reads:.1f}, peak {peak:.1f}, predicted {predicted}")
    assert reads == pytest.approx(predicted.origin_reads, rel=0.05)
    assert sum(run.hits + run.stale for run in replays) / asked == pytest.approx(predicted.hit_ratio, abs=0.005)
    assert sum(run.stale for run in replays) / asked == pytest.approx(predicted.stale_share, abs=0.005)
    assert predicted.peak_band[0] <= peak <= predicted.peak_band[1]


MECHANISMS = [Alone, Together, Stale, Early]


@pytest.mark.parametrize("strategy", MECHANISMS)
@pytest.mark.parametrize(
    "changes",
    [
        {},
        {"keys": {"count": 500}, "cache": {"ttl_s": 2}, "duration_s": 60},
        {"keys": {"count": 2, "hot_share": 0.9}},
        {"keys": {"count": 1000, "zipf": 1.0}, "duration_s": 40},
        {"warm": {"keys": "burst"}, "duration_s": 30},
    ],
    ids=["even", "cold keys", "hot key", "zipf", "warm"],
)
def test_an_open_loop_does_what_is_predicted(strategy: type[Strategy], changes: dict[str, Any]) -> None:
    compare(scenario_of(OPEN, **changes), strategy, runs=3)


@pytest.mark.parametrize("strategy", MECHANISMS)
@pytest.mark.parametrize(
    "table",
    [HOT_KEY, BULK, HOT_KEY | {"keys": {"count": 300, "zipf": 1.0}, "duration_s": 30}],
    ids=["hot key", "warm", "zipf"],
)
@pytest.mark.parametrize("think", ["constant", "exponential"])
def test_a_closed_loop_does_what_is_predicted(strategy: type[Strategy], table: dict[str, Any], think: str) -> None:
    compare(scenario_of(table, load=table["load"] | {"think": think}), strategy)


def test_users_on_a_timetable_are_an_open_loop() -> None:
    compare(scenario_of(OPEN, load={"loop": "closed", "users": 100, "rate_per_s": 250}, duration_s=60), Alone)


@pytest.mark.parametrize("table", [OPEN, HOT_KEY, BULK], ids=["open", "hot key", "warm"])
@pytest.mark.parametrize("spread", [0.2, 1.0])
def test_jitter_does_what_is_predicted(table: dict[str, Any], spread: float) -> None:
    compare(scenario_of(table, **checked_params(Alone, spread=spread)), Alone, runs=6)


def test_a_short_stale_window_leaves_cold_keys_to_miss() -> None:
    scenario = scenario_of(OPEN, keys={"count": 500}, cache={"ttl_s": 2}, duration_s=60)
    for stale_s in (0.1, 1.0):
        compare(scenario.model_copy(update=checked_params(Stale, stale_s=stale_s)), Stale, runs=3)


@pytest.mark.parametrize("beta", [0.3, 3.0, 10.0, 50.0])
def test_xfetch_does_what_is_predicted_for_any_head_start(beta: float) -> None:
    compare(scenario_of(OPEN, duration_s=60, **checked_params(Early, beta=beta)), Early)


@pytest.mark.parametrize("changes", [{}, {"keys": {"count": 1000, "zipf": 1.0}}, {"warm": {"keys": "burst"}}])
def test_collapsing_reads_the_floor_and_nobody_reads_less(changes: dict[str, Any]) -> None:
    scenario = scenario_of(OPEN, **({"duration_s": 40} | changes))
    least = prediction(scenario, Together).origin_reads
    assert len(replay(scenario, Together).reads_s) == pytest.approx(least, rel=0.05)
    for strategy in MECHANISMS:
        assert prediction(scenario, strategy).origin_reads >= least * 0.999


# where there is nothing to say


def test_theory_is_silent_where_it_does_not_apply() -> None:
    steady = scenario_of(OPEN)
    ramp = {"kind": "ramp", "from_share": 0, "to_share": 1}
    outage = {"kind": "cache-away", "at_s": 5, "for_s": 5}
    assert predict(steady, Unspoken, 250, 60) is None
    assert predict(steady, Alone, 0, 60) is None
    assert predict(scenario_of(OPEN, load={"loop": "open", "rate_per_s": 250, "shape": ramp}), Alone, 250, 60) is None
    assert predict(scenario_of(OPEN, faults=[outage]), Alone, 250, 60) is None


def test_nothing_expires_in_a_run_shorter_than_the_ttl() -> None:
    scenario = scenario_of(BULK, duration_s=4)
    predicted = prediction(scenario, Alone, 500)
    assert (predicted.origin_reads, predicted.origin_peak_1s, predicted.hit_ratio) == (0, 0, 1)


def test_every_strategy_of_the_lab_is_predicted_or_says_nothing_in_every_scenario() -> None:
    told = set()
    broken = {name for name in scenario_names() if read_scenario(name).faults}
    spoken = [one for one in discover().strategies.values() if one.stated(5.0, {}).mechanism().kind is not UNKNOWN]
    for name in scenario_names():
        scenario = read_scenario(name)
        for strategy in spoken:
            predicted = predict(scenario, strategy, scenario.target_rate or 450, scenario.duration_s)
            if predicted is None:
                told.add((name, silent_because(scenario, strategy, scenario.target_rate or 450, scenario.duration_s)))
    assert {("million", "the origin's pool queues"), ("shared-pool", "the origin's pool queues")} <= told
    assert all(reason for _, reason in told)
    assert broken <= {name for name, reason in told if reason == "something is broken on purpose"}
    told.discard(("bulk-warm", "the origin's pool queues"))  # with a leader in each pod, for each of a hundred keys
    assert not {name for name, _ in told} & {"primer", "hot-key", "bulk-warm", "many-keys"}
