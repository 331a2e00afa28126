"""The engine from end to end: an answer that a formula decides, and the same advice with any number of workers."""

import asyncio
import json
import math

import pytest

from app.discovery import discover
from loadtest.figures.run_summary import RunSummary
from loadtest.studies.advise import engine
from loadtest.studies.advise.advice import Advice
from loadtest.studies.advise.candidates import Candidate
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation
from loadtest.studies.advise.trials import Trial, Trials, TrialWorld

SERVICE = Service(keys=1, rate_per_s=40, ttl_s=1.5, origin="fixed(250)", pool=30)
NAMES = ("static", "singleflight")


def advised(workers: int) -> Advice:
    async def work() -> Advice:
        known = discover().strategies
        async with TrialWorld(workers) as world:
            return await engine.advise_service(SERVICE, {name: known[name] for name in NAMES}, Trials(world, 7), 7)

    with pytest.MonkeyPatch.context() as patched:  # for time's sake: more seeds say no more here
        patched.setattr(engine, "REPEATS", 2)
        patched.setattr(engine, "REPEATS_OF_OUTAGE", 1)
        return asyncio.run(work())


@pytest.fixture(scope="module")
def advice() -> Advice:
    return advised(2)


def test_one_hot_key_has_the_herd_of_the_formula_and_a_strategy_without_a_herd_comes_first(advice: Advice) -> None:
    latency_s = SERVICE.latency.mean_ms / 1000
    herd = 1 + SERVICE.rate_per_s * latency_s  # 11 reads at each expiry
    costs = {one.strategy: one.costs for one in advice.ranking if one.costs is not None}
    of_static, of_one_load = costs["static"], costs["singleflight"]
    assert of_one_load.steady_peak_1s == 1
    assert herd <= of_static.steady_peak_1s <= herd + 4 * math.sqrt(herd)  # the largest of many herds, by chance
    # an entry is fresh from the begin of its load on, and the first request after that loads
    between_s = SERVICE.ttl_s + 1 / SERVICE.rate_per_s
    assert of_one_load.origin_reads_per_min == pytest.approx(60 / between_s, rel=0.1)
    # a herd's last load begins a latency after its first one, and its entry is the one that stays
    assert of_static.origin_reads_per_min == pytest.approx(60 * herd / (between_s + latency_s), rel=0.15)
    assert [one.strategy for one in advice.ranking if one.is_allowed] == ["singleflight", "static"]
    assert advice.answer[0].startswith("Use singleflight")
    assert f"1 + λL = {herd:.0f} reads" in advice.pool_sentences[0]


def test_the_same_seed_gives_the_same_bytes_with_one_worker_and_with_two(advice: Advice) -> None:
    assert json.dumps(advised(1).as_dict()) == json.dumps(advice.as_dict())


def test_the_worst_second_of_the_steady_state_is_no_herd_of_entries_that_were_filled_too_early() -> None:
    service = Service(keys=500, rate_per_s=3_000, ttl_s=60, origin="fixed(350)", zipf=1, pool=20, pods=2)
    trial = Trial(service, Candidate("singleflight", (), oldest_s=60.0), Situation.STEADY)

    async def work() -> RunSummary:
        async with TrialWorld(1) as world:
            await (trials := Trials(world, seed=1)).make([trial])
            return trials.rows[trial]

    row = asyncio.run(work())
    per_s = row.origin_reads / row.duration_s
    assert per_s * 60 == pytest.approx(service.keys, rel=0.1)  # each key once a TTL
    assert row.origin_peak_1s <= per_s + 5 * math.sqrt(per_s)  # the largest of sixty Poisson numbers, by chance
