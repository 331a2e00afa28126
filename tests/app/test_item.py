"""An item's JSON, which is put together by hand, is what the encoder would write."""

import json

import pytest

from app.item import ItemForm, dated
from app.strategy import CLOCK_ERROR_S_MAX

FORM = ItemForm(change_every_s=30.0, negative_ttl_s=1.0)


@pytest.mark.parametrize(
    "text", ["plain", "", 'a "quote" and a \\', "tab\tline\nnul\0", "ünïcode \u2028 \U0001f600", "{}"]
)
@pytest.mark.parametrize("read_at_s", [0.0, 0.1234567, 1e-7, 1_700_000_000.123456789, 12.0])
def test_an_item_is_the_json_that_the_encoder_writes(text: str, read_at_s: float) -> None:
    item = {"id": 7, "version": int(read_at_s / 30), "read_at": round(read_at_s, 6), "crc32": 12345, "text": text}
    loaded = FORM.loaded(7, (text, 12345), read_at_s, 0.2)
    assert loaded.body == json.dumps(item, separators=(",", ":")).encode()
    assert (loaded.read_at_s, loaded.cost_s, loaded.absent) == (read_at_s, 0.2, False)


def test_an_absent_item_says_which_and_is_kept_for_the_negative_ttl() -> None:
    loaded = FORM.loaded(7, None, 3.0, 0.2)
    assert loaded.absent
    assert loaded.keep_for_s_max == 1.0
    assert json.loads(loaded.body) == {"error": "absent", "reason": "there is no item 7"}


def test_a_read_is_dated_by_its_beginning_unless_the_clock_was_set_since() -> None:
    assert dated(100.0, 100.2, 0.2) == 100.0
    assert dated(100.0, 100.2 + 0.99 * CLOCK_ERROR_S_MAX, 0.2) == 100.0
    assert dated(100.0, 3_700.2, 0.2) == pytest.approx(3_700.0)
    assert dated(100.0, 40.0, 0.2) == pytest.approx(39.8)
