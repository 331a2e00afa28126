"""The open loop's dispatcher in virtual time."""

import asyncio
from collections import Counter
from collections.abc import Coroutine, Iterator
from typing import Any

import pytest

from loadtest.generator.deal import Share, own_share
from loadtest.generator.dispatcher import AT_ONCE_MAX, TAIL_S, Dispatcher
from loadtest.generator.meter import Meter
from loadtest.generator.schedule import Arrival, due
from loadtest.sim.kernel.loop import VirtualLoop, run
from loadtest.workload.traffic import Keys, Load

KEYS = Keys(count=50, zipf=1.0)
SEED = 7
EPOCH_S = 1_000.0


class Service:
    """A service that answers when it is told to."""

    def __init__(self, in_flight_max: int = 1_000, answers_at_once: bool = False, takes_s: float = 0.0) -> None:
        self.meter = Meter(in_flight_max)
        self.answers_at_once = answers_at_once
        self.takes_s = takes_s
        """How long the generator takes to send a request."""
        self.seen: list[tuple[int, float, float]] = []
        """Number of the arrival, intended start, real start."""
        self.turns: list[int] = []
        """The turn of the loop in which each request was sent."""
        self._turn = 0

    def ask(self, arrival: Arrival, intended_s: float) -> None:
        self.seen.append((arrival.number, intended_s, clock_s()))
        if self._turn not in self.turns[-1:]:
            asyncio.get_running_loop().call_soon(self._next_turn)
        self.turns.append(self._turn)
        self.meter.leaves(clock_s() - intended_s)
        pass_by(self.takes_s)
        if self.answers_at_once:
            asyncio.get_running_loop().call_soon(self.meter.returns)

    def _next_turn(self) -> None:
        self._turn += 1

    @property
    def lateness_s(self) -> list[float]:
        return [sent_s - intended_s for _, intended_s, sent_s in self.seen]


def clock_s() -> float:
    return EPOCH_S + asyncio.get_running_loop().time()


