"""The messages from one end of a connection to the other: bytes, in pieces or whole, and signs."""

from enum import Enum


class ConnectionSign(Enum):
    """Messages of a connection that are not data."""

    MADE = "accepted"
    END = "FIN"
    RESET = "RST"


class SlicedMessage:
    """A message that arrives in pieces, each of which sets the timer of the next, as there may be very many."""

    __slots__ = ("_apart_s", "_data", "_next_s", "_size", "_taken")

    def __init__(self, data: bytes, size: int, apart_s: float) -> None:
        self._data, self._size, self._apart_s = data, size, apart_s
        self._taken, self._next_s = 0, 0.0

    @property
    def lasts_s(self) -> float:
        """The seconds from the first piece to the last."""
        return (len(self._data) - 1) // self._size * self._apart_s

    def begin(self, first_s: float) -> None:
        self._next_s = first_s

    def take(self) -> tuple[bytes, float | None]:
        """The next piece, and the moment of the one after it, or None behind the last."""
        piece = self._data[self._taken : self._taken + self._size]
        self._taken += self._size
        self._next_s += self._apart_s
        return piece, self._next_s if self._taken < len(self._data) else None


Message = bytes | ConnectionSign | SlicedMessage
