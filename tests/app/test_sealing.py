import math

import pytest

from app.sealing import BODY_BYTES_MAX, Sealed, Unsealable, seal, unseal
from app.strategy import Loaded

LOADED = Loaded(b'{"id": 7}', 1_700_000_000.25, 0.2)


@pytest.mark.parametrize(
    "loaded", [LOADED, Loaded(b"", 0.0, 0.0, absent=True, keep_for_s_max=1.5), Loaded(b"\0" * 8_000_000, 1.0, 0.5)]
)
def test_what_is_sealed_opens_as_it_was(loaded: Loaded) -> None:
    assert unseal(seal(loaded, 5.5)) == Sealed(loaded, 5.5)


def test_a_body_of_five_megabytes_fits_and_the_bound_is_stated() -> None:
    assert BODY_BYTES_MAX >= 8_000_000
    with pytest.raises(Unsealable, match=f"a body of {BODY_BYTES_MAX + 1} bytes, of at most {BODY_BYTES_MAX}"):
        seal(Loaded(b"\0" * (BODY_BYTES_MAX + 1), 1.0, 0.0), 1.0)


def test_a_byte_that_changed_anywhere_is_found() -> None:
    sealed = seal(LOADED, 5.5)
    for at in range(len(sealed)):
        torn = bytearray(sealed)
        torn[at] ^= 1
        with pytest.raises(Unsealable):
            unseal(bytes(torn))


@pytest.mark.parametrize("value", [None, "text", 5, [], seal(LOADED, 5.5)[:-1], seal(LOADED, 5.5) + b"\0", b""])
def test_anything_else_does_not_open(value: object) -> None:
    with pytest.raises(Unsealable):
        unseal(value)


@pytest.mark.parametrize("times", [(math.nan, 0.0, 1.0), (1.0, -1.0, 1.0), (1.0, 0.0, math.inf)])
def test_times_that_are_impossible_do_not_open(times: tuple[float, float, float]) -> None:
    read_at_s, cost_s, ended_s = times
    with pytest.raises(Unsealable, match="not finite"):
        unseal(seal(Loaded(b"", read_at_s, cost_s), ended_s))
