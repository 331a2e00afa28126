"""The seeds of the runs that one seed stands for: of its repeats, and of the hours of a load that has no end.

They are hashed. Counted on from the first, the five repeats of seed 1 and those of seed 2 would have four runs in
common. What looks like a second sample would mostly be the first.
"""

import hashlib

SEED_BITS = 53
"""The bits of a hashed seed, which a double holds; a million seeds have two alike once in 20,000 times."""


def run_seed(seed: int, repeat: int) -> int:
    """The seed of a repeat by its number, from 1 on; the first has the seed itself, so that a run can be repeated."""
    return _nth(seed, "repeat", repeat - 1)


def hour_seed(seed: int, hour: int) -> int:
    """The seed of that hour of a load, from 0 on; the first has the seed itself."""
    return _nth(seed, "hour", hour)


def _nth(seed: int, of_what: str, number: int) -> int:
    if number < 0:
        raise ValueError(f"there is no {of_what} before the first")
    if number == 0:
        return seed
    digest = hashlib.blake2b(f"{seed}/{of_what} {number}".encode(), digest_size=8).digest()
    return int.from_bytes(digest) >> (64 - SEED_BITS)
