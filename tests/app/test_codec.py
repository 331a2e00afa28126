from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.codec import BODY_BYTES_MAX, Corrupt, decode, encode
from app.strategy import Entry

seconds = st.floats(min_value=0, max_value=1e11, allow_subnormal=False)
entries = st.builds(Entry, st.binary(max_size=300), seconds, seconds, seconds, seconds, st.booleans())
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


def test_another_version_is_corrupt() -> None:
    stored = encode(ENTRY)
    with pytest.raises(Corrupt):
        decode(b"SLe0" + stored[4:])
