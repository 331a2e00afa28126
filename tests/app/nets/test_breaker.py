"""The circuit breaker opens on a share of failures, probes, and closes; each change by a clock that is set by hand."""

import pytest

from app.nets.breaker import CircuitBreaker
from app.nets.nets import BreakerNet
from app.nets.refusals import BreakerOpen
from tests.app.nets.clock import HandClock

NET = BreakerNet(failures_share=0.5, loads_min=10, window_s=10.0, open_s=1.0, open_s_max=4.0, probes=2)


class Told:
    """A breaker, with loads that end at once."""

    def __init__(self, net: BreakerNet = NET) -> None:
        self.clock = HandClock()
        self.breaker = CircuitBreaker(net, self.clock)

    def fail(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.failed(self.breaker.enter())

    def succeed(self, times: int = 1) -> None:
        for _ in range(times):
            self.breaker.succeeded(self.breaker.enter())

    def rest_s(self) -> float | None:
        with pytest.raises(BreakerOpen) as refused:
            self.breaker.enter()
        return refused.value.retry_after_s


def test_it_opens_at_the_share_of_failures_and_not_before_the_least_number() -> None:
    told = Told()
    told.fail(9)
    assert told.breaker.state == "closed"
    told.fail()
    assert (told.breaker.state, told.rest_s()) == ("open", 1.0)
    told = Told()
    told.succeed(11)
    told.fail(10)
    assert told.breaker.state == "closed"
    told.fail()
    assert told.breaker.state == "open"


def test_failures_beyond_the_window_are_forgotten() -> None:
    told = Told()
    told.fail(9)
    told.clock.at_s += NET.window_s + NET.window_s / 9
    told.fail(9)
    assert told.breaker.state == "closed"


def test_half_open_it_lets_so_many_probes_through_and_closes_when_all_succeed() -> None:
    told = Told()
    told.fail(10)
    told.clock.at_s += 1.0
    assert told.breaker.state == "half-open"
    probes = [told.breaker.enter() for _ in range(NET.probes)]
    assert told.rest_s() is not None, "no more than that at once"
    told.breaker.succeeded(probes[0])
    assert told.breaker.state == "half-open"
    told.breaker.succeeded(probes[1])
    assert told.breaker.state == "closed"
    told.fail(9)
    assert told.breaker.state == "closed", "its window begins anew"


def test_a_probe_that_fails_opens_it_for_twice_as_long_up_to_the_bound() -> None:
    told = Told()
    told.fail(10)
    rests = []
    for _ in range(4):
        rests.append(told.rest_s())
        told.clock.at_s += rests[-1] or 0.0
        told.fail()
    assert rests == [1.0, 2.0, 4.0, 4.0]
    assert told.breaker.opened == 5


def test_a_probe_that_says_nothing_leaves_its_place_to_another() -> None:
    told = Told()
    told.fail(10)
    told.clock.at_s += 1.0
    for _ in range(10):
        told.breaker.left(told.breaker.enter())
    told.succeed(2)
    assert told.breaker.state == "closed"


def test_loads_that_began_before_a_change_of_state_say_nothing_after_it() -> None:
    told = Told()
    late = [told.breaker.enter() for _ in range(20)]
    told.fail(10)
    for entered in late[:10]:
        told.breaker.failed(entered)
    assert told.breaker.opened == 1
    told.clock.at_s += 1.0
    for entered in late[10:]:
        told.breaker.succeeded(entered)
    assert told.breaker.state == "half-open", "an old load is no probe"
