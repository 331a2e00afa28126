"""The randomness that a library draws without a seed, seeded for a run while its loop runs callbacks."""

import os
import random
import uuid
from collections.abc import Callable
from random import Random
from typing import Any

from loadtest.sim.wire.swaps import Swaps

_seed_by_itself: Callable[..., None] = Random.seed
_system_urandom: Callable[[int], bytes] = os.urandom

_LAST_UUIDS = {"_last_timestamp": None, "_last_timestamp_v6": None, "_last_timestamp_v7": None, "_last_counter_v7": 0}
"""The memory that `uuid` has of those it made last, so that two differ; Python 3.14 has all of it."""


class LibraryDraws:
    """The draws of a run: the global `random`, generators without a seed, `os.urandom`, thus `uuid` and `secrets`."""

    def __init__(self, seed: int) -> None:
        self._state = Random(f"{seed}/library").getstate()
        self._bytes = bytes_drawn = Random(f"{seed}/urandom")
        self._uuids: dict[str, Any] = {"_node": bytes_drawn.getrandbits(48) | 1 << 40}
        self._uuids |= {name: value for name, value in _LAST_UUIDS.items() if hasattr(uuid, name)}
        self._outside: Any = None
        self._uuids_outside: dict[str, Any] = {}
        self._swaps = Swaps({_system_urandom: bytes_drawn.randbytes})

    def put_on(self) -> None:
        """Have libraries draw from the run's seed from now on."""
        self._outside = random.getstate()
        random.setstate(self._state)
        drawn = self._bytes

        def seed_by_run(self: Random, a: Any = None, version: int = 2) -> None:
            _seed_by_itself(self, drawn.getrandbits(128) if a is None else a, version)

        Random.seed = seed_by_run  # type: ignore[method-assign]
        random._urandom = drawn.randbytes  # type: ignore[attr-defined]
        self._uuids_outside = _swap_uuids(self._uuids)
        self._swaps.put_in()

    def take_off(self) -> None:
        """Have the system's randomness back; the next time goes on where this one ended."""
        self._swaps.take_out()
        self._uuids = _swap_uuids(self._uuids_outside)
        random._urandom = _system_urandom  # type: ignore[attr-defined]
        Random.seed = _seed_by_itself  # type: ignore[method-assign]
        self._state = random.getstate()
        random.setstate(self._outside)


def _swap_uuids(state: dict[str, Any]) -> dict[str, Any]:
    """Give `uuid` another node and other last time-stamps, and return those that it had."""
    before = {name: getattr(uuid, name) for name in state}
    for name, value in state.items():
        setattr(uuid, name, value)
    return before
