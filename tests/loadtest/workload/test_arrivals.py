from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from loadtest.generator.deal import Share
from loadtest.generator.schedule import due
from loadtest.sim.cluster.arrival_blocks import blocks
from loadtest.workload.arrivals import Arrivals, arrivals, pauses_s
from loadtest.workload.scenario import read_scenario
from loadtest.workload.scenario_tables import WritesTable
from loadtest.workload.trace import BadTrace
from loadtest.workload.traffic import Keys, Load
from loadtest.workload.writes import writes_of

SEED = 5


def drawn(duration_s: float = 100.0, seed: int = SEED, keys: Keys | None = None, **load: Any) -> Arrivals:
    told = Load.model_validate({"loop": "open"} | ({} if "trace" in load else {"rate_per_s": 1_000}) | load)
    chunks = list(arrivals(told, keys or Keys(count=100), duration_s, seed))
    return Arrivals(np.concatenate([chunk.time_s for chunk in chunks]), np.concatenate([chunk.key for chunk in chunks]))


def within(found: Arrivals, low_s: float, high_s: float) -> int:
    return int(np.sum((found.time_s >= low_s) & (found.time_s < high_s)))


def test_poisson_arrivals_have_their_rate_and_its_variance() -> None:
    found = drawn()
    assert len(found.time_s) == pytest.approx(100_000, rel=0.02)
    gaps = np.diff(found.time_s)
    assert gaps.min() >= 0
    assert gaps.std() / gaps.mean() == pytest.approx(1, rel=0.02)


def test_constant_arrivals_are_even() -> None:
    found = drawn(arrivals="constant")
    assert len(found.time_s) == 100_000
    assert np.allclose(np.diff(found.time_s), 0.001)


def test_the_same_seed_gives_the_same_arrivals_and_another_seed_others() -> None:
    assert np.array_equal(drawn().time_s, drawn().time_s)
    assert np.array_equal(drawn().key, drawn().key)
    assert not np.array_equal(drawn().key[:100], drawn(seed=6).key[:100])


def test_no_arrival_is_past_the_end() -> None:
    assert drawn(duration_s=3.3).time_s.max() < 3.3


def test_a_ramp_goes_from_one_rate_to_the_other() -> None:
    found = drawn(shape={"kind": "ramp", "from_share": 0, "to_share": 2})
    assert within(found, 0, 10) == pytest.approx(1_000, rel=0.15)
    assert within(found, 90, 100) == pytest.approx(19_000, rel=0.05)
    assert len(found.time_s) == pytest.approx(100_000, rel=0.02)


def test_a_ramp_of_its_own_length_then_stays() -> None:
    found = drawn(shape={"kind": "ramp", "from_share": 0, "to_share": 1, "for_s": 20})
    assert within(found, 0, 20) == pytest.approx(10_000, rel=0.05)
    assert within(found, 20, 100) == pytest.approx(80_000, rel=0.02)


def test_a_step_stays_at_its_height() -> None:
    found = drawn(shape={"kind": "step", "at_s": 50, "to_share": 5})
    assert within(found, 0, 50) == pytest.approx(50_000, rel=0.03)
    assert within(found, 50, 100) == pytest.approx(250_000, rel=0.02)


def test_a_spike_passes() -> None:
    found = drawn(shape={"kind": "spike", "at_s": 20, "for_s": 10, "to_share": 4})
    assert within(found, 20, 30) == pytest.approx(40_000, rel=0.03)
    assert within(found, 30, 40) == pytest.approx(10_000, rel=0.05)


def test_jobs_at_the_top_of_the_hour_come_on_top_and_together() -> None:
    found = drawn(shape={"kind": "top-of-the-hour", "every_s": 30, "extra_requests": 500})
    for top_s in (30, 60, 90):
        assert within(found, top_s, top_s + 0.05) == pytest.approx(550, rel=0.06)
    assert np.all(np.diff(found.time_s) >= 0)


def test_jobs_may_be_splayed_over_the_whole_time_between_them() -> None:
    shape = {"kind": "top-of-the-hour", "every_s": 30, "extra_requests": 6_000}
    together, splayed = (drawn(rate_per_s=1, shape=shape | {"within_s": within_s}) for within_s in (0.05, 30))
    assert within(together, 30, 30.05) == pytest.approx(6_000, rel=0.01)
    assert max(within(splayed, second, second + 1) for second in range(100)) < 300
    assert within(splayed, 30, 90) == pytest.approx(12_000, rel=0.02)


def test_phases_follow_each_other_and_then_the_load_is_as_stated() -> None:
    spike = {"kind": "spike", "at_s": 5, "for_s": 1, "to_share": 3}
    phases = [{"for_s": 10}, {"for_s": 20, "rate_share": 0}, {"for_s": 10, "rate_share": 4, "shape": spike}]
    found = drawn(phases=phases)
    assert within(found, 0, 10) == pytest.approx(10_000, rel=0.05)
    assert within(found, 10, 30) == 0
    assert within(found, 30, 35) == pytest.approx(20_000, rel=0.05)
    assert within(found, 35, 36) == pytest.approx(12_000, rel=0.05)
    assert within(found, 40, 100) == pytest.approx(60_000, rel=0.05)
    assert np.all(np.diff(found.time_s) >= 0)


def test_phases_are_cut_where_the_load_ends_and_one_that_is_the_whole_load_changes_nothing() -> None:
    assert drawn(duration_s=3, phases=[{"for_s": 2}, {"for_s": 50, "rate_share": 2}]).time_s.max() < 3
    assert np.array_equal(drawn(phases=[{"for_s": 100}]).time_s, drawn().time_s)
    ramp = {"kind": "ramp", "from_share": 0, "to_share": 2}
    assert np.array_equal(drawn(phases=[{"for_s": 100, "shape": ramp}]).time_s, drawn(shape=ramp).time_s)


