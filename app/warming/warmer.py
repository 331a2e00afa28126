"""The warmer of one strategy: it fills the strategy's keys in batches, inside a rate, and looks whether they are there.

    for each batch: look ─> what is missing: turn ─> lock ─> still missing? ─> load ─> older than what is there? ─> put
    after a round:  look at all keys, or at a sample: enough? ── yes ─> ready
                                                        └─ no ──> another round

The rule for a load that races a pod's: *who loads holds the key's lock, and stores under its token*. So a strategy that
locks never loads a key twice, and a token that has lost its lock stores nothing. A key whose lock is taken is left to
its holder. A strategy that does not lock may load beside the warmer. Then the later read counts: the warmer looks again
before it stores, and drops what it has read where a pod has read later.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from random import Random

from app.leases import Leases
from app.strategy import Cache, CacheAway, Clock, Entry, Loaded, LoadReason, OriginFailed, Shed, Strategy
from app.tasks import Tasks
from app.warming.lifetime import Lifetime
from app.warming.pace import Pace
from app.warming.plan import WarmingPlan
from app.warming.progress import WarmingProgress

Load = Callable[[int, str, LoadReason], Awaitable[Loaded]]
"""Reads an item under a key, as `app.origin.Origin.read` does. Raises `OriginFailed` or `Shed`."""
LEAD_S_MAX = 0.05
"""How long before its turn a key is locked and looked up at most, seconds; it is as long as that took the last time."""
SLEEP_S_MIN = 1e-6
"""The shortest sleep, seconds: a shorter one may be too small to be added to the time, and would never end."""
AGAIN_S, AGAIN_S_MAX = 0.25, 5.0
"""The pause before the second round, seconds, doubled before each further one, up to the second."""
AWAY_S = 0.25
"""The pause between two looks at a cache that is away, seconds; all of them are within the plan's time."""


