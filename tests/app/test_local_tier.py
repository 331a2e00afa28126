"""A local tier keeps to its bounds: the time of a copy, entries, bytes, and the keys that are looked for."""

from dataclasses import replace

import pytest

from app.local_tier import OVERHEAD_BYTES, CopyInvalidation, LocalTiers, LruTier
from app.strategy import Entry

PREFIX = "lab:any:"
ENTRY = Entry(b"value", 100.0, 105.0, 105.0, 0.2)


class SetClock:
    """A clock whose two times are set by hand. Implements `app.strategy.Clock`."""

    def __init__(self) -> None:
        self.at_s, self.since_s = 101.0, 0.0

    def now_s(self) -> float:
        return self.at_s

    def monotonic_s(self) -> float:
        return self.since_s


def tier_with(
    entries_max: int = 3, bytes_max: int = 10_000, invalidation: str = CopyInvalidation.NONE
) -> tuple[LruTier, SetClock]:
    clock = SetClock()
    return LocalTiers().open(PREFIX, clock, entries_max, bytes_max, invalidation), clock


def test_a_clock_that_is_set_back_lengthens_no_copy() -> None:
    tier, clock = tier_with()
    tier.put("1", ENTRY, for_s=2.0)
    clock.at_s, clock.since_s = 100.5, 1.9
    assert tier.get("1") is ENTRY
    clock.since_s = 2.0
    assert tier.get("1") is None


def test_a_clock_that_is_set_forward_ends_what_has_no_more_time_by_it() -> None:
    tier, clock = tier_with()
    tier.put("1", ENTRY)
    clock.at_s = 105.0
    assert tier.get("1") is None


def test_the_copy_that_was_used_longest_ago_makes_room() -> None:
    tier, _ = tier_with(entries_max=3)
    for key in "123":
        tier.put(key, ENTRY)
    assert tier.get("1") is ENTRY
    tier.put("4", ENTRY)
    assert [key for key in "1234" if tier.get(key) is not None] == ["1", "3", "4"]
    assert len(tier) == 3


def test_bytes_are_bounded_and_what_is_too_large_alone_is_not_kept() -> None:
    room = 2 * (OVERHEAD_BYTES + 1 + len(ENTRY.body))
    tier, _ = tier_with(entries_max=100, bytes_max=room)
    for key in "123":
        tier.put(key, ENTRY)
    assert [key for key in "123" if tier.get(key) is not None] == ["2", "3"]
    assert tier.bytes == room
    tier.put("4", replace(ENTRY, body=b"x" * room))
    assert [key for key in "1234" if tier.get(key) is not None] == ["2", "3"]
    tier.empty()
    assert tier.bytes == len(tier) == 0


def test_an_older_entry_does_not_take_a_newer_ones_place() -> None:
    tier, _ = tier_with()
    tier.put("1", replace(ENTRY, read_at_s=100.5))
    tier.put("1", ENTRY)
    found = tier.get("1")
    assert found is not None
    assert found.read_at_s == 100.5


def test_the_keys_that_are_looked_for_are_bounded_and_one_that_is_forgotten_is_not_kept() -> None:
    tier, _ = tier_with(entries_max=2, invalidation=CopyInvalidation.PUBSUB)
    for key in "123":
        assert tier.get(key) is None
    for key in "123":
        tier.put(key, ENTRY)
    assert [key for key in "123" if tier.get(key) is not None] == ["2", "3"]


@pytest.mark.parametrize("message", ["\ufffd", "lab:other:1", "lab:any:1:lock", "1", ""])
def test_a_message_about_something_else_ends_no_copy(message: str) -> None:
    tiers = LocalTiers()
    tier = tiers.open(PREFIX, SetClock(), 3, 10_000, CopyInvalidation.PUBSUB)
    assert tier.get(f"{PREFIX}1") is None
    tier.put(f"{PREFIX}1", ENTRY)
    tiers.hear(message)
    assert tier.get(f"{PREFIX}1") is ENTRY


@pytest.mark.parametrize("moment", ["", " nan", " soon", " 100.1"])
def test_a_message_whose_moment_says_nothing_counts_as_a_deletion(moment: str) -> None:
    tiers = LocalTiers()
    tier = tiers.open(PREFIX, SetClock(), 3, 10_000, CopyInvalidation.PUBSUB)
    assert tier.get(f"{PREFIX}1") is None
    tier.put(f"{PREFIX}1", ENTRY)
    tiers.hear(f"{PREFIX}1{moment}")
    assert tier.get(f"{PREFIX}1") is None


def test_a_strategy_has_one_tier_with_room_and_a_known_way() -> None:
    tiers = LocalTiers()
    tiers.open(PREFIX, SetClock(), 1, 1)
    for prefix, entries_max, way in ((PREFIX, 1, "none"), ("lab:b:", 0, "none"), ("lab:c:", 1, "by post")):
        with pytest.raises(ValueError, match=r"tier|by post"):
            tiers.open(prefix, SetClock(), entries_max, 1, way)