def test_jobs_of_a_phase_begin_at_the_tops_within_it() -> None:
    jobs = {"kind": "top-of-the-hour", "every_s": 10, "extra_requests": 500}
    found = drawn(rate_per_s=10, phases=[{"for_s": 15}, {"for_s": 25, "shape": jobs}])
    tops = [second for second in range(100) if within(found, second, second + 1) > 400]
    assert tops == [25, 35]


def test_a_share_of_the_requests_is_for_ids_that_do_not_exist() -> None:
    keys = Keys(count=50, zipf=1.0, absent_share=0.2, absent_count=1_000)
    counts = np.bincount(drawn(keys=keys).key, minlength=keys.ids)
    assert counts[50:].sum() / counts.sum() == pytest.approx(0.2, rel=0.03)
    assert len(counts) == keys.ids == 1_050
    assert counts[50:].min() > 0
    assert counts[0] / counts.sum() == pytest.approx(keys.shares()[0], rel=0.05)
    assert keys.shares().sum() == pytest.approx(0.8)


def test_popularity_is_uniform_unless_it_is_said_otherwise() -> None:
    counts = np.bincount(drawn().key, minlength=100)
    assert counts.min() > 850
    assert counts.max() < 1_150


def test_a_hot_key_gets_its_share_and_the_others_the_rest_evenly() -> None:
    counts = np.bincount(drawn(keys=Keys(count=10, hot_share=0.95)).key)
    assert counts[0] / counts.sum() == pytest.approx(0.95, abs=0.005)
    assert counts[1:].max() / counts[1:].min() < 1.4


def test_zipf_follows_its_exponent() -> None:
    keys = Keys(count=1_000, zipf=1.0)
    counts = np.bincount(drawn(keys=keys).key, minlength=1_000)
    for key in (0, 1, 9):
        assert counts[key] / counts.sum() == pytest.approx(keys.shares()[key], rel=0.05)


def test_a_trace_is_replayed_in_order(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("time_s,key\n2,7\n0.5,3\n200,1\n")
    found = drawn(trace=str(path))
    assert found.time_s.tolist() == [0.5, 2]
    assert found.key.tolist() == [3, 7]


@pytest.mark.parametrize(
    ("text", "fault"),
    [
        ("time_s\n1\n", "no column key"),
        ("time_s,key\n1,2\nsoon,3\n", "line 3"),
        ("time_s,key\n1,100\n", "key < keys.count"),
        ("time_s,key\n-1,1\n", "0 <= time_s"),
    ],
)
def test_a_bad_trace_is_refused_by_its_line(tmp_path: Path, text: str, fault: str) -> None:
    path = tmp_path / "trace.csv"
    path.write_text(text)
    with pytest.raises(BadTrace, match=fault):
        drawn(trace=str(path))


THINKING = Load(loop="closed", users=50, think_s=0.1)


def test_users_think_as_long_as_exponential_draws_say_each_for_itself_and_the_same_in_every_world() -> None:
    drawn = [list(islice(pauses_s(THINKING, 3, 0, user), 400)) for user in range(50)]
    assert drawn[0] == list(islice(pauses_s(THINKING, 3, 0, 0), 400))
    assert drawn[0] != drawn[1]
    thought = np.array(drawn).ravel()
    assert thought.mean() == pytest.approx(0.1, rel=0.05)
    assert thought.std() == pytest.approx(0.1, rel=0.05)
    assert np.mean(thought > 0.2) == pytest.approx(np.exp(-2), rel=0.05)


def test_constant_think_times_begin_at_a_random_point_and_then_never_change() -> None:
    constant = THINKING.model_copy(update={"think": "constant"})
    firsts = []
    for user in range(50):
        first_s, *others_s = islice(pauses_s(constant, 3, 0, user), 5)
        assert others_s == [0.1] * 4
        firsts.append(first_s)
    assert len(set(firsts)) == 50
    assert 0 <= min(firsts) <= max(firsts) <= 0.1


def test_popularity_shifts_at_its_moment_and_nothing_else_changes() -> None:
    keys = {"count": 10, "hot_share": 0.9, "absent_share": 0.1}
    before = drawn(keys=Keys.model_validate(keys))
    after = drawn(keys=Keys.model_validate(keys | {"shift": {"at_s": 40, "by": 7}}))
    is_late, exists = before.time_s >= 40, before.key < 10
    assert np.array_equal(before.time_s, after.time_s)
    assert np.array_equal(after.key[~is_late | ~exists], before.key[~is_late | ~exists])
    assert np.array_equal(after.key[is_late & exists], (before.key[is_late & exists] + 7) % 10)
    assert np.bincount(after.key[is_late]).argmax() == 7


def test_a_shift_is_the_same_for_locust_as_in_virtual_time_and_items_are_written_as_popular() -> None:
    scenario = read_scenario("hot-key", duration_s=20, keys={"count": 10, "hot_share": 0.9, "shift": {"at_s": 8}})
    sent = [arrival.key for arrival in due(scenario.load, scenario.keys, Share(0, 1, 0.0, 20.0), seed=3)]
    asked = np.concatenate([block.key for block in blocks(scenario, seed=3, start_s=0.0)])
    assert sent == asked.tolist()
    writes = [*writes_of(WritesTable(rate_per_s=100), scenario.keys, 20, seed=3)]
    for hot, within_s in ((0, (0, 8)), (1, (8, 20))):
        written = [write.key for write in writes if within_s[0] <= write.time_s < within_s[1]]
        assert written.count(hot) > 0.8 * len(written)
