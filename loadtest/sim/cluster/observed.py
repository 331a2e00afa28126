"""Between a pod and the server: what goes by is told to the watch."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from typing import Any, ParamSpec, Protocol, TypeVar

from app.landings import Waiter
from app.strategy import CacheAway, Entry, Why
from loadtest.figures.failures import Kind
from loadtest.sim.cluster.invariants import Watch
from loadtest.sim.cluster.pod_cache import MemoryCache
from loadtest.sim.cluster.redis_server import Server, Way

T = TypeVar("T")
P = ParamSpec("P")


class Failed(Protocol):
    """Who is told of a failure that a pod of the service would count."""

    def __call__(self, kind: Kind, what: str = "") -> None: ...


class WatchedServer(Way):
    """The server as one pod sees it, with the watch in between. Implements `Server`."""

    def __init__(self, server: Server, watch: Watch, pod: str) -> None:
        super().__init__(server)
        self._watch, self._pod = watch, pod
        self._refused_s: dict[str, float] = {}
        self._has_held: set[str] = set()
        self._is_deaf = False
        self.get = server.get  # the hot path, on which there is nothing to be said

    def set(self, key: str, entry: Entry, until_ms: int) -> bool:
        stored = self._server.set(key, entry, until_ms)
        if stored:
            self._kept(key, entry)
        return stored

    def put(self, key: str, entry: Entry, until_ms: int, token: str) -> bool:
        stored = self._server.put(key, entry, until_ms, token)
        if stored:
            self._kept(key, entry)
            self._watch.wrote(self._pod, key, token, entry)
            self._let_go(key, token)
        return stored

    def lock(self, key: str, token: str, lease_ms: int) -> bool:
        granted = self._server.lock(key, token, lease_ms)
        self._watch.locked(self._pod, key, token, lease_ms, granted)
        if granted:
            self._has_held.add(key)
        else:
            self._refused_s[key] = self._watch.now_s()
        return granted

    def renew(self, key: str, token: str, lease_ms: int) -> bool:
        renewed = self._server.renew(key, token, lease_ms)
        if renewed:
            self._watch.renewed(self._pod, key, token, lease_ms)
        return renewed

    def unlock(self, key: str, token: str) -> bool:
        released = self._server.unlock(key, token)
        if released:
            self._let_go(key, token)
        return released

    def slept_on(self, key: str) -> None:
        """A waiter of this pod woke by itself."""
        if (since_s := self._refused_s.get(key)) is not None:
            self._watch.slept_on(self._pod, key, since_s, self._is_deaf)

    def refreshes(self, key: str, why: Why) -> None:
        """The pod asks the origin."""
        if why is not Why.MISS:
            self._watch.refreshes(self._pod, key, key in self._has_held)

    def spent_on_storing(self, seconds: float) -> None:
        """A put of this pod has ended, whether or not it went well."""
        self._watch.longest_store_s = max(self._watch.longest_store_s, seconds)

    def missed_announcements(self) -> None:
        """The pod was cut off or paused: who waits there cannot have heard everything."""
        self._refused_s.clear()

    def goes_deaf(self, is_deaf: bool) -> None:
        """From now on announcements do not reach the pod, or do again."""
        self._is_deaf = is_deaf
        self._refused_s.clear()

    def _kept(self, key: str, entry: Entry) -> None:
        until_s = self._server.kept_until_s(key)
        if until_s is not None:
            self._watch.keeps(self._pod, key, entry, until_s)

    def _let_go(self, key: str, token: str) -> None:
        self._has_held.discard(key)
        self._watch.released(self._pod, key, token)


class _WatchedWaiter:
    def __init__(self, waiter: Waiter, server: WatchedServer, key: str) -> None:
        self._waiter, self._server, self._key = waiter, server, key

    async def wait(self, timeout_s: float) -> bool:
        announced = await self._waiter.wait(timeout_s)
        if not announced:
            self._server.slept_on(self._key)
        return announced


class WatchedCache(MemoryCache):
    """A pod's cache whose waiters are watched, and whose failures are counted."""

    _server: WatchedServer

    def __init__(self, *arguments: Any, failed: Failed = lambda kind, what="": None) -> None:
        self._failed = failed
        super().__init__(*arguments)

    async def _ask(self, name: str, command: Callable[P, T], *arguments: P.args, **named: P.kwargs) -> T:
        is_left_alone = self._clock.now_s() < self._left_alone_until_s
        try:
            answer = await super()._ask(name, command, *arguments, **named)
        except CacheAway:
            if not is_left_alone:  # else it was not even sent
                self._failed(Kind.COMMAND, name)
            raise
        if answer is False and name == "set":  # a put that is refused is told by its flight
            self._failed(Kind.COMMAND, name)
        return answer

    async def put(self, key: str, entry: Entry, token: str | None = None) -> bool:
        began_s = self._clock.now_s()
        try:
            return await super().put(key, entry, token)
        finally:
            self._server.spent_on_storing(self._clock.now_s() - began_s)

    def landing(self, key: str) -> AbstractContextManager[Waiter]:
        return self._watched_landing(key)

    @contextmanager
    def _watched_landing(self, key: str) -> Iterator[Waiter]:
        with super().landing(key) as waiter:
            yield _WatchedWaiter(waiter, self._server, key)  # type: ignore[misc]
