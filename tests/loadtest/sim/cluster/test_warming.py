"""A warmer beside the pods, in virtual time: its rate, what it leaves alone, and when what it filled expires."""

from bisect import bisect_left
from typing import Any

import pytest

from app.discovery import discover
from app.strategy import LoadReason
from loadtest.figures.run_summary import RunSummary
from loadtest.report.workload_in_words import sentence
from loadtest.sim.cluster.events import EntryStored, OriginAsked, Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.studies.drills.plan import read_drill
from loadtest.theory.predict import silent_because
from loadtest.workload.scenario import Scenario, read_scenario

STRATEGIES = discover(references=True).runnable
KEYS, TTL_S, LOAD_S = 200, 10.0, 0.05


def warmed(warming: dict[str, Any], **changes: Any) -> Scenario:
    told = {
        "name": "warmed",
        "title": "A warmer beside the pods",
        "duration_s": 12,
        "pods": 2,
        "load": {"loop": "open", "rate_per_s": 5},
        "keys": {"count": KEYS},
        "cache": {"ttl_s": TTL_S},
        "origin": {"latency": f"fixed({LOAD_S * 1000:g})", "connections": 32},
        "warming": {"rate_per_s": 100, "ttl": "spread", **warming},
    }
    return Scenario.model_validate(told | changes)


class Ledger:
    """The moments of a run's loads by reason, and the entries that were stored."""

    def __init__(self) -> None:
        self.asked: list[tuple[float, str, int]] = []
        self.stored: list[EntryStored] = []

    def of(self, reason: LoadReason = LoadReason.WARM) -> list[float]:
        return [at_s for at_s, why, _ in self.asked if why == reason]

    def most_in_a_second(self) -> int:
        moments_s = sorted(self.of())
        return max((bisect_left(moments_s, at_s + 1.0) - place for place, at_s in enumerate(moments_s)), default=0)


def run(scenario: Scenario, strategy: str = "static") -> tuple[RunSummary, Ledger]:
    ledger = Ledger()
    seen = Subscriber(
        {
            OriginAsked: lambda event: ledger.asked.append((event.read.asked_s, event.reason, event.item_id)),
            EntryStored: ledger.stored.append,
        }
    )
    simulated = simulate(scenario, STRATEGIES[strategy], 1, observers=[seen])
    assert simulated.violation is None
    assert (simulated.row.errors, simulated.row.wrong_answers) == (0, 0)
    return simulated.row, ledger


@pytest.mark.parametrize("strategy", ["static", "singleflight", "swr"])
def test_a_warmer_fills_every_key_once_inside_its_rate_in_every_sliding_second(strategy: str) -> None:
    row, ledger = run(warmed({}, duration_s=5), strategy)
    warm = [key for _, reason, key in ledger.asked if reason == LoadReason.WARM]
    assert len(warm) == len({*warm}) > 0.9 * KEYS, "the rest is what visitors have loaded"
    assert row.warm_peak_1s == ledger.most_in_a_second() <= 100
    assert row.reads_by_reason["warm"] == len(warm)
    assert not row.incidents, "it was ready"
    assert max(ledger.of()) < 1.05 * KEYS / 100 + 10 * LOAD_S, "and not much slower than it may be"


def test_a_batch_with_its_pause_is_slower_than_the_rate_and_a_second_round_has_nothing_to_do() -> None:
    _, ledger = run(warmed({"batch": 20, "pause_s": 0.3, "rounds_max": 2}, duration_s=8))
    assert max(ledger.of()) > KEYS / 20 * 0.3 * 0.9
    assert len(ledger.of()) <= KEYS


def test_entries_that_are_there_are_left_alone() -> None:
    everywhere = {"warm": {"keys": "burst", "lead_s": 0.5}, "duration_s": 4}
    row, ledger = run(warmed({}, **everywhere))
    assert not ledger.of(), "all of them are fresh"
    assert row.warm_peak_1s is None
    assert not row.incidents


@pytest.mark.parametrize(("at_s", "rate_per_s", "load_ms"), [(0.3, 1_000, 500), (0.0, 2, 100)])
def test_a_key_that_a_pod_loads_or_has_just_loaded_is_left_to_it(at_s: float, rate_per_s: int, load_ms: int) -> None:
    """Pods are loading all ten keys when the warmer begins, or have loaded them between its look and its turn."""
    busy = {
        "load": {"loop": "open", "rate_per_s": 300},
        "keys": {"count": 10},
        "origin": {"latency": f"fixed({load_ms})", "connections": 32},
        "duration_s": 4,
    }
    row, ledger = run(warmed({"at_s": at_s, "rate_per_s": rate_per_s}, **busy), "singleflight")
    assert sorted(key for _, _, key in ledger.asked) == [*range(10)], "each once, by whoever came first"
    assert len(ledger.of()) <= 1
    assert not row.incidents, "it was ready once the pods were"


def test_a_warmer_overwrites_nothing_that_was_read_later_where_the_strategy_does_not_lock() -> None:
    busy = {
        "load": {"loop": "open", "rate_per_s": 300},
        "keys": {"count": 10},
        "origin": {"latency": "uniform(50, 900)", "connections": 128},
        "duration_s": 4,
    }
    _, ledger = run(warmed({"rate_per_s": 5, "rounds_max": 3}, **busy))
    newest_s: dict[str, float] = {}
    for one in ledger.stored:
        is_warmers = one.token is not None  # this strategy has no locks of its own
        if is_warmers and one.is_stored:
            assert one.entry.read_at_s > newest_s.get(one.key, -1.0)
        newest_s[one.key] = max(newest_s.get(one.key, -1.0), one.entry.read_at_s)
    assert len(ledger.of()) > 1


