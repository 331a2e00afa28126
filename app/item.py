"""An item of the store as it is sent: JSON, dated by the moment when its read began."""

import json
import math
from json.encoder import encode_basestring_ascii

from app.strategy import CLOCK_ERROR_S_MAX, Loaded

Found = tuple[str, int] | tuple[str, int, int, float | None] | None
"""Text and CRC-32 of an item; its version and last write too where items are written. None: no such item.

The write's moment is in seconds on the cache's clock, and None for an item that has never been written.
"""

GOLDEN = (5**0.5 - 1) / 2
"""The golden section: its multiples are spread over a circle as evenly as can be, however many there are."""


class ItemForm:
    """The form of items: each gets a new version every `change_every_s`; an absent one is kept `negative_ttl_s`.

    Items change at moments of their own, which follow from their ids. Where the store states versions, an item has that
    one, and changed with its last write. One that has never been written is as old as its moment.
    """

    def __init__(self, change_every_s: float, negative_ttl_s: float) -> None:
        self._change_every_s, self._negative_ttl_s = change_every_s, negative_ttl_s

    def loaded(self, item_id: int, found: Found, read_at_s: float, cost_s: float) -> Loaded:
        """The found item as JSON that is ready to be sent; `read_at_s` dates it, on the cache's clock."""
        if found is None:
            absent = {"error": "absent", "reason": f"there is no item {item_id}"}
            body = json.dumps(absent).encode()
            return Loaded(body, read_at_s, cost_s, absent=True, keep_for_s_max=self._negative_ttl_s)
        text, crc32 = found[:2]
        every_s, phase = self._change_every_s, item_id * GOLDEN % 1
        version = math.floor(read_at_s / every_s + phase) if len(found) == 2 else found[2]
        updated_at_s = (version - phase) * every_s
        if len(found) == 4 and found[3] is not None:
            updated_at_s = found[3]
        # by hand, because the encoder sets itself up anew for every dict
        item = (
            f'{{"id":{item_id},"version":{version},"read_at":{round(read_at_s, 6)!r},'
            f'"crc32":{crc32},"text":{encode_basestring_ascii(text)}}}'
        )
        return Loaded(item.encode(), read_at_s, cost_s, updated_at_s=updated_at_s)


def dated(started_s: float | None, now_s: float, lasted_s: float) -> float:
    """The moment when a read began, seconds on the cache's clock, however long it took or its pod was paused.

    It is `started_s`, unless that clock was set since. Then it is the present by that clock, less what the read lasted.
    """
    if started_s is not None and abs(now_s - started_s - lasted_s) <= CLOCK_ERROR_S_MAX:
        return started_s
    return now_s - lasted_s
