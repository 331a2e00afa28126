"""What a strategy does at expiries is told apart from what every strategy does at a cold start."""

from typing import Any

import pytest

from app.discovery import discover
from loadtest.figures.repeats import medians
from loadtest.figures.run_summary import RunSummary
from loadtest.figures.tally import NOTHING_EXPIRED
from loadtest.report.columns import comparison
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import Scenario

FOUND = discover()
TABLE: dict[str, Any] = {
    "name": "many",
    "title": "Many keys",
    "duration_s": 16,
    "pods": 3,
    "load": {"loop": "open", "rate_per_s": 3_000},
    "keys": {"count": 500},
    "cache": {"ttl_s": 5},
    "origin": {"latency": "fixed(200)", "connections": 256},
}


def played(strategy: str, **changes: Any) -> RunSummary:
    scenario = Scenario.model_validate({**TABLE, "params": {"jitter": {"spread": 0.4}}, **changes})
    return simulate(scenario, FOUND.strategies[strategy], 1).row


def test_spread_ttls_show_what_they_are_worth_once_the_cold_start_is_left_out() -> None:
    fixed, spread = played("static"), played("jitter")
    assert spread.origin_peak_1s == pytest.approx(fixed.origin_peak_1s, rel=0.02), "of the whole run nothing is seen"
    assert spread.cold_peak_1s == pytest.approx(fixed.cold_peak_1s, rel=0.02)
    assert fixed.steady_peak_1s is not None
    assert spread.steady_peak_1s is not None
    assert spread.steady_peak_1s < 0.7 * fixed.steady_peak_1s < fixed.cold_peak_1s
    assert fixed.cold_reads < fixed.origin_reads
    shown = comparison(medians([fixed, spread]), "static")
    told = dict(zip(shown.headings, shown.lines[1], strict=True))
    assert told["steady peak vs static"] == f"1/{fixed.steady_peak_1s / spread.steady_peak_1s:.1f}"


def test_keys_that_were_warmed_have_no_cold_start() -> None:
    row = played("static", warm={"keys": "burst"}, load={"loop": "open", "rate_per_s": 300}, duration_s=8)
    assert (row.cold_reads, row.cold_peak_1s) == (0, 0)
    assert row.steady_peak_1s == row.origin_peak_1s > 100
    assert "cold_start" not in row.stampedes


@pytest.mark.parametrize("net", [{"queue_max": 2}, {"limit": {"initial": 4, "least": 1, "most": 4}}])
def test_a_warm_up_asks_a_pod_for_no_more_than_its_nets_let_in(net: dict[str, Any]) -> None:
    origin = {"latency": "fixed(20)", "connections": 4}
    load = {"loop": "open", "rate_per_s": 300}
    row = played("static", keys={"count": 60}, warm={"keys": "burst"}, load=load, origin=origin, nets=net, duration_s=2)
    assert (row.hit_ratio, row.errors) == (1.0, 0)


@pytest.mark.parametrize("warm", ["none", "burst"])
def test_a_run_that_is_shorter_than_the_ttl_says_that_nothing_expired(warm: str) -> None:
    row = played("swr", warm={"keys": warm}, duration_s=3)
    assert row.steady_peak_1s is None
    assert row.notes == [NOTHING_EXPIRED]
    assert row.valid


def test_what_the_pool_turns_away_is_asked_and_no_read() -> None:
    row = played(
        "static", pods=1, keys={"count": 5_000}, duration_s=3,
        origin={"latency": "fixed(200)", "connections": 2},
    )  # fmt: skip
    assert row.origin_shed > 1_000
    assert row.origin_asked > row.origin_reads + row.origin_shed
    assert row.origin_reads < row.origin_asked / 10
    assert row.origin_failed == 0, "the store failed none: it was never asked"
    assert row.origin_peak_1s <= row.origin_asked - row.origin_shed
    assert row.valid, "this is what the load does to that origin"
    assert any("turned away" in event for event in row.incidents)