@pytest.mark.parametrize("batch", [7, 50])
def test_after_a_flush_it_goes_round_again_for_what_is_gone_still_inside_its_rate(batch: int) -> None:
    flushed = {"faults": [{"kind": "cache-flushed", "at_s": 1.5}], "duration_s": 10}
    row, ledger = run(warmed({"batch": batch}, **flushed))
    assert ledger.most_in_a_second() <= 100
    again = {key for at_s, reason, key in ledger.asked if reason == LoadReason.WARM and at_s > 1.5}
    assert {*range(140)} - again <= {key for at_s, reason, key in ledger.asked if reason == "miss" and at_s > 1.4}
    assert not row.incidents, "it was ready in the end"


def test_a_warmer_stops_at_its_rounds_and_at_its_time_and_says_how_far_it_came() -> None:
    slow = {"rate_per_s": 10, "hit_ratio": 1.0}
    row, ledger = run(warmed({**slow, "rounds_max": 1}, duration_s=40, cache={"ttl_s": 3.0}))
    assert row.valid, "that it was not ready moved no figure"
    (said,) = row.incidents
    assert said.startswith("not ready: static: round 1, 200 of 200 keys looked at, ")
    assert said.endswith("% fresh at the last check")
    row, ledger = run(warmed({**slow, "within_s": 2}))
    assert len(ledger.of()) <= 20
    assert "fresh" not in row.incidents[0], "what was not checked is not told"


def test_a_warmer_waits_for_a_cache_that_is_away_and_goes_on() -> None:
    away = {"faults": [{"kind": "cache-away", "at_s": 0.5, "for_s": 2}], "duration_s": 9}
    row, ledger = run(warmed({}, **away), "singleflight")
    assert not [at_s for at_s in ledger.of() if 0.6 < at_s < 2.4]
    assert ledger.most_in_a_second() <= 100
    assert not row.incidents


def test_failed_loads_are_tried_again_in_the_next_round_inside_the_rate() -> None:
    fails = {"faults": [{"kind": "origin-fails", "at_s": 0.2, "for_s": 1}], "load": {"loop": "open", "rate_per_s": 1}}
    scenario = warmed({}, **fails)
    seen = Ledger()
    observer = Subscriber(
        {OriginAsked: lambda event: seen.asked.append((event.read.asked_s, event.reason, event.item_id))}
    )
    row = simulate(scenario, STRATEGIES["static"], 1, observers=[observer]).row
    assert len(seen.of()) > KEYS + 50
    assert seen.most_in_a_second() <= 100
    assert not [what for what in row.incidents if "not ready" in what]


def test_each_of_several_warmers_has_the_whole_rate_so_that_together_they_are_the_herd() -> None:
    alone, together = (run(warmed({"warmers": number}))[1].most_in_a_second() for number in (1, 4))
    assert alone <= 100
    assert together > 1.8 * alone


def test_four_warmers_break_the_drill_that_one_holds() -> None:
    drill = read_drill("flushed-while-warming")
    assert drill.warming is not None
    many = drill.model_copy(update={"warming": drill.warming.model_copy(update={"warmers": 4}), "duration_s": 6.0})
    assert (run(many)[0].warm_peak_1s or 0) > 100


def test_without_spread_the_herd_comes_one_ttl_later_and_anchored_or_spread_it_does_not() -> None:
    peaks = {
        name: run(read_scenario(f"warm-{name}", duration_s=30))[0].steady_peak_1s or 0
        for name in ("together", "spread", "anchored", "midnight")
    }
    assert peaks["spread"] < 0.6 * peaks["together"]
    assert peaks["anchored"] < 0.5 * peaks["together"]
    assert peaks["midnight"] > 2.5 * peaks["together"], "the pace of the warmer spreads nothing that ends by the clock"


def test_a_strategy_that_keeps_nothing_is_not_warmed() -> None:
    row, ledger = run(warmed({}, duration_s=3), "nocache")
    assert not ledger.of()
    assert not row.incidents


def test_a_warmed_run_is_the_same_by_array_and_request_by_request() -> None:
    scenario = warmed({}, load={"loop": "open", "rate_per_s": 200})
    both = [simulate(scenario, STRATEGIES["swr"], 3, by_array=by_array).row for by_array in (True, False)]
    assert both[0] == both[1]


@pytest.mark.parametrize(
    ("warming", "said"),
    [
        ({"at_s": 12}, "warming.at_s must be less than duration_s"),
        ({"keys": 201}, "warming.keys must be at most keys.count"),
        ({"keys": 2, "warmers": 3}, "warming.warmers must be at most the number of keys"),
        ({"ttl": "until", "until_s": 10.5}, "warming.until_s must be after at_s"),
        ({"warmers": 17}, "warmers"),
    ],
)
def test_a_table_that_does_not_fit_its_scenario_is_refused(warming: dict[str, Any], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        warmed(warming)


def test_a_warming_is_told_in_words_and_theory_is_silent_and_the_stack_says_why_not() -> None:
    scenario = warmed({"warmers": 2, "pause_s": 0.5})
    assert "2 warmers load 200 keys at up to 100/s each, in batches of 50, with pauses of 0.5 s" in sentence(scenario)
    assert silent_because(scenario, STRATEGIES["static"], 5, 12) == "a warmer loads beside the pods"
    assert "lab warm" in scenario.why_not_in("stack")
    assert not scenario.why_not_in("native")
