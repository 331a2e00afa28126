"""The refusals of the nets: each says which net it was, and when another try may do better."""

from app.nets.nets import Net
from app.strategy import OriginFailed, Shed


class NetRefusal(Exception):
    """A refusal by a net, which is named."""

    net: Net


class LoadJustFailed(NetRefusal, OriginFailed):
    """A load of the key has failed a moment ago, in this pod or another one; no further one is tried yet."""

    net = Net.FAILURE_MARK

    def __init__(self, rest_s: float) -> None:
        super().__init__(f"a load of this key has just failed; the next may begin in {rest_s:.3f} s (failure_mark_ms)")
        self.retry_after_s = rest_s


class BreakerOpen(NetRefusal, OriginFailed):
    """The circuit breaker lets no load through."""

    net = Net.BREAKER

    def __init__(self, rest_s: float) -> None:
        super().__init__(f"the circuit breaker lets no load through for {rest_s:.3f} s (breaker.open_s)")
        self.retry_after_s = rest_s


class OverLimit(NetRefusal, Shed):
    """The adaptive limit of loads under way is reached."""

    net = Net.LIMIT

    def __init__(self, under_way: int, retry_after_s: float) -> None:
        super().__init__(f"{under_way} loads are under way, the limit of the moment (limit)")
        self.retry_after_s = retry_after_s


class QueueFull(NetRefusal, Shed):
    """The queue for a connection to the origin is full."""

    net = Net.QUEUE

    def __init__(self, waiting: int, retry_after_s: float) -> None:
        super().__init__(f"{waiting} reads wait for the origin (origin_queue_max)")
        self.retry_after_s = retry_after_s


class RateLimited(NetRefusal, Shed):
    """A bucket of the rate limits is empty: 429."""

    def __init__(self, net: Net, rate_per_s: float, rest_s: float) -> None:
        whose = "per client " if net is Net.CLIENT_RATE_LIMIT else ""
        super().__init__(f"more than {rate_per_s:g} requests/s {whose}({net})")
        self.net, self.retry_after_s = net, rest_s


class TooSlow(NetRefusal, OriginFailed):
    """A request has no answer at its hard time-out; its load goes on."""

    net = Net.HARD_TIMEOUT

    def __init__(self, seconds: float) -> None:
        super().__init__(f"no answer within {seconds:g} s (hard_timeout_ms); the load goes on")
