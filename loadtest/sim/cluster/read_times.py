"""The moments at which the entries were read that answer the pure hits of each key."""

import math

import numpy as np

from loadtest.figures.records import Floats, Integers
from loadtest.sim.cluster.arrival_blocks import ArrivalBlock


class ReadTimes:
    """The read time of each key's entry, and its changes since hits were last recorded."""

    def __init__(self, keys: int) -> None:
        self._read_at_s = np.full(keys, math.nan)
        self._is_changed = np.zeros(keys, dtype=np.bool_)
        self._forget()

    def _forget(self) -> None:
        """Begin without changes, which are columns: whose, when, from which place on, and what is new."""
        self._key, self._place = list[int](), list[int]()
        self._changed_s, self._new_s = list[float](), list[float]()

    def change(self, key: int, now_s: float, place: int, read_at_s: float) -> None:
        """Note that hits of the key from that place on are of an entry that was read at `read_at_s`."""
        self._key.append(key)
        self._changed_s.append(now_s)
        self._place.append(place)
        self._new_s.append(read_at_s)

    def take(self, block: ArrivalBlock, place: Integers, key: Integers) -> Floats:
        """The read times for hits at these places, which are all up to now; of later ones the newest is known."""
        read_at_s = self._read_at_s[key]
        if not self._key:
            return read_at_s
        changed, new_s = np.array(self._key), np.array(self._new_s)
        numbers = block.size + 1
        since = changed * numbers + block.places(self._changed_s, self._place)
        self._is_changed[changed] = True
        concerned = np.flatnonzero(self._is_changed[key])
        order = np.argsort(since, kind="stable")  # by key, then by place, then as they came
        latest = np.searchsorted(since[order], key[concerned] * numbers + place[concerned], "right") - 1
        is_of_key = (latest >= 0) & (changed[order[latest]] == key[concerned])
        read_at_s[concerned[is_of_key]] = new_s[order[latest[is_of_key]]]
        self._is_changed[changed] = False
        self._read_at_s[changed] = new_s  # the last of a key stays
        self._forget()
        return read_at_s
