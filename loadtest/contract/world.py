"""A small system in virtual time: pods with real strategy runners, one simulated Redis, one slow origin.

`play` runs a story in it, and then checks the rules that hold for every strategy.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from random import Random
from typing import Any, TypeVar

from app.peers.peers import PeerBounds, PeerQuestion, PodPeers
from app.peers.reply import read_reply, reply_to_peer
from app.strategy import Entry, Lookup, Status, Strategy
from app.strategy_runner import StrategyRunner
from loadtest.contract.events import Events
from loadtest.contract.origin import ITEMS, BookedOrigin
from loadtest.sim.cluster.pod_cache import SimulatedCache
from loadtest.sim.cluster.redis_server import SimulatedRedis
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock
from loadtest.workload.floors import Floors
from loadtest.workload.stated_settings import StatedSettings

T = TypeVar("T")

TTL_S = 5.0
SETTLE_S = 20.0  # in which whatever is under way ends: a lock wait, then a load
ANSWER_S_MAX = 10.0
ROUNDING_S = 0.001  # PX counts whole milliseconds, rounded up


@dataclass(frozen=True, slots=True)
class Reply:
    """One answered request."""

    asked_s: float
    answered_s: float
    pod: str
    item_id: int
    code: int
    status: Status
    body: dict[str, Any]

    @property
    def took_s(self) -> float:
        return self.answered_s - self.asked_s


class BookingServer(SimulatedRedis):
    """A simulated Redis that records with each load until when its entry may be served."""

    def __init__(self, clock: VirtualClock, origin: BookedOrigin) -> None:
        super().__init__(clock)
        self._origin = origin

    def set(self, key: str, entry: Entry, keep_ms: int) -> bool:
        if not entry.absent:
            load = self._origin.loads[json.loads(entry.body)["load"]]
            load.kept_until_s = max(load.kept_until_s or 0.0, entry.keep_until_s)
        return super().set(key, entry, keep_ms)


class ContractWorld:
    """The pods, cache and origin of one story, and every reply; made in a running virtual loop."""

    def __init__(
        self, strategy: type[Strategy], pods: int = 3, seed: int = 1, cache_latency_s: float = 0.0, **settings: Any
    ) -> None:
        self.seed = seed
        self.lag_s = strategy.stated(TTL_S, settings.get("params", {}).get(strategy.name, {})).lag_s()
        self.cache_latency_s = cache_latency_s
        self.origin = BookedOrigin()
        self.events = Events()
        self.replies: list[Reply] = []
        self.clock = VirtualClock(asyncio.get_running_loop())
        self.server = BookingServer(self.clock, self.origin)
        self.runners: dict[str, StrategyRunner] = {}
        self.peers: list[PodPeers] = []
        names = [f"pod-{number}" for number in range(pods)]
        for pod in names:
            told = StatedSettings(pod=pod, seed=seed, ttl_s=TTL_S, **settings)
            cache = SimulatedCache(self.server, self.clock, cache_latency_s, nets=told.nets)
            read = partial(self.origin.read, told)
            peers = PodPeers(pod, PeerBounds.of(told), self.clock.monotonic_s, self._ask_peer, names)
            self.peers.append(peers)
            self.runners[pod] = StrategyRunner(strategy, told, cache, self.clock, read, self.events, pod, peers)

    async def _ask_peer(self, pod: str, question: PeerQuestion, heard: Callable[[], None]) -> Lookup:
        lookup = self.runners[pod].load_for_peer(question.item_id, question.cache_s)
        return read_reply(await asyncio.shield(reply_to_peer(lookup)))

    async def ask(self, item_id: int = 0, pod: int = 0) -> Reply:
        name = f"pod-{pod % len(self.runners)}"
        asked_s = self.clock.now_s()
        answer = await self.runners[name].answer(item_id)
        status = Status(answer.headers.split("detail=")[1].split(";")[0].split("\r")[0])
        reply = Reply(asked_s, self.clock.now_s(), name, item_id, answer.code, status, json.loads(answer.body))
        self.replies.append(reply)
        return reply

    async def herd(self, readers: int = 100, item_id: int = 0, spread_s: float = 0.0) -> list[Reply]:
        """The replies to readers of one item, who ask all pods in turn, evenly within `spread_s`."""

        async def comes(number: int) -> Reply:
            await asyncio.sleep(spread_s * number / readers)
            return await self.ask(item_id, pod=number)

        return await asyncio.gather(*map(comes, range(readers)))

    async def traffic(
        self, for_s: float, readers: int = 100, think_s: float = 0.5, items: Sequence[int] = range(10)
    ) -> None:
        """Run readers that ask any pod for any item, think for a random time, and ask again, for `for_s` seconds."""

        async def reads(number: int) -> None:
            rng = Random(f"{self.seed}/reader {number}")
            floors = Floors[int](self.lag_s)
            while self.clock.now_s() < until_s:
                await asyncio.sleep(rng.uniform(0, 2 * think_s))
                item_id = rng.choice(items)
                floor_s = floors.floor_s(item_id, self.clock.now_s())
                reply = await self.ask(item_id, pod=rng.randrange(len(self.runners)))
                if reply.code == 200:
                    version = reply.body["read_at"]
                    assert version >= floor_s, f"reader {number} saw an older version: {reply}"
                    floors.see(item_id, version, reply.answered_s)

        until_s = self.clock.now_s() + for_s
        await asyncio.gather(*map(reads, range(readers)))

    async def settle(self) -> None:
        """Wait until every task may have ended. Raises AssertionError where one has not."""
        await asyncio.sleep(SETTLE_S)
        left = asyncio.all_tasks() - {asyncio.current_task()}
        assert not left, f"still at work {SETTLE_S:g} s after the last request: {left}"
        assert [len(runner._flights) for runner in self.runners.values()] == [0] * len(self.runners), (
            "keys are left in flight"
        )

    def check(self) -> None:
        """Hold every reply to the rules that hold for every strategy. Raises AssertionError."""
        for reply in self.replies:
            assert reply.code in {200, 404, 503}, reply
            assert reply.code == 503 or (reply.code == 404) == (reply.item_id >= ITEMS), reply
            assert reply.took_s <= ANSWER_S_MAX, reply
            if reply.code == 200:
                self._check_body(reply)

    def _check_body(self, reply: Reply) -> None:
        assert reply.body["id"] == reply.item_id, f"another item's answer: {reply}"
        load = self.origin.loads[reply.body["load"]]
        assert load.ended_s is not None
        if load.ended_s >= reply.asked_s:
            return  # loaded while it waited: nothing can be younger
        assert load.kept_until_s is not None, f"an answer that was never in the cache: {reply}"
        # half a command's time until the cache begins to count, and half of one from its answer to the reader
        late_s = ROUNDING_S + self.cache_latency_s
        assert reply.answered_s <= load.kept_until_s + late_s, f"past its keep_until_s: {reply}"


def play(strategy: type[Strategy], story: Callable[[ContractWorld], Awaitable[T]], **world: Any) -> T:
    """Run a story with a strategy, settle, and check; the result is the story's own.

    Keyword arguments are those of `ContractWorld`. Raises AssertionError where a rule is broken.
    """

    async def main() -> T:
        unseen: list[dict[str, Any]] = []
        asyncio.get_running_loop().set_exception_handler(lambda _, context: unseen.append(context))
        stage = ContractWorld(strategy, **world)
        told = await story(stage)
        await stage.settle()
        for close in (part.aclose for parts in (stage.runners.values(), stage.peers) for part in parts):
            with suppress(asyncio.CancelledError):
                await close()
        stage.check()
        assert not unseen, f"errors that were not handled: {unseen}"
        return told

    return loop.run(main())
