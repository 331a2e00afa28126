"""The nets between a strategy and its origin: the circuit breaker, and the adaptive limit of loads under way."""

from collections.abc import Awaitable, Callable

from app.nets.adaptive_limit import AdaptiveLimit, limit_of
from app.nets.breaker import CircuitBreaker
from app.nets.nets import Nets
from app.nets.refusals import OverLimit
from app.strategy import Loaded, LoadReason, OriginFailed

LoadItem = Callable[[int, str, LoadReason], Awaitable[Loaded]]
"""Reads an item from the origin, for a key: `app.origin.Origin.read`. Raises `OriginFailed` or `Shed`."""


class OriginGuard:
    """A loader behind the breaker and the limit, where these are set."""

    def __init__(self, load: LoadItem, nets: Nets, monotonic_s: Callable[[], float]) -> None:
        self._load, self._monotonic_s = load, monotonic_s
        self.breaker = None if nets.breaker is None else CircuitBreaker(nets.breaker, monotonic_s)
        self.limit: AdaptiveLimit | None = None if nets.limit is None else limit_of(nets.limit)
        self.under_way = 0
        self._last_s = 0.0
        """How long the last load took, seconds."""

    async def load(self, item_id: int, key: str, reason: LoadReason) -> Loaded:
        """Load an item, if the nets let it through. Raises `OriginFailed` or `Shed`."""
        breaker, limit = self.breaker, self.limit
        if limit is not None and self.under_way >= limit.loads:
            raise OverLimit(self.under_way, self._last_s)
        entered = 0 if breaker is None else breaker.enter()
        self.under_way += 1
        began_s = self._monotonic_s()
        try:
            loaded = await self._load(item_id, key, reason)
        except OriginFailed:
            self._learn(began_s, has_failed=True)
            if breaker is not None:
                breaker.failed(entered)
            raise
        except BaseException:
            if breaker is not None:
                breaker.left(entered)
            raise
        else:
            self._learn(began_s, has_failed=False)
            if breaker is not None:
                breaker.succeeded(entered)
            return loaded
        finally:
            self.under_way -= 1

    def _learn(self, began_s: float, has_failed: bool) -> None:
        if self.limit is not None:
            self._last_s = self._monotonic_s() - began_s
            self.limit.learn(self._last_s, self.under_way, has_failed)
