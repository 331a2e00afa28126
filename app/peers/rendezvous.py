"""Rendezvous hashing: every key has its own order of the pods, and belongs to the first.

Each pod has a weight for each key, and the highest weight wins. The keys of a pod that goes move to the next in their
own orders, which spreads them over all that are left. No other key moves. A pod that comes takes 1/P of all keys. The
names are all that pods have to agree upon.

Source: Thaler and Ravishankar, "Using Name-Based Mappings to Increase Hit Rates", 1998 (highest random weight).
"""

from collections.abc import Iterable
from hashlib import blake2b

WEIGHT_BYTES = 8


def weight(pod: str, key: str) -> bytes:
    """The weight of a pod for a key: BLAKE2b of both, the same in every process.

    CRC-32 would not do: by it, the weights of two pods differ by the same bits for every key.
    """
    return blake2b(f"{pod}\0{key}".encode(), digest_size=WEIGHT_BYTES).digest()


def ranking(pods: Iterable[str], key: str) -> list[str]:
    """The pods by their weight for the key, the highest first."""
    return sorted(pods, key=lambda pod: (weight(pod, key), pod), reverse=True)
