"""The open loop's dispatcher on a clock of its own: gevent's hub turns, but only a test makes time pass."""

from collections.abc import Iterator
from itertools import islice, pairwise, takewhile
from pathlib import Path

import gevent
import pytest
from gevent.event import Event

from loadtest.generator.deal import DEAL_LEAD_S, START_LEAD_S, Dealer, Share, own_share
from loadtest.generator.dispatcher import HOUR_S, TAIL_S, Arrival, Dispatcher, due
from loadtest.generator.meter import Meter
from loadtest.workload.arrivals import arrivals
from loadtest.workload.traffic import Keys, Load, Ramp

KEYS = Keys(count=50, zipf=1.0)
SEED = 7


class Time:
    """Passes when somebody sleeps, and when a test says so."""

    def __init__(self) -> None:
        self.now_s = 1_000.0
        self.hangs = False

    def clock_s(self) -> float:
        return self.now_s

    def sleep(self, seconds: float) -> None:
        gevent.sleep(60 if self.hangs else 0)
        self.now_s += seconds


class Service:
    """Answers when it is told to."""

    def __init__(self, time: Time) -> None:
        self.time = time
        self.answers = Event()
        self.seen: list[tuple[int, float, float]] = []
        """Number of the arrival, intended start, real start."""

    def ask(self, arrival: Arrival, intended_s: float) -> None:
        self.seen.append((arrival.number, intended_s, self.time.now_s))
        self.answers.wait()


def every(gap_s: float, count: int) -> Iterator[Arrival]:
    return (Arrival(number, number * gap_s, key=0) for number in range(count))


def share(duration_s: float | None = 10.0, start_s: float = 1_001.0) -> Share:
    return Share(0, 1, start_s, duration_s)


def dispatcher(coming: Iterator[Arrival], part: Share, in_flight_max: int = 1_000) -> tuple[Dispatcher, Service, Meter]:
    time = Time()
    service, meter = Service(time), Meter(in_flight_max)
    return Dispatcher(lambda share: coming, part, service.ask, meter, time.clock_s, time.sleep), service, meter


def test_requests_leave_at_their_own_time_though_none_has_come_back() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share())
    walking.run()
    gevent.sleep(0)
    assert [number for number, _, _ in service.seen] == list(range(40))
    assert [intended_s for _, intended_s, _ in service.seen] == [1_001.0 + 0.25 * number for number in range(40)]
    assert [sent_s for _, _, sent_s in service.seen] == pytest.approx([at for _, at, _ in service.seen])
    assert meter.not_sent == 0


def test_what_is_beyond_the_bound_is_not_sent_but_counted() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share(), in_flight_max=3)
    walking.run()
    gevent.sleep(0)
    assert [number for number, _, _ in service.seen] == [0, 1, 2]
    assert meter.not_sent == 37


def test_an_answer_makes_room_for_the_next() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share(), in_flight_max=3)
    service.answers.set()
    walking.run()
    gevent.sleep(0)
    assert len(service.seen) == 40
    assert meter.not_sent == 0


def test_what_a_held_up_generator_is_late_with_leaves_at_once_and_keeps_its_intended_start() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share())
    service.time.now_s = 1_006.1  # twenty-one are due already
    walking.run()
    gevent.sleep(0)
    lateness_s = [sent_s - intended_s for _, intended_s, sent_s in service.seen]
    assert len(lateness_s) == 40
    assert lateness_s[:21] == pytest.approx([5.1 - 0.25 * number for number in range(21)])
    assert lateness_s[21:] == pytest.approx([0.0] * 19)
    assert meter.not_sent == 0


def test_a_generator_that_is_late_still_lets_answers_make_room() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share(), in_flight_max=2)
    service.time.now_s = 1_020.0
    service.answers.set()
    walking.run()
    gevent.sleep(0)
    assert len(service.seen) == 40
    assert meter.not_sent == 0


def test_a_load_without_an_end_ends_when_it_is_told_to_and_owes_nothing() -> None:
    forever = (Arrival(number, float(number), key=0) for number in range(10**9))
    walking, service, meter = dispatcher(forever, share(duration_s=None))
    service.answers.set()
    walking.start(failed=lambda greenlet: None)
    while len(service.seen) < 20:
        gevent.sleep(0)
    walking.end(grace_s=0)
    sent = len(service.seen)
    gevent.sleep(0.01)
    assert len(service.seen) == sent
    assert meter.not_sent == 0


def test_a_run_time_that_is_over_a_little_before_the_load_does_not_cut_it() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share())
    service.answers.set()
    walking.start(failed=lambda greenlet: None)
    while service.time.now_s < 1_011.0 - TAIL_S + 0.5:
        gevent.sleep(0)
    walking.end(grace_s=1)
    assert len(service.seen) == 40
    assert meter.not_sent == 0


