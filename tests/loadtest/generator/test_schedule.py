"""The schedule of an open loop, and how it is dealt to processes."""

from itertools import islice, pairwise, takewhile
from pathlib import Path

import pytest

from loadtest.generator.deal import DEAL_LEAD_S, START_LEAD_S, Dealer, Share, own_share
from loadtest.generator.dispatcher import TAIL_S
from loadtest.generator.schedule import HOUR_S, Arrival, due
from loadtest.workload.arrivals import arrivals
from loadtest.workload.traffic import Keys, Load, Ramp

KEYS = Keys(count=50, zipf=1.0)
SEED = 7


LOADS = [
    Load(loop="open", rate_per_s=2_000, arrivals="constant"),
    Load(loop="open", rate_per_s=2_000, shape=Ramp(kind="ramp", from_share=0, to_share=2)),
]


@pytest.mark.parametrize("load", LOADS, ids=["constant", "ramp"])
@pytest.mark.parametrize("processes", [1, 2, 3, 7])
def test_the_union_over_processes_is_the_one_seeded_load_whatever_their_number(load: Load, processes: int) -> None:
    duration_s = 12.0  # several chunks of arrivals
    whole = [
        (time_s, key)
        for chunk in arrivals(load, KEYS, duration_s, SEED)
        for time_s, key in zip(chunk.time_s.tolist(), chunk.key.tolist(), strict=True)
    ]
    parts = [list(due(load, KEYS, Share(number, processes, 0.0, duration_s), SEED)) for number in range(processes)]
    union = sorted(arrival for part in parts for arrival in part)
    assert [arrival.number for arrival in union] == list(range(len(whole)))
    assert [(arrival.time_s, arrival.key) for arrival in union] == whole
    assert max(map(len, parts)) - min(map(len, parts)) <= 1
    assert all(part == sorted(part, key=lambda arrival: arrival.time_s) for part in parts)


def test_a_load_without_an_end_goes_on_hour_after_hour_and_no_hour_is_like_another() -> None:
    load = Load(loop="open", rate_per_s=0.1)
    first = list(due(load, KEYS, Share(0, 1, 0.0, HOUR_S), SEED))
    endless = list(islice(due(load, KEYS, Share(0, 1, 1_001.0, None), SEED), 4 * len(first)))
    assert endless[: len(first)] == first
    assert [arrival.number for arrival in endless] == list(range(len(endless)))
    assert all(one.time_s <= other.time_s for one, other in pairwise(endless))
    assert endless[-1].time_s > 3 * HOUR_S
    second = [arrival.time_s - HOUR_S for arrival in endless if HOUR_S <= arrival.time_s < 2 * HOUR_S]
    assert set(second).isdisjoint(arrival.time_s for arrival in first)


def test_a_trace_is_shared_too(tmp_path: Path) -> None:
    path = tmp_path / "trace.csv"
    path.write_text("time_s,key\n0.1,3\n0.2,1\n0.3,4\n9.9,1\n")
    load = Load(loop="open", trace=str(path))
    assert list(due(load, KEYS, Share(1, 2, 0.0, 5.0), SEED)) == [Arrival(1, 0.2, 1)]


def test_every_worker_finds_its_own_share_and_a_late_one_finds_none() -> None:
    deal = Dealer(["b", "c", "a"], duration_s=30, users=6).deal
    shares = [own_share(name, deal) for name in "abc"]
    assert [(part.number, part.of, part.duration_s) for part in shares if part] == [(0, 3, 30), (1, 3, 30), (2, 3, 30)]
    assert len({part.start_s for part in shares if part}) == 1
    assert own_share("d", deal) is None, "who is not known is not alone: it has nothing"
    assert START_LEAD_S < TAIL_S  # or the run's end would cut the load


def test_a_load_is_dealt_anew_when_workers_come_or_go_and_only_then() -> None:
    now_s = [1_000.0]
    dealer = Dealer(["a", "b"], 60, 10, lambda: now_s[0])
    now_s[0] += 9
    assert not dealer.look(["b", "a"], 10)
    assert dealer.look(["b"], 10)
    assert dealer.deal["from_s"] == pytest.approx(9 + DEAL_LEAD_S - START_LEAD_S)
    assert own_share("a", dealer.deal) is None
    assert dealer.look(["b", "new"], 10)
    assert not dealer.look(["b", "new"], 10)
    assert own_share("new", dealer.deal) == Share(1, 2, 1_000 + START_LEAD_S, 60, dealer.deal["from_s"])
    assert dealer.deal["ever"] == 3, "who is gone left a part that somebody has to answer for"
    assert dealer.look(["b", "new"], 20), "other users, other timetables"


def test_who_joins_in_a_later_hour_sends_what_the_others_leave_it() -> None:
    load = Load(loop="open", rate_per_s=0.2)
    until_s, from_s = 3 * HOUR_S, 2.5 * HOUR_S

    def part(share: Share) -> list[tuple[float, int]]:
        coming = takewhile(lambda one: one.time_s < until_s, due(load, KEYS, share, SEED))
        return [(one.time_s, one.key) for one in coming if one.time_s >= from_s]

    whole = part(Share(0, 1, 0.0, None))
    stayed, joined = (part(Share(number, 2, 0.0, None, from_s)) for number in range(2))
    assert sorted(stayed + joined) == whole
    assert abs(len(stayed) - len(joined)) <= 1


@pytest.mark.parametrize(("whole", "of"), [(2_000, 1), (2_000, 3), (7, 4), (2, 5)])
def test_the_parts_of_a_bound_add_up_to_it_and_nobody_has_none(whole: int, of: int) -> None:
    parts = [Share(number, of, 0.0, None).part(whole) for number in range(of)]
    assert sum(parts) == max(whole, of)
    assert min(parts) >= 1


@pytest.mark.parametrize("processes", [1, 2, 3])
def test_the_users_of_all_processes_have_numbers_of_their_own(processes: int) -> None:
    shares = [Share(number, processes, 0.0, None) for number in range(processes)]
    assert sorted(share.place(own) for share in shares for own in range(4)) == list(range(4 * processes))
