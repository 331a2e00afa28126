"""The write buffer of a transport: bytes that the systems do not take yet, and the water marks of its protocol."""

from collections import deque
from collections.abc import Callable

HIGH_WATER_BYTES = 64 * 1024
"""Bytes of a write buffer beyond which the protocol is paused, as asyncio has it."""


class WriteBuffer:
    """The bytes that wait to be sent, in order."""

    def __init__(self, call_protocol: Callable[[str], None]) -> None:
        """Begin empty; `call_protocol` is called with `pause_writing` or `resume_writing`."""
        self._call_protocol = call_protocol
        self._waiting: deque[bytes] = deque()
        self.size_bytes = 0
        self.high_bytes, self.low_bytes = HIGH_WATER_BYTES, HIGH_WATER_BYTES // 4
        self._is_paused = False

    def __bool__(self) -> bool:
        return bool(self._waiting)

    def put(self, data: bytes) -> None:
        """Have bytes wait behind all others."""
        self._waiting.append(data)
        self.size_bytes += len(data)

    def take(self, room_bytes: int) -> bytes:
        """The bytes of the oldest write that there is room for."""
        data = self._waiting.popleft()
        if len(data) > room_bytes:
            self._waiting.appendleft(data[room_bytes:])
            data = data[:room_bytes]
        self.size_bytes -= len(data)
        return data

    def clear(self) -> None:
        """Drop everything."""
        self._waiting.clear()
        self.size_bytes = 0

    def set_limits(self, high: int | None, low: int | None) -> None:
        """Set the water marks, in bytes, with asyncio's defaults for what is not stated. Raises ValueError."""
        if high is None:
            high = HIGH_WATER_BYTES if low is None else 4 * low
        if low is None:
            low = high // 4
        if not high >= low >= 0:
            raise ValueError(f"high ({high!r}) must be >= low ({low!r}) must be >= 0")
        self.high_bytes, self.low_bytes = high, low
        self.look_if_too_full()

    def look_if_too_full(self) -> None:
        """Pause the protocol above the high mark."""
        if self.size_bytes > self.high_bytes and not self._is_paused:
            self._is_paused = True
            self._call_protocol("pause_writing")

    def look_if_drained(self) -> None:
        """Let a paused protocol go on at the low mark."""
        if self._is_paused and self.size_bytes <= self.low_bytes:
            self._is_paused = False
            self._call_protocol("resume_writing")
