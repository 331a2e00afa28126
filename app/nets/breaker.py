"""The circuit breaker: after too many failures, no load for a while, and then probes.

Closed, it opens when the share of failed loads in the window is too high. Open, it is half-open after `open_s`.
Half-open, it lets probes through: once they have succeeded it closes, and one that fails opens it again.

Source: Nygard, "Release It!"; the words are those of resilience4j's and Polly's documentation.
"""

from collections import deque
from collections.abc import Callable
from enum import StrEnum

from app.nets.nets import BreakerNet
from app.nets.refusals import BreakerOpen

SLICES = 10
"""The parts of the sliding window; counts are forgotten part by part."""


class BreakerState(StrEnum):
    """The states of a circuit breaker."""

    CLOSED = "closed"
    HALF_OPEN = "half-open"
    OPEN = "open"


class _Slice:
    __slots__ = ("failed", "loads", "until_s")

    def __init__(self, until_s: float) -> None:
        self.until_s, self.loads, self.failed = until_s, 0, 0


class CircuitBreaker:
    """A breaker by a monotonic clock. Every load is let through by `enter`, and ends with one of the other three."""

    def __init__(self, net: BreakerNet, monotonic_s: Callable[[], float]) -> None:
        self._net, self._monotonic_s = net, monotonic_s
        self._slices: deque[_Slice] = deque(maxlen=SLICES)
        self._open_s = net.open_s
        self._open_until_s: float | None = None
        """The end of the open state; None while the breaker is closed."""
        self._probes = self._probes_good = 0
        self._round = 0
        self.opened = 0
        """How often the breaker has opened, as a number that only grows."""

    @property
    def state(self) -> BreakerState:
        if self._open_until_s is None:
            return BreakerState.CLOSED
        return BreakerState.OPEN if self._monotonic_s() < self._open_until_s else BreakerState.HALF_OPEN

    def enter(self) -> int:
        """Let a load through and return its round, to be handed back at its end. Raises `BreakerOpen`."""
        if self._open_until_s is not None:
            rest_s = self._open_until_s - self._monotonic_s()
            if rest_s > 0:
                raise BreakerOpen(rest_s)
            if self._probes >= self._net.probes:
                raise BreakerOpen(self._net.open_s)
            self._probes += 1
        return self._round

    def succeeded(self, entered: int) -> None:
        """Note a load that ended well; enough probes in a row close the breaker."""
        if entered != self._round:
            return  # it began before the breaker last changed its state
        if self._open_until_s is None:
            self._slice().loads += 1
            return
        self._probes -= 1
        self._probes_good += 1
        if self._probes_good >= self._net.probes:
            self._open_s = self._net.open_s
            self._turn(None)

    def failed(self, entered: int) -> None:
        """Note a load that failed; too many in the window open the breaker, and so does any probe."""
        if entered != self._round:
            return
        if self._open_until_s is not None:
            self._open_s = min(2 * self._open_s, self._net.open_s_max or self._net.open_s)
            self._open()
            return
        part = self._slice()
        part.loads += 1
        part.failed += 1
        loads, failed = (sum(counts) for counts in zip(*((one.loads, one.failed) for one in self._slices), strict=True))
        if loads >= self._net.loads_min and failed >= self._net.failures_share * loads:
            self._open()

    def left(self, entered: int) -> None:
        """Note a load that says nothing of the origin: it was shed, or cancelled."""
        if entered == self._round and self._open_until_s is not None:
            self._probes -= 1

    def _open(self) -> None:
        self.opened += 1
        self._turn(self._monotonic_s() + self._open_s)

    def _turn(self, open_until_s: float | None) -> None:
        self._open_until_s = open_until_s
        self._probes = self._probes_good = 0
        self._round += 1
        self._slices.clear()

    def _slice(self) -> _Slice:
        """The part of the window that this moment belongs to; parts that are too old are dropped."""
        now_s, window_s = self._monotonic_s(), self._net.window_s
        while self._slices and self._slices[0].until_s <= now_s - window_s:
            self._slices.popleft()
        if not self._slices or self._slices[-1].until_s <= now_s:
            self._slices.append(_Slice(now_s + window_s / SLICES))
        return self._slices[-1]
