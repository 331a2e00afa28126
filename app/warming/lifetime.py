"""The life of warmed entries: what is filled together expires together, unless that is seen to here."""

from random import Random

from app.strategy import Entry, Loaded, Strategy
from app.warming.plan import WarmingPlan


class Lifetime:
    """The life that a plan gives to the entries of one strategy, never longer than its TTL.

    The window in which that strategy serves an entry past its freshness comes on top, as in its own entries.
    """

    def __init__(self, plan: WarmingPlan, strategy: Strategy, rng: Random) -> None:
        self._plan, self._rng = plan, rng
        self._window_s = strategy.mechanism().window_s
        self.fresh_s_max = max(0.0, min(strategy.ttl_s, strategy.oldest_s() - self._window_s))
        """The longest that an entry is fresh, seconds; 0 for a strategy that answers with nothing from the cache."""

    def entry(self, loaded: Loaded) -> Entry | None:
        """The entry to store; None where its time would be over already."""
        fresh_s, plan = self.fresh_s_max, self._plan
        if plan.ttl == "spread":
            fresh_s *= 1 - plan.spread * self._rng.random()
        elif plan.until_s is not None:
            fresh_s = min(fresh_s, plan.until_s - loaded.read_at_s)
        if fresh_s <= 0:
            return None
        return loaded.as_entry(fresh_s, fresh_s + self._window_s, anchored=plan.ttl == "anchored")
