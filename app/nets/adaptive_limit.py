"""Adaptive limits of the loads under way: how many the origin can take is found out by how it answers.

Source: Netflix's concurrency-limits, its `AIMDLimit` and `Gradient2Limit`; additive increase and multiplicative
decrease is Chiu and Jain, 1989. Both go by the time and the outcome of each load, and by how many were under way.
"""

from typing import Protocol

from app.nets.nets import LimitNet

QUEUE_ALLOWED = 4
"""Loads by which `gradient` tries out a higher limit while latency does not grow."""
SMOOTHING = 0.2
"""The share of a new limit in the next one, in `gradient`."""
LONG_SAMPLES = 600
"""The loads over which the long-time mean of latency is taken, in `gradient`."""
FALLING = 2.0
"""The excess of the long-time mean over latency from which on `gradient` lets the mean fall faster."""


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
    """A limit that shrinks as latency exceeds its long-time mean, and otherwise grows by a small allowed queue.

    A quick failure is no sample: a refusal within a millisecond shows no free capacity.
    """

    def __init__(self, net: LimitNet) -> None:
        self._net, self._limit = net, float(net.initial)
        self._long_s: float | None = None
        self._samples = 0

    @property
    def loads(self) -> int:
        return int(self._limit)

    def learn(self, seconds: float, under_way: int, has_failed: bool) -> None:
        if has_failed and (self._long_s is None or seconds <= self._long_s):
            return
        net, long_s = self._net, self._mean_s(seconds)
        if 2 * under_way < self._limit:
            return  # the limit is not in use: latency says nothing of it
        gradient = max(0.5, min(1.0, net.tolerance * long_s / seconds)) if seconds > 0 else 1.0
        wanted = self._limit * gradient + QUEUE_ALLOWED
        self._limit = max(net.least, min(net.most, self._limit + SMOOTHING * (wanted - self._limit)))

    def _mean_s(self, seconds: float) -> float:
        """The long-time mean with one more load: the plain mean of the first ones, then an exponential one."""
        self._samples = min(self._samples + 1, LONG_SAMPLES)
        before_s = seconds if self._long_s is None else self._long_s
        long_s = before_s + (seconds - before_s) / self._samples
        if seconds > 0 and long_s > FALLING * seconds:
            long_s *= 0.95
        self._long_s = long_s
        return long_s


def limit_of(net: LimitNet) -> AdaptiveLimit:
    """The limit of the kind that is stated."""
    return AimdLimit(net) if net.kind == "aimd" else GradientLimit(net)
