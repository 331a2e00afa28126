"""The sizes of items' texts: a distribution, written as text so that it fits a setting, and drawn by item and seed."""

import hashlib
import re
from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp
from statistics import NormalDist

from app.distribution_text import read_distribution

BYTES_MIN, BYTES_MAX = 16, 1_000_000
"""The least and the greatest size of a text."""
DEFAULT = "fixed(512)"
_STANDARD = NormalDist()


@dataclass(frozen=True, slots=True)
class Payload:
    """A distribution of sizes: `fixed(bytes)`, `uniform(low, high)` or `lognormal(median, sigma)`, within bounds."""

    text: str
    quantile: Callable[[float], float] = field(compare=False)  # the size that a share of the items does not exceed
    is_fixed: bool = False

    @staticmethod
    def parse(text: str) -> "Payload":
        """The distribution that the text states. Raises ValueError saying what is allowed."""
        return read_distribution(
            text,
            _KINDS,
            "a payload: fixed(bytes), uniform(low, high) or lognormal(median, sigma), "
            f"{BYTES_MIN} <= bytes <= {BYTES_MAX}, low <= high, 0 <= sigma <= 3",
        )

    def bytes_of(self, seed: int, item_id: int) -> int:
        """The size of an item's text: the same for the same seed, in any process and in any order."""
        if self.is_fixed:
            return int(self.quantile(0.5))
        drawn = int.from_bytes(hashlib.blake2b(f"{seed}/{item_id}".encode(), digest_size=6).digest())
        return min(BYTES_MAX, max(BYTES_MIN, round(self.quantile((drawn + 0.5) / (1 << 48)))))


def stated(given: object) -> str:
    """The text of a payload, of a plain number of bytes too; the default where nothing is given. Raises ValueError."""
    text = re.sub(r"\s", "", str(given))
    return Payload.parse(f"fixed({text})" if text.isdecimal() else text or DEFAULT).text


def _check(*sizes: float) -> None:
    if not all(BYTES_MIN <= size <= BYTES_MAX for size in sizes):
        raise ValueError


def _fixed(text: str, size: float) -> Payload:
    _check(size)
    return Payload(text, lambda share: size, is_fixed=True)


def _uniform(text: str, low: float, high: float) -> Payload:
    _check(low, high)
    if low > high:
        raise ValueError
    return Payload(text, lambda share: low + share * (high - low))


def _lognormal(text: str, median: float, sigma: float) -> Payload:
    _check(median)
    if not 0 <= sigma <= 3:
        raise ValueError
    return Payload(text, lambda share: median * exp(sigma * _STANDARD.inv_cdf(share)))


_KINDS: dict[str, Callable[..., Payload]] = {"fixed": _fixed, "uniform": _uniform, "lognormal": _lognormal}