def test_what_a_generator_has_not_come_to_by_the_end_counts_as_not_sent() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share())
    service.answers.set()
    walking.start(failed=lambda greenlet: None)
    while len(service.seen) < 10:
        gevent.sleep(0)
    service.time.hangs = True
    service.time.now_s = 1_011.0
    walking.end(grace_s=0.1, tail_s=0)
    assert 10 <= len(service.seen) < 15
    assert len(service.seen) + meter.not_sent == 40


def test_what_is_on_its_way_at_the_end_is_waited_for_and_then_ended() -> None:
    answered: list[int] = []

    def ask(arrival: Arrival, intended_s: float) -> None:
        gevent.sleep(0.02 if arrival.number < 3 else 60)
        answered.append(arrival.number)

    time = Time()
    part = share(duration_s=1.0, start_s=time.now_s)
    walking = Dispatcher(lambda share: every(0.25, 4), part, ask, Meter(10), time.clock_s, time.sleep)
    walking.start(failed=lambda greenlet: None)
    walking.end(grace_s=0.2)
    assert answered == [0, 1, 2]


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
    endless = list(islice(due(load, KEYS, share(duration_s=None), SEED), 4 * len(first)))
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
    time = Time()
    dealer = Dealer(["a", "b"], 60, 10, time.clock_s)
    time.now_s += 9
    assert not dealer.look(["b", "a"], 10)
    assert dealer.look(["b"], 10)
    assert dealer.deal["from_s"] == pytest.approx(9 + DEAL_LEAD_S - START_LEAD_S)
    assert own_share("a", dealer.deal) is None
    assert dealer.look(["b", "new"], 10)
    assert not dealer.look(["b", "new"], 10)
    assert own_share("new", dealer.deal) == Share(1, 2, 1_000 + START_LEAD_S, 60, dealer.deal["from_s"])
    assert dealer.deal["ever"] == 3, "who is gone left a part that somebody has to answer for"
    assert dealer.look(["b", "new"], 20), "other users, other timetables"


def test_a_load_that_is_dealt_anew_is_sent_once_and_whole() -> None:
    """Two workers, a third comes at 4 s and one of the first goes at 7 s: what was dealt is sent, by one of them."""
    load = Load(loop="open", rate_per_s=100)
    deals = [(0.0, "ab"), (4.0, "abc"), (7.0, "bc")]
    sent: list[tuple[int, float]] = []
    meters = []
    for name in "abc":
        shares = [
            own_share(name, {"workers": list(names), "start_s": 1_001.0, "duration_s": 10.0, "from_s": from_s})
            or Share(0, 0, 1_001.0, 10.0, from_s)
            for from_s, names in deals
        ]
        time, meter = Time(), Meter(1_000)
        walking = Dispatcher(
            lambda share: due(load, KEYS, share, SEED),
            shares[0],
            lambda arrival, intended_s: sent.append((arrival.number, intended_s)),
            meter,
            time.clock_s,
            time.sleep,
        )
        for share in shares[1:]:
            walking.deal(share)
        walking.run()
        gevent.sleep(0)
        meters.append(meter)
    whole = list(due(load, KEYS, Share(0, 1, 0.0, 10.0), SEED))
    assert sorted(number for number, _ in sent) == [arrival.number for arrival in whole]
    assert sorted(at for _, at in sent) == pytest.approx([1_001 + arrival.time_s for arrival in whole])
    assert sum(meter.not_sent for meter in meters) == 0
    assert max(meter.lateness_ms(0.99) for meter in meters) == 0


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


def test_what_becomes_due_while_the_master_is_silent_is_not_sent_but_counted() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share())
    walking.is_paused = True
    walking.run()
    gevent.sleep(0)
    assert (service.seen, meter.not_sent) == ([], 40)


def test_a_load_that_is_told_to_end_before_its_time_says_so() -> None:
    walking, service, meter = dispatcher(every(0.25, 40), share())
    service.answers.set()
    walking.start(failed=lambda greenlet: None)
    while len(service.seen) < 10:
        gevent.sleep(0)
    walking.end(grace_s=0)
    assert meter.cut_short.startswith("it was told to end 7.")


@pytest.mark.parametrize(("whole", "of"), [(2_000, 1), (2_000, 3), (7, 4), (2, 5)])
def test_the_parts_of_a_bound_add_up_to_it_and_nobody_has_none(whole: int, of: int) -> None:
    parts = [Share(number, of, 0.0, None).part(whole) for number in range(of)]
    assert sum(parts) == max(whole, of)
    assert min(parts) >= 1
