"""An item's JSON, which is put together by hand, is what the encoder would write."""

import json
from collections import Counter
from itertools import pairwise

import pytest

from app.item import ItemForm, dated
from app.strategy import CLOCK_ERROR_S_MAX

FORM = ItemForm(change_every_s=30.0, negative_ttl_s=1.0)


@pytest.mark.parametrize(
    "text", ["plain", "", 'a "quote" and a \\', "tab\tline\nnul\0", "ünïcode \u2028 \U0001f600", "{}"]
)
@pytest.mark.parametrize("read_at_s", [0.0, 0.1234567, 1e-7, 1_700_000_000.123456789, 12.0])
def test_an_item_is_the_json_that_the_encoder_writes(text: str, read_at_s: float) -> None:
    item = {"id": 0, "version": int(read_at_s / 30), "read_at": round(read_at_s, 6), "crc32": 12345, "text": text}
    loaded = FORM.loaded(0, (text, 12345), read_at_s, 0.2)
    assert loaded.body == json.dumps(item, separators=(",", ":")).encode()
    assert (loaded.read_at_s, loaded.cost_s, loaded.absent) == (read_at_s, 0.2, False)


def test_items_change_at_moments_of_their_own_evenly_spread_and_say_when() -> None:
    read_at_s, every_s = 1_700_000_000.0, 30.0
    items = [FORM.loaded(number, ("text", 1), read_at_s, 0.2) for number in range(30)]
    ages_s = sorted(read_at_s - (item.updated_at_s or 0.0) for item in items)
    assert all(0 <= age_s < every_s for age_s in ages_s)
    assert max(later - sooner for sooner, later in pairwise(ages_s)) < 2.5 * every_s / len(items)
    for number, item in enumerate(items):
        assert item.updated_at_s is not None
        versions = [
            json.loads(FORM.loaded(number, ("text", 1), item.updated_at_s + at_s, 0.2).body)["version"]
            for at_s in (-0.01, 0.01, every_s - 0.01, every_s + 0.01)
        ]
        assert versions == [versions[1] - 1, versions[1], versions[1], versions[1] + 1]


def test_an_item_that_is_written_changed_with_its_last_write() -> None:
    assert FORM.loaded(7, ("text", 1, 3, 100.0), 123.0, 0.2).updated_at_s == 100.0
    never = [FORM.loaded(7, ("text", 1, 0, None), read_at_s, 0.2).updated_at_s for read_at_s in (123.0, 999.0)]
    assert never[0] == never[1] is not None, "it is as old as it ever was"


def test_an_anchored_entry_is_fresh_until_the_next_whole_ttl_since_its_item_changed() -> None:
    loaded = FORM.loaded(7, ("text", 1, 3, 100.0), 123.0, 0.2)
    entry = loaded.as_entry(5.0, 7.0, anchored=True)
    assert (entry.fresh_until_s, entry.keep_until_s) == (125.0, 127.0)
    assert loaded.as_entry(5.0, 7.0).fresh_until_s == 128.0
    before = FORM.loaded(7, ("text", 1, 3, 124.0), 123.0, 0.2).as_entry(5.0, anchored=True)
    assert before.fresh_until_s == 124.0, "a writer's clock may be ahead"
    absent = FORM.loaded(7, None, 123.0, 0.2).as_entry(5.0, anchored=True)
    assert absent.fresh_until_s == 124.0, "there is nothing to anchor it to"


def test_keys_that_are_read_together_expire_apart_where_they_are_anchored() -> None:
    read = [FORM.loaded(number, ("text", 1), 1_700_000_000.0, 0.2) for number in range(100)]
    anchored_s = [loaded.as_entry(5.0, anchored=True).fresh_until_s - 1_700_000_000.0 for loaded in read]
    assert {loaded.as_entry(5.0).fresh_until_s for loaded in read} == {1_700_000_005.0}
    tenths = Counter(int(at_s / 0.5) for at_s in anchored_s)
    assert all(5 <= tenths[tenth] <= 15 for tenth in range(10)), tenths


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
