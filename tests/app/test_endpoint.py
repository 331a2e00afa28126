import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.endpoint import BadId, parse_id


@given(st.integers(0, 999))
def test_every_id_of_the_key_space_has_one_plain_spelling(number: int) -> None:
    assert parse_id(f"id={number}".encode(), 1_000) == number


@given(st.binary(max_size=300))
def test_any_other_query_is_a_bad_id_and_nothing_else(query: bytes) -> None:
    try:
        number = parse_id(query, 1_000)
    except BadId:
        return
    assert 0 <= number < 1_000


@given(st.integers().filter(lambda number: not 0 <= number < 1_000))
def test_an_id_outside_the_key_space_is_refused_with_its_bound(number: int) -> None:
    with pytest.raises(BadId, match="0 to 999"):
        parse_id(f"id={number}".encode(), 1_000)
