"""Rate limits: a token bucket for all requests of a strategy in a pod, and one for each client."""

from collections.abc import Callable

from app.nets.nets import Net, Nets
from app.nets.refusals import RateLimited


class TokenBucket:
    """A bucket that fills with `rate_per_s` tokens a second up to `size`, and is full at first."""

    __slots__ = ("_at_s", "_rate_per_s", "_size", "_tokens")

    def __init__(self, rate_per_s: float, size: float, now_s: float) -> None:
        self._rate_per_s, self._size, self._tokens, self._at_s = rate_per_s, size, size, now_s

    def take(self, now_s: float) -> float:
        """Take a token and return 0; or the seconds until there is one, where there is none."""
        self._tokens = min(self._size, self._tokens + max(0.0, now_s - self._at_s) * self._rate_per_s)
        self._at_s = now_s
        if self._tokens < 1:
            return (1 - self._tokens) / self._rate_per_s
        self._tokens -= 1
        return 0.0

    def give_back(self) -> None:
        """Return a token that was taken for nothing."""
        self._tokens = min(self._size, self._tokens + 1)


class RateLimit:
    """The rate limits of one strategy in one pod, by a monotonic clock; at most `clients_max` clients are kept."""

    def __init__(self, nets: Nets, monotonic_s: Callable[[], float]) -> None:
        self._nets, self._monotonic_s = nets, monotonic_s
        rate_per_s = nets.rate_limit_per_s
        self._all = None if rate_per_s is None else self._bucket(rate_per_s)
        self._clients: dict[str, TokenBucket] = {}  # in the order in which they were last seen

    @classmethod
    def of(cls, nets: Nets, monotonic_s: Callable[[], float]) -> "RateLimit | None":
        """The rate limits that are set; None where none is."""
        is_set = nets.rate_limit_per_s is not None or nets.rate_limit_per_client_per_s is not None
        return cls(nets, monotonic_s) if is_set else None

    def admit(self, client: str) -> None:
        """Take a request of that client. Raises `RateLimited`; what one client is refused takes nothing of the rest."""
        now_s, per_client = self._monotonic_s(), self._nets.rate_limit_per_client_per_s
        bucket: TokenBucket | None = None
        if per_client is not None:
            bucket = self._of(client, per_client)
            if rest_s := bucket.take(now_s):
                raise RateLimited(Net.CLIENT_RATE_LIMIT, per_client, rest_s)
        if self._all is not None and (rest_s := self._all.take(now_s)):
            if bucket is not None:
                bucket.give_back()
            raise RateLimited(Net.RATE_LIMIT, self._nets.rate_limit_per_s or 0.0, rest_s)

    def _of(self, client: str, rate_per_s: float) -> TokenBucket:
        bucket = self._clients.pop(client, None) or self._bucket(rate_per_s)
        if len(self._clients) >= self._nets.clients_max:
            del self._clients[next(iter(self._clients))]
        self._clients[client] = bucket
        return bucket

    def _bucket(self, rate_per_s: float) -> TokenBucket:
        return TokenBucket(rate_per_s, max(1.0, rate_per_s * self._nets.burst_s), self._monotonic_s())
