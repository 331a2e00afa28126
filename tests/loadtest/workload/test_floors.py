"""The floor of a key rises with what was seen, a lag later where there is one, and what is noted for it is bounded."""

import pytest

from loadtest.workload.floors import STEPS_MAX, Floors


def test_without_a_lag_the_floor_is_the_newest_that_was_seen() -> None:
    floors = Floors[str]()
    for read_at_s in (5.0, 4.0):
        floors.see("a", read_at_s, 6.0)
    assert (floors.floor_s("a", 6.0), floors.floor_s("b", 6.0)) == (5.0, 0.0)


def test_with_a_lag_the_floor_is_what_was_seen_that_long_ago() -> None:
    floors = Floors[str](lag_s=2.0)
    for read_at_s in (5.0, 6.0, 5.5, 7.0):
        floors.see("a", read_at_s, read_at_s + 0.5)
    assert [floors.floor_s("a", at_s) for at_s in (7.4, 7.5, 8.4, 8.5, 9.5)] == [0.0, 5.0, 5.0, 6.0, 7.0]


@pytest.mark.parametrize("newer", [2, STEPS_MAX, 10 * STEPS_MAX])
def test_however_many_newer_items_come_within_the_lag_the_floor_ends_at_the_newest(newer: int) -> None:
    floors = Floors[int](lag_s=1.0)
    for number in range(newer):
        floors.see(1, float(number), number / newer)
    assert floors.floor_s(1, 2.0) == newer - 1