def pass_by(seconds: float) -> None:
    """Makes the time pass while the loop does not turn."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, VirtualLoop)
    loop.now_s += seconds


def every(gap_s: float, count: int) -> Iterator[Arrival]:
    return (Arrival(number, number * gap_s, key=0) for number in range(count))


def share(duration_s: float | None = 10.0, start_s: float = EPOCH_S + 1) -> Share:
    return Share(0, 1, start_s, duration_s)


def dispatcher(coming: Iterator[Arrival], part: Share, service: Service) -> Dispatcher:
    return Dispatcher(lambda share: coming, part, service.ask, service.meter, clock_s)


def late(by_s: float, main: Coroutine[Any, Any, None]) -> Coroutine[Any, Any, None]:
    """What a process runs that was held up for that long."""

    async def held_up() -> None:
        pass_by(by_s)
        await main

    return held_up()


def test_requests_leave_at_their_own_time_though_none_has_come_back() -> None:
    service = Service()
    run(dispatcher(every(0.25, 40), share(), service).run())
    assert [number for number, _, _ in service.seen] == list(range(40))
    assert [intended_s for _, intended_s, _ in service.seen] == [1_001.0 + 0.25 * number for number in range(40)]
    assert service.lateness_s == pytest.approx([0.0] * 40, abs=1e-9)
    assert service.meter.not_sent == 0


def test_what_is_beyond_the_bound_is_not_sent_but_counted() -> None:
    service = Service(in_flight_max=3)
    run(dispatcher(every(0.25, 40), share(), service).run())
    assert [number for number, _, _ in service.seen] == [0, 1, 2]
    assert service.meter.not_sent == 37


def test_an_answer_makes_room_for_the_next() -> None:
    service = Service(in_flight_max=3, answers_at_once=True)
    run(dispatcher(every(0.25, 40), share(), service).run())
    assert len(service.seen) == 40
    assert service.meter.not_sent == 0


def test_what_a_held_up_generator_is_late_with_leaves_at_once_and_keeps_its_intended_start() -> None:
    service = Service()
    run(late(6.1, dispatcher(every(0.25, 40), share(), service).run()))  # twenty-one are due already
    assert len(service.seen) == 40
    assert service.lateness_s[:21] == pytest.approx([5.1 - 0.25 * number for number in range(21)])
    assert service.lateness_s[21:] == pytest.approx([0.0] * 19, abs=1e-9)
    assert service.meter.not_sent == 0


def test_a_generator_that_is_late_still_lets_answers_make_room() -> None:
    service = Service(in_flight_max=2 * AT_ONCE_MAX, answers_at_once=True)
    many = 50 * AT_ONCE_MAX
    run(late(20.0, dispatcher(every(0.001, many), share(), service).run()))
    assert len(service.seen) == many
    assert service.meter.not_sent == 0


def test_what_is_due_together_leaves_in_parts_between_which_answers_are_read() -> None:
    service = Service(in_flight_max=100 * AT_ONCE_MAX)
    run(dispatcher(every(0.0, 10 * AT_ONCE_MAX), share(), service).run())
    assert len(service.seen) == 10 * AT_ONCE_MAX
    assert set(Counter(service.turns).values()) == {AT_ONCE_MAX}


async def ended(walking: Dispatcher, at_s: float, tail_s: float = TAIL_S) -> None:
    """A load that is told to end at that moment of the loop."""
    walk = asyncio.create_task(walking.run())
    await asyncio.sleep(at_s)
    await walking.end(walk, tail_s)
    assert walk.done() or walk.cancelling()


def test_a_load_without_an_end_ends_when_it_is_told_to_and_owes_nothing() -> None:
    service = Service()
    forever = (Arrival(number, float(number), key=0) for number in range(10**9))
    run(ended(dispatcher(forever, share(duration_s=None), service), at_s=20.5))
    assert len(service.seen) == 20
    assert (service.meter.not_sent, service.meter.cut_short) == (0, "")


def test_a_run_time_that_is_over_a_little_before_the_load_does_not_cut_it() -> None:
    service = Service()
    run(ended(dispatcher(every(0.25, 40), share(), service), at_s=11 - TAIL_S + 0.5))
    assert len(service.seen) == 40
    assert (service.meter.not_sent, service.meter.cut_short) == (0, "")


def test_a_load_that_is_told_to_end_before_its_time_says_so() -> None:
    service = Service()
    run(ended(dispatcher(every(0.25, 40), share(), service), at_s=3.5))
    assert len(service.seen) < 12
    assert service.meter.cut_short.startswith("it was told to end 7.5 s before its time")


def test_what_a_generator_has_not_come_to_by_the_end_counts_as_not_sent() -> None:
    service = Service(takes_s=0.1)  # four times what it has
    run(ended(dispatcher(every(0.025, 400), share(), service), at_s=11, tail_s=0))
    assert 50 < len(service.seen) < 400
    assert len(service.seen) + service.meter.not_sent == 400


def test_what_becomes_due_while_the_master_is_silent_is_not_sent_but_counted() -> None:
    service = Service()
    walking = dispatcher(every(0.25, 40), share(), service)
    walking.is_paused = True
    run(walking.run())
    assert (service.seen, service.meter.not_sent) == ([], 40)


def test_a_load_that_is_dealt_anew_is_sent_once_and_whole() -> None:
    """Two workers, a third comes at 4 s and one of the first goes at 7 s: what was dealt is sent, by one of them."""
    load = Load(loop="open", rate_per_s=100)
    deals = [(0.0, "ab"), (4.0, "abc"), (7.0, "bc")]
    sent: list[tuple[int, float]] = []
    services = []
    for name in "abc":
        shares = [
            own_share(name, {"workers": list(names), "start_s": 1_001.0, "duration_s": 10.0, "from_s": from_s})
            or Share(0, 0, 1_001.0, 10.0, from_s)
            for from_s, names in deals
        ]
        service = Service(in_flight_max=10_000)
        walking = Dispatcher(lambda share: due(load, KEYS, share, SEED), shares[0], service.ask, service.meter, clock_s)
        for share in shares[1:]:
            walking.deal(share)
        run(walking.run())
        sent += [(number, intended_s) for number, intended_s, _ in service.seen]
        services.append(service)
    whole = list(due(load, KEYS, Share(0, 1, 0.0, 10.0), SEED))
    assert sorted(number for number, _ in sent) == [arrival.number for arrival in whole]
    assert sorted(at for _, at in sent) == pytest.approx([1_001 + arrival.time_s for arrival in whole])
    assert sum(service.meter.not_sent for service in services) == 0
    assert max(max(service.lateness_s) for service in services) <= 0.001
