"""A slow origin in virtual time that records every load and can be set to fail."""

import asyncio
import json
import math
from collections import Counter
from dataclasses import dataclass

from app.settings import Settings
from app.strategy import Loaded, LoadReason, OriginFailed

ORIGIN_S = 0.2
ITEMS = 100  # ids from this one on do not exist


@dataclass(slots=True)
class BookedLoad:
    """One read of the origin. The body of its item carries its number, so that each answer leads to its load."""

    number: int
    pod: str
    item_id: int
    reason: LoadReason
    began_s: float
    ended_s: float | None = None
    ok: bool = False
    kept_until_s: float | None = None  # by the entry that the cache was given


class BookedOrigin:
    """An origin that answers any id in `latency_s`, and raises `failure` while that is set."""

    def __init__(self) -> None:
        self.latency_s = ORIGIN_S
        self.failure: Exception | None = None
        self.loads: list[BookedLoad] = []
        self.at_once_max: Counter[tuple[str, int]] = Counter()  # loads of an item under way together, by pod
        self._at_once: Counter[tuple[str, int]] = Counter()

    async def read(self, settings: Settings, item_id: int, key: str, reason: LoadReason) -> Loaded:
        """The item of an id, in place of `app.origin.Origin.read` in the pod of these settings. Raises `failure`."""
        running, place = asyncio.get_running_loop(), (settings.pod, item_id)
        load = BookedLoad(len(self.loads), settings.pod, item_id, reason, running.time())
        self.loads.append(load)
        self._at_once[place] += 1
        self.at_once_max[place] = max(self.at_once_max[place], self._at_once[place])
        try:
            await asyncio.sleep(self.latency_s)
        finally:
            self._at_once[place] -= 1
            load.ended_s = running.time()
        if self.failure is not None:
            raise self.failure
        load.ok = True
        body = json.dumps({"id": item_id, "load": load.number, "read_at": load.ended_s}).encode()
        is_absent = item_id >= ITEMS
        keep_for_s_max = settings.negative_ttl_s if is_absent else math.inf
        return Loaded(body, load.ended_s, load.ended_s - load.began_s, is_absent, keep_for_s_max)

    def fail(self) -> None:
        self.failure = OriginFailed("the origin is down")

    def recover(self) -> None:
        self.failure = None
