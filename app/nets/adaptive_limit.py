"""Adaptive limits of the loads under way: how many the origin can take is found out by how it answers.

Source: Netflix's concurrency-limits, its `AIMDLimit` and `GradientLimit`; additive increase and multiplicative decrease
is Chiu and Jain, 1989. Both go by the time and the outcome of each load, and by how many were under way.
"""

from typing import Protocol

from app.nets.nets import LimitNet

WINDOW = 20
"""The loads whose mean latency `gradient` goes by."""
QUEUE_ALLOWED = 4
"""Loads by which `gradient` tries out a higher limit while latency does not grow."""
SMOOTHING = 0.2
"""The share of a new limit in the next one, in `gradient`."""
PROBE_EVERY = 50
"""The windows after which `gradient` halves its limit, to find the latency of an origin without a queue anew."""


class AdaptiveLimit(Protocol):
    """A limit of the loads under way, which moves with what it learns."""

    @property
    def loads(self) -> int:
        """The limit of the moment."""
        ...

    def learn(self, seconds: float, under_way: int, has_failed: bool) -> None:
        """Learn from a load that took `seconds`, at whose end `under_way` were under way, itself included."""
        ...


class AimdLimit:
    """One more after a good load at a limit in use, a tenth less (by `backoff`) after a failed or slow one."""

    def __init__(self, net: LimitNet) -> None:
        self._net, self._limit = net, float(net.initial)

    @property
    def loads(self) -> int:
        return int(self._limit)

    def learn(self, seconds: float, under_way: int, has_failed: bool) -> None:
        net = self._net
        if has_failed or seconds * 1000 > net.slow_ms:
            self._limit = max(net.least, self._limit * net.backoff)
        elif 2 * under_way >= self._limit:
            self._limit = min(net.most, self._limit + 1)


class GradientLimit:
    """A limit that shrinks as latency exceeds the lowest one seen, and otherwise grows by a small allowed queue.

    A quick failure is no sample: a refusal within a millisecond shows no free capacity.
    """

    def __init__(self, net: LimitNet) -> None:
        self._net, self._limit = net, float(net.initial)
        self._lowest_s: float | None = None
        """The lowest mean of a window since the last probe, seconds."""
        self._sum_s, self._loads, self._windows = 0.0, 0, 0
        self._is_in_use = False

    @property
    def loads(self) -> int:
        return int(self._limit)

    def learn(self, seconds: float, under_way: int, has_failed: bool) -> None:
        if has_failed and (self._lowest_s is None or seconds <= self._lowest_s):
            return
        self._is_in_use = self._is_in_use or 2 * under_way >= self._limit
        self._sum_s += seconds
        self._loads += 1
        if self._loads == WINDOW:
            self._judge(self._sum_s / WINDOW)
            self._sum_s, self._loads, self._is_in_use = 0.0, 0, False

    def _judge(self, mean_s: float) -> None:
        """Move the limit by the mean latency of a window."""
        net = self._net
        self._lowest_s = mean_s if self._lowest_s is None else min(mean_s, self._lowest_s)
        if not self._is_in_use:
            return  # latency says nothing of a limit that is not reached
        self._windows += 1
        if self._windows % PROBE_EVERY == 0:
            self._limit, self._lowest_s = max(net.least, self._limit / 2), None
            return
        gradient = max(0.5, min(1.0, net.tolerance * self._lowest_s / mean_s)) if mean_s > 0 else 1.0
        wanted = self._limit * gradient + QUEUE_ALLOWED
        self._limit = max(net.least, min(net.most, self._limit + SMOOTHING * (wanted - self._limit)))


def limit_of(net: LimitNet) -> AdaptiveLimit:
    """The limit of the kind that is stated."""
    return AimdLimit(net) if net.kind == "aimd" else GradientLimit(net)