class Warmer:
    """One warmer at work for one strategy; a plan that is carried out in parts shares one pace."""

    def __init__(
        self,
        plan: WarmingPlan,
        strategy: Strategy,
        keys: Sequence[int],
        cache: Cache,
        clock: Clock,
        load: Load,
        pace: Pace,
        lease_s: float,
        name: str,
        seed: int,
        told: Callable[[WarmingProgress], None] = lambda progress: None,
    ) -> None:
        """`name` makes the tokens of this process unlike those of any other; `told` is called after each batch."""
        self._plan, self._keys, self._cache, self._clock = plan, keys, cache, clock
        self._load, self._pace, self._lease_s, self._name, self._told = load, pace, lease_s, name, told
        self._prefix = f"lab:{strategy.name}:"
        self._rng = Random(f"{seed}/{name}/{strategy.name}/warming")
        self._lifetime = Lifetime(plan, strategy, self._rng)
        self._tasks = Tasks()
        self._leases = Leases(cache, self._tasks, lease_s)
        self._lead_s = 0.0
        self.progress = WarmingProgress(strategy.name, len(keys))

    async def run(self) -> WarmingProgress:
        """Warm until the hit ratio is reached, the rounds are used up, or the time is over."""
        progress, plan = self.progress, self._plan
        progress.is_ready = not self._lifetime.fresh_s_max  # such a strategy has nothing to warm
        try:
            async with asyncio.timeout(plan.within_s):
                while not progress.is_ready and progress.round < plan.rounds_max:
                    if progress.round:  # what is left to pods, or has failed, takes its time
                        await asyncio.sleep(min(AGAIN_S_MAX, AGAIN_S * 2 ** (progress.round - 1)))
                    await self._go_round()
                    progress.hit_ratio = await self._hit_ratio()
                    progress.is_ready = progress.hit_ratio >= plan.hit_ratio
        except TimeoutError:
            pass  # the last check says how far it came
        finally:
            await self._tasks.aclose()
        return progress

    async def _go_round(self) -> None:
        progress, plan = self.progress, self._plan
        progress.round, progress.looked_at = progress.round + 1, 0
        for first in range(0, len(self._keys), plan.batch):
            batch = self._keys[first : first + plan.batch]
            missing = [item for item, is_fresh in zip(batch, await self._look(batch), strict=True) if not is_fresh]
            async with asyncio.TaskGroup() as loads:
                for item in missing:
                    await self._begin(item, loads)
            progress.looked_at += len(batch)
            progress.there += len(batch) - len(missing)
            self._told(progress)
            if missing and plan.pause_s:
                await asyncio.sleep(plan.pause_s)

    async def _hit_ratio(self) -> float:
        keys, sample = self._keys, self._plan.sample
        if sample is not None and sample < len(keys):
            keys = self._rng.sample(keys, sample)
        fresh = 0
        for first in range(0, len(keys), self._plan.batch):
            fresh += sum(await self._look(keys[first : first + self._plan.batch]))
        return fresh / len(keys)

    async def _look(self, items: Sequence[int]) -> list[bool]:
        """Whether each of these is there and fresh; a cache that is away is waited for."""
        while True:
            try:
                entries = await asyncio.gather(*(self._cache.get(f"{self._prefix}{item}") for item in items))
            except CacheAway:
                self.progress.is_cache_away = True
                self._told(self.progress)
                await asyncio.sleep(AWAY_S)
            else:
                self.progress.is_cache_away = False
                return [self._is_fresh(entry) for entry in entries]

    def _is_fresh(self, entry: Entry | None) -> bool:
        return entry is not None and entry.is_fresh(self._clock.now_s())

    async def _begin(self, item: int, loads: asyncio.TaskGroup) -> None:
        """Begin the load of a key in its turn, unless it is there by now, or somebody loads it."""
        key, token = f"{self._prefix}{item}", f"{self._name}:{self._rng.getrandbits(64):016x}"
        await self._turn(early_s=self._lead_s)
        began_s = self._clock.monotonic_s()
        try:
            if not await self._cache.lock(key, token, self._lease_s):
                self.progress.left += 1
                return
        except (CacheAway, OriginFailed):  # the latter where a load has just failed, in whatever pod
            self.progress.failed += 1
            return
        try:
            is_there = self._is_fresh(await self._cache.get(key))
        except BaseException as error:
            await self._give_back(key, token)
            if isinstance(error, CacheAway):
                self.progress.failed += 1
                return
            raise
        if is_there:
            self.progress.there += 1
            await self._give_back(key, token)
            return
        self._lead_s = min(LEAD_S_MAX, self._clock.monotonic_s() - began_s)
        await self._turn()
        has_turn = asyncio.Event()
        loads.create_task(self._fill(item, key, token, has_turn), name=f"warm {key}")
        await has_turn.wait()

    async def _turn(self, early_s: float = 0.0) -> None:
        """Wait until `early_s` before the next turn."""
        while (wait_s := self._pace.wait_s(self._clock.monotonic_s()) - early_s) > 0:  # noqa: ASYNC110
            await asyncio.sleep(max(wait_s, SLEEP_S_MIN))

    async def _fill(self, item: int, key: str, token: str, has_turn: asyncio.Event) -> None:
        """Load and store a key under its lock, which is given back in the end, whatever happened."""
        self._pace.take(self._clock.monotonic_s())  # in the step that asks: a loop that is late moves both
        has_turn.set()
        progress, lease, is_stored = self.progress, self._leases.keep(key, token), False
        try:
            entry = self._lifetime.entry(await self._load(item, key, LoadReason.WARM))
            before = await self._cache.get(key)
            is_older = entry is None or (before is not None and before.read_at_s >= entry.read_at_s)
            if entry is not None and not is_older:
                is_stored = await self._cache.put(key, entry, token)
            progress.loaded += is_stored
            progress.unstored += not is_stored
        except (OriginFailed, Shed):
            progress.failed += 1
        except CacheAway:
            progress.unstored += 1
        finally:
            self._leases.let_go(lease)
            if not is_stored:
                await self._give_back(key, token)

    async def _give_back(self, key: str, token: str) -> None:
        try:
            await self._cache.unlock(key, token)
        except CacheAway:
            pass  # its lease ends by itself
