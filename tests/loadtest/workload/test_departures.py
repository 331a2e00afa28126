"""Which clients leave, and when: by the request's number and the time at which it is meant to begin."""

import math

import pytest

from loadtest.workload.departures import Departures
from loadtest.workload.faults import CacheFlushed, ClientsLeave


def leave(at_s: float, share: float = 1.0, after_ms: float = 100.0) -> ClientsLeave:
    return ClientsLeave(kind="clients-leave", at_s=at_s, for_s=2.0, share=share, after_ms=after_ms)


def test_without_the_fault_all_stay() -> None:
    departures = Departures([CacheFlushed(kind="cache-flushed", at_s=1.0)], seed=1)
    assert not departures
    assert (departures.soonest_s, departures.stays_s(0, 1.5)) == (math.inf, math.inf)


@pytest.mark.parametrize(("meant_s", "stays_s"), [(0.9, math.inf), (1.0, 0.1), (2.9, 0.1), (3.0, math.inf)])
def test_those_leave_who_mean_to_begin_during_the_fault(meant_s: float, stays_s: float) -> None:
    assert Departures([leave(1.0)], seed=1).stays_s(7, meant_s) == stays_s


def test_of_two_faults_at_once_the_shorter_stay_counts_and_a_share_is_a_share() -> None:
    departures = Departures([leave(1.0), leave(2.0, share=0.25, after_ms=20.0)], seed=1)
    stays_s = [departures.stays_s(number, 2.5) for number in range(4_000)]
    assert set(stays_s) == {0.02, 0.1}
    assert stays_s.count(0.02) == pytest.approx(1_000, rel=0.1)
    assert departures.soonest_s == 0.02
