"""The figures that grow while a sample is read: requests by key, by minute and by client, all of it bounded."""

import math
from random import Random

from loadtest.studies.advise.samples.key_counts import KEYS_COUNTED_MAX, KeyCounts, Values
from loadtest.studies.advise.samples.keyring import Keyring

MINUTES_KEPT = 1_440
"""The minutes that are counted at once; a sample whose lines are further out of order loses the oldest."""
CLIENTS_MAX = 10_000
"""The most addresses of clients that are told apart."""
TTLS_MAX = 10_000
"""The most distinct TTLs that are told apart, in milliseconds."""
ORIGIN_TIMES_MAX = 10_000
"""The most times of misses that are kept: a random choice of all of them."""


class Gathering:
    """Takes the requests of a sample one by one, and keeps counts of them."""

    def __init__(self, keys_max: int = KEYS_COUNTED_MAX) -> None:
        self._keyring, self._rng = Keyring(), Random(0)
        self._minutes: dict[int, int] = {}
        self._busiest = 0
        self._clients: set[bytes] = set()
        self._misses = 0
        self.counts = KeyCounts(keys_max)
        self.requests = self.absent = self.left_out = 0
        self.first_s, self.last_s = math.inf, -math.inf
        self.ttls_ms = Values(TTLS_MAX)
        self.origin_ms: list[float] = []

    def request(self, time_s: float, key: bytes, *, is_absent: bool = False) -> None:
        """Count a request at that time, in seconds from any moment."""
        self.requests += 1
        self.first_s, self.last_s = min(self.first_s, time_s), max(self.last_s, time_s)
        minute = int(time_s // 60)
        self._minutes[minute] = self._minutes.get(minute, 0) + 1
        if len(self._minutes) > MINUTES_KEPT:
            self._busiest = max(self._busiest, self._minutes.pop(min(self._minutes)))
        if is_absent:
            self.absent += 1
        else:
            self.counts.add(self._keyring.hashed(key))

    def client(self, address: bytes) -> None:
        """Count a client's address, as a hash."""
        if len(self._clients) < CLIENTS_MAX:
            self._clients.add(self._keyring.hashed(address))

    def origin(self, took_ms: float) -> None:
        """Keep the time of a miss, or a random one of them in its place (Vitter's algorithm R)."""
        self._misses += 1
        if len(self.origin_ms) < ORIGIN_TIMES_MAX:
            self.origin_ms.append(took_ms)
        elif (place := self._rng.randrange(self._misses)) < ORIGIN_TIMES_MAX:
            self.origin_ms[place] = took_ms

    @property
    def clients(self) -> int:
        """The number of addresses of clients."""
        return len(self._clients)

    @property
    def busiest_minute(self) -> int:
        """The most requests in any minute of the clock."""
        return max([self._busiest, *self._minutes.values()])
