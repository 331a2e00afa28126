"""Requests by key in bounded memory: exact up to a number of keys, a space-saving sketch beyond it.

Reference: Metwally, Agrawal, El Abbadi, "Efficient computation of frequent and top-k elements in data streams", 2005.
The number of keys beyond that bound is estimated by adaptive sampling (Flajolet, On adaptive sampling, 1990).
"""

from collections import Counter

KEYS_COUNTED_MAX = 100_000
"""The most keys that are counted one by one; beyond, the least popular one makes room."""
KEYS_SAMPLED_MAX = 16_384
"""The most hashes that the estimate of the number of keys keeps; its standard error is about 1 %."""


class KeyCounts:
    """Counts requests by the hash of their key."""

    def __init__(self, keys_max: int = KEYS_COUNTED_MAX) -> None:
        self._keys_max = keys_max
        self._counts: dict[bytes, int] = {}
        self._beyond: _Beyond | None = None

    def add(self, key: bytes) -> None:
        """Count a request."""
        counts = self._counts
        count = counts.get(key, 0)
        if not count and len(counts) >= self._keys_max:
            self._beyond = self._beyond or _Beyond(counts)
            count = self._beyond.make_room(counts)
        counts[key] = count + 1
        if self._beyond is not None:
            self._beyond.add(key, count)

    @property
    def is_exact(self) -> bool:
        """Whether every key was counted from its first request on."""
        return self._beyond is None

    @property
    def keys(self) -> int:
        """The number of distinct keys, estimated where not all were counted."""
        return len(self._counts) if self._beyond is None else max(len(self._counts), self._beyond.sampled.keys)

    @property
    def ranked(self) -> list[int]:
        """The requests of each key that is counted, the most popular first."""
        return sorted(self._counts.values(), reverse=True)

    @property
    def seen_once(self) -> int:
        """The number of keys with one request, estimated where not all were counted."""
        if self._beyond is None:
            return sum(count == 1 for count in self._counts.values())
        return self._beyond.sampled.seen_once


class _Beyond:
    """The keys by their count, kept beside the counts once there are more keys than may be counted."""

    def __init__(self, counts: dict[bytes, int]) -> None:
        self._by_count: dict[int, dict[bytes, None]] = {}
        self.sampled = _SampledKeys()
        for key, count in counts.items():
            self._by_count.setdefault(count, {})[key] = None
            self.sampled.add(key, count)
        self._least = min(self._by_count)

    def make_room(self, counts: dict[bytes, int]) -> int:
        """Drop a key with the fewest requests; what comes in its place inherits them."""
        while not self._by_count.get(self._least):
            self._by_count.pop(self._least, None)
            self._least += 1
        dropped, _ = self._by_count[self._least].popitem()
        del counts[dropped]
        return self._least

    def add(self, key: bytes, before: int) -> None:
        """Count a request for a key that had so many before."""
        if (peers := self._by_count.get(before)) is not None:
            peers.pop(key, None)
        self._by_count.setdefault(before + 1, {})[key] = None
        self.sampled.add(key)


class _SampledKeys:
    """The requests of the keys whose hashes end in so many bits of 0, which is an even choice of all keys.

    A key that is kept has been counted from its first request on, because the choice only narrows.
    """

    def __init__(self) -> None:
        self._counts: dict[int, int] = {}
        self._depth = 0

    def add(self, key: bytes, count: int = 1) -> None:
        bits = int.from_bytes(key[:8], "little")
        if bits & ((1 << self._depth) - 1):
            return
        self._counts[bits] = self._counts.get(bits, 0) + count
        while len(self._counts) > KEYS_SAMPLED_MAX:
            self._depth += 1
            mask = (1 << self._depth) - 1
            self._counts = {one: many for one, many in self._counts.items() if not one & mask}

    @property
    def keys(self) -> int:
        return len(self._counts) << self._depth

    @property
    def seen_once(self) -> int:
        return sum(count == 1 for count in self._counts.values()) << self._depth


class Values:
    """Numbers with how often they came, at most so many distinct ones; what is beyond is left out and counted."""

    def __init__(self, distinct_max: int) -> None:
        self._distinct_max = distinct_max
        self.counts: Counter[int] = Counter()
        self.left_out = 0

    def add(self, value: int) -> None:
        if value in self.counts or len(self.counts) < self._distinct_max:
            self.counts[value] += 1
        else:
            self.left_out += 1

    def quantile(self, share: float) -> int:
        """The value below which that share of them lies; 0 where there are none."""
        due, so_far = share * self.counts.total(), 0
        for value in sorted(self.counts):
            so_far += self.counts[value]
            if so_far >= due:
                return value
        return 0
