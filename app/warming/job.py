"""A warming as a process beside the pods: the warmers of some strategies, one after the other, inside one rate."""

import csv
import sys
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from pathlib import Path

from app.cache import RedisCache
from app.ledger import Ledger, OriginRead
from app.main import new_pod
from app.metrics import Metrics
from app.pod import Pod
from app.settings import Settings
from app.store_file import create_store
from app.store_versions import create_versions, versions_of
from app.strategy import Strategy
from app.warming.pace import Pace
from app.warming.plan import WarmingPlan
from app.warming.progress import WAITING, WarmingProgress
from app.warming.warmer import Warmer

TOLD_EVERY_S = 1.0
"""The least time between two lines of progress."""


class WarmingJob:
    """One process's warming. It has what a pod has, its own ledger and connections, and answers no request."""

    def __init__(
        self,
        settings: Settings,
        plan: WarmingPlan,
        strategies: Mapping[str, type[Strategy]],
        part: tuple[int, int] = (1, 1),
        say: Callable[[str], None] = print,
    ) -> None:
        """Set up the process; of the keys it warms the part `(number, of)`, every so manieth from that number on.

        Raises ValueError for a bad parameter, URL or number of keys, and OSError when there can be no store.
        """
        count = settings.items if plan.keys is None else plan.keys
        if count > settings.items:
            raise ValueError(f"keys ({count:,}) must be at most the store's items ({settings.items:,})")
        number, of = part
        self._keys = range(number - 1, count, of)
        if not self._keys:
            raise ValueError(f"part {number} of {of} of {count:,} keys is empty")
        self._settings, self._plan, self._say = settings, plan, say
        self._told_s = -TOLD_EVERY_S
        create_store(settings)
        if (versions := versions_of(settings)) is not None:
            create_versions(versions)
        self._pod: Pod[RedisCache, Ledger] = new_pod(settings, strategies, Metrics())
        self._strategies = strategies
        self.progress: list[WarmingProgress] = []
        """The progress of each strategy so far."""

    async def run(self, start_s: Callable[[], Awaitable[float]] | None = None) -> bool:
        """Warm, and tell whether all strategies are ready.

        With `start_s` it waits for that moment to be told, from which the plan's own moment counts then.
        """
        settings, pod, pace, plan = self._settings, self._pod, Pace(self._plan.rate_per_s), self._plan
        async with pod:
            if start_s is not None:
                self._say(WAITING)
                plan = plan.counted_from(await start_s())
            for name, strategy in self._strategies.items():
                warmer = Warmer(
                    plan,
                    strategy.stated(settings.ttl_s, settings.params.get(name, {})),
                    self._keys,
                    pod.cache,
                    pod.cache.clock,
                    pod.origins[name].read,
                    pace,
                    settings.lease_ms / 1000,
                    f"{settings.pod}-{pod.instance_id}",
                    settings.seed,
                    self._tell,
                )
                self.progress.append(warmer.progress)
                await warmer.run()
                self._say(f"{'ready' if warmer.progress.is_ready else 'not ready'}: {warmer.progress}")
        return all(one.is_ready for one in self.progress)

    def _tell(self, progress: WarmingProgress) -> None:
        if (now_s := time.monotonic()) >= self._told_s + TOLD_EVERY_S:
            self._told_s = now_s
            self._say(f"warming {progress}")

    def write_ledger(self, path: Path) -> None:
        """Write down every read so far, in the columns of a run's ledger. Raises OSError."""
        with path.open("w", newline="", encoding="utf-8") as file:
            rows: Sequence[OriginRead] = self._pod.ledger.page(0, sys.maxsize)["rows"]
            csv.writer(file).writerows([OriginRead._fields, *rows])
