import struct
import zlib
from dataclasses import replace
from math import inf, nan

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codec import BODY_BYTES_MAX, Corrupt, decode, encode
from app.strategy import Entry

seconds = st.floats(min_value=0, max_value=1e11, allow_subnormal=False)
times = st.lists(seconds, min_size=3, max_size=3).map(sorted)
entries = st.builds(
    lambda body, times, cost_s, absent: Entry(body, times[0], times[1], times[2], cost_s, absent),
    st.binary(max_size=300),
    times,
    seconds,
    st.booleans(),
)
ENTRY = Entry(b'{"id": 7}', 1_700_000_000.125, 1_700_000_005.1, 1_700_000_010.2, 0.203, absent=False)


@given(entries)
def test_an_entry_comes_back_to_the_last_bit(entry: Entry) -> None:
    assert decode(encode(entry)) == entry


@given(entries, st.data())
def test_every_truncation_is_corrupt(entry: Entry, data: st.DataObject) -> None:
    stored = encode(entry)
    with pytest.raises(Corrupt):
        decode(stored[: data.draw(st.integers(0, len(stored) - 1))])


@given(entries, st.binary(min_size=1, max_size=20))
def test_anything_behind_the_entry_is_corrupt(entry: Entry, more: bytes) -> None:
    with pytest.raises(Corrupt):
        decode(encode(entry) + more)


@pytest.mark.parametrize("entry", [ENTRY, replace(ENTRY, absent=True), replace(ENTRY, body=b"")])
def test_every_flipped_bit_is_corrupt(entry: Entry) -> None:
    stored = encode(entry)
    for bit in range(8 * len(stored)):
        flipped = bytearray(stored)
        flipped[bit // 8] ^= 1 << bit % 8
        with pytest.raises(Corrupt):
            decode(bytes(flipped))


@given(st.binary(max_size=200))
def test_no_bytes_at_all_raise_anything_but_corrupt(stored: bytes) -> None:
    try:
        decode(stored)
    except Corrupt:
        pass


def test_a_giant_is_corrupt_before_it_is_looked_at() -> None:
    with pytest.raises(Corrupt, match="5000000 bytes"):
        decode(bytes(5_000_000))
    largest = replace(ENTRY, body=bytes(BODY_BYTES_MAX))
    assert decode(encode(largest)) == largest


IMPOSSIBLE = [
    {name: value} for name in ("read_at_s", "fresh_until_s", "keep_until_s", "cost_s") for value in (nan, inf, -inf)
] + [{"read_at_s": 2e9}, {"fresh_until_s": 1.0}, {"keep_until_s": 1_700_000_005.0}, {"cost_s": -0.1}]


@pytest.mark.parametrize("wrong", IMPOSSIBLE, ids=str)
def test_times_that_are_not_finite_or_not_in_order_are_corrupt_however_well_sealed(wrong: dict[str, float]) -> None:
    entry = replace(ENTRY, **wrong)  # type: ignore[arg-type]
    with pytest.raises(Corrupt, match="not finite, or not in this order"):
        encode(entry)
    with pytest.raises(Corrupt, match="not finite, or not in this order"):
        decode(sealed(entry))


def sealed(entry: Entry) -> bytes:
    """As another program, or another version of this one, might have written it."""
    head = struct.pack("<?dddd", entry.absent, entry.read_at_s, entry.fresh_until_s, entry.keep_until_s, entry.cost_s)
    return struct.pack("<4sI", b"SLe1", zlib.crc32(head + entry.body)) + head + entry.body


def test_another_version_is_corrupt() -> None:
    stored = encode(ENTRY)
    with pytest.raises(Corrupt):
        decode(b"SLe0" + stored[4:])
