"""The parts of one pod, wired once: the same in the service, in virtual time and in tests."""

import secrets
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Generic, Protocol, Self, TypeVar

from app.item import ItemForm
from app.nets.seam import NetCache
from app.origin import Book, Origin, OriginEvents, Store
from app.peers.peers import PeerBounds, PodPeers
from app.pooler_client import Connect, PoolerClient
from app.settings import Settings
from app.strategy import Clock, Strategy
from app.strategy_runner import RunnerEvents, StrategyRunner
from app.writes import ItemWriter, WrittenStore


class PodCache(NetCache, Protocol):
    """A cache that a pod opens, takes its clock from, and closes."""

    @property
    def clock(self) -> Clock: ...

    async def start(self) -> None: ...

    async def aclose(self) -> None: ...


class PodEvents(Protocol):
    """The observers of a pod's parts: its metrics in the service."""

    def runner(self, strategy: str) -> RunnerEvents: ...

    def origin(self, strategy: str) -> OriginEvents: ...

    def task_died(self, task: str) -> None: ...


C = TypeVar("C", bound=PodCache)
B = TypeVar("B", bound=Book)


class Pod(Generic[C, B]):
    """A pod: its cache, its ledger, and an origin and a strategy runner for each strategy; an async context manager.

    Raises ValueError when a strategy's parameter is out of its bounds.
    """

    def __init__(
        self,
        settings: Settings,
        strategies: Mapping[str, type[Strategy]],
        cache: C,
        ledger: B,
        new_store: Callable[[], Store],
        events: PodEvents,
        connect_pooler: Connect | None = None,
        instance_id: str = "",
        written: WrittenStore | None = None,
        peers: PodPeers | None = None,
    ) -> None:
        """`new_store` is called once for each strategy, because each has connections of its own.

        The pod has a writer where `written` is given, and the setting `invalidation`. Pods share connections only where
        `connect_pooler` is given. It knows other pods only where `peers` are given, which it closes. `instance_id` is
        random unless it is stated.
        """
        self.settings, self.cache, self.ledger = settings, cache, ledger
        self.origins: dict[str, Origin] = {}
        self.runners: dict[str, StrategyRunner] = {}
        self.instance_id = instance_id = instance_id or secrets.token_hex(4)
        size, clock = settings.origin_connections_shared, cache.clock
        if peers is None:
            peers = PodPeers(settings.pod, PeerBounds.of(settings), clock.monotonic_s)
        self.peers = peers
        self.writer: ItemWriter | None = None
        if written is not None and settings.invalidation is not None:
            form = ItemForm(settings.change_every_s, settings.negative_ttl_s)
            self.writer = ItemWriter(written, cache, clock, form, strategies, settings.invalidation)
        for name, strategy in strategies.items():
            shared = None
            if size is not None and connect_pooler is not None:
                shared = PoolerClient(name, size, connect_pooler, events.task_died)
            self.origins[name] = origin = Origin(
                settings, name, clock, ledger, new_store(), events.origin(name), shared
            )
            self.runners[name] = StrategyRunner(
                strategy, settings, cache, clock, origin.read, events.runner(name), instance_id, self.peers
            )

    @property
    def reads_under_way(self) -> int:
        """How many reads hold a connection to a store, or wait for one."""
        return sum(origin.reading + origin.waiting for origin in self.origins.values())

    async def start(self) -> None:
        """Open the cache. A cache that is away is no error: until it comes back the origin answers."""
        try:
            await self.cache.start()
        except BaseException:
            await self.aclose()
            raise

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self.aclose()

    async def aclose(self) -> None:
        """Cancel what is in flight, runners first; every part is closed, whatever another one raises."""
        async with AsyncExitStack() as owned:
            owned.push_async_callback(self.cache.aclose)
            for origin in self.origins.values():
                owned.push_async_callback(origin.aclose)
            owned.push_async_callback(self.peers.aclose)
            for runner in self.runners.values():
                owned.push_async_callback(runner.aclose)
