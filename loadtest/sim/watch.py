"""What must hold at every event, whatever the strategy does and whatever breaks. See `INVARIANTS`.

The watch stands between the pods and the server and keeps books of its own, so that a fault of either is seen.
"""

from collections.abc import Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass
from typing import NamedTuple

import numpy as np

from app.landings import Waiter
from app.strategy import Clock, Entry, Why
from loadtest.records import Answers
from loadtest.sim.cache import MemoryCache
from loadtest.sim.server import Listener, Server

INVARIANTS = {
    "one holder": "no lock is granted while another token validly holds it, nor refused while it is free",
    "own lock": "no lock is released or renewed but by the token that validly holds it",
    "fenced write": "no write under a token is accepted unless that token validly holds the lock",
    "one refresh": "no pod refreshes a key without the lock while another validly holds it",
    "newer only": "no fenced write replaces an entry by an older one: versions never go backwards",
    "fresh enough": "no answer is older than an entry is kept (T + stale window) when it is asked for",
    "answered in time": "every request is answered by its deadline",
    "woken": "nobody who waits for a landing sleeps on after it was announced",
    "nothing left": "when all is answered, nothing is in flight, no task runs and no error went unseen",
    "no crash": "no strategy raises anything but what it may",
}
ROUNDING_S = 0.002
"""PX counts whole milliseconds, upwards."""


@dataclass(frozen=True, slots=True)
class Violation:
    """The first thing that should not have been."""

    invariant: str
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}, at {self.at_s:.6f} s: {self.what}"


class _Lease(NamedTuple):
    token: str
    pod: str
    until_s: float


class Watch:
    """The books. Only the first violation is kept: what follows from it would hide it."""

    def __init__(self, clock: Clock, late_s: float, skew_s: float, deadline_s: float) -> None:
        """`late_s` is how long an announcement may travel, `skew_s` how far clocks may be apart, `deadline_s` what a
        request may take."""
        self._clock = clock
        self._late_s, self._skew_s, self._deadline_s = late_s, skew_s, deadline_s
        self._leases: dict[str, _Lease] = {}
        self._newest_s: dict[str, float] = {}
        self._released_s: dict[str, float] = {}
        self.longest_keep_s = 0.0
        self.violation: Violation | None = None

    def report(self, invariant: str, what: str) -> None:
        """Something does not hold."""
        assert invariant in INVARIANTS
        if self.violation is None:
            self.violation = Violation(invariant, self._clock.now_s(), what)

    def forget(self) -> None:
        """Everything was flushed."""
        self._leases.clear()
        self._newest_s.clear()

    def holder(self, key: str) -> _Lease | None:
        lease = self._leases.get(key)
        return lease if lease is not None and self._clock.now_s() < lease.until_s else None

    def locked(self, pod: str, key: str, token: str, lease_ms: int, granted: bool) -> None:
        held = self.holder(key)
        if granted and held is not None and held.token != token:
            self.report("one holder", f"{pod} got the lock of {key} that {held.pod} holds until {held.until_s:.3f} s")
        if not granted and held is None:
            self.report("one holder", f"{pod} was refused the lock of {key}, which nobody holds")
        if granted:
            self._leases[key] = _Lease(token, pod, self._clock.now_s() + lease_ms / 1000)

    def renewed(self, pod: str, key: str, token: str, lease_ms: int) -> None:
        self._expect("own lock", "renewed", pod, key, token)
        self._leases[key] = _Lease(token, pod, self._clock.now_s() + lease_ms / 1000)

    def released(self, pod: str, key: str, token: str) -> None:
        self._expect("own lock", "released", pod, key, token)
        self._leases.pop(key, None)
        self._released_s[key] = self._clock.now_s()

    def wrote(self, pod: str, key: str, token: str, entry: Entry) -> None:
        """A write under a token was accepted."""
        self._expect("fenced write", "wrote under", pod, key, token)
        newest_s = self._newest_s.get(key, entry.read_at_s)
        if entry.read_at_s < newest_s - self._skew_s:
            self.report("newer only", f"{pod} replaced {key} of {newest_s:.6f} s by that of {entry.read_at_s:.6f} s")
        self._newest_s[key] = max(newest_s, entry.read_at_s)

    def slept_on(self, pod: str, key: str, since_s: float) -> None:
        """A waiter woke by itself; it had been refused the lock at `since_s`."""
        released_s = self._released_s.get(key, -1.0)
        if released_s > since_s and self._clock.now_s() - released_s > self._late_s:
            self.report("woken", f"{pod} waited on for {key}, whose landing was announced at {released_s:.6f} s")

    def refreshes(self, pod: str, key: str, has_held: bool) -> None:
        """A pod asks the origin to replace an entry."""
        held = self.holder(key)
        if held is not None and held.pod != pod and not has_held:
            self.report("one refresh", f"{pod} refreshes {key}, whose lock {held.pod} holds")

    def check_answers(self, piece: Answers) -> None:
        """Every answer of a piece, at once."""
        latency_s = piece.latency_s
        if len(latency_s) and latency_s.max() > self._deadline_s:
            late = int(np.argmax(latency_s))
            said = f"one asked at {piece.intended_s[late]:.6f} s took {latency_s[late]:.3f} s, not {self._deadline_s:g}"
            self.report("answered in time", said)
        kept_s = piece.age_s - latency_s
        limit_s = self.longest_keep_s + ROUNDING_S + self._late_s + self._skew_s
        # nothing was kept: every answer is as old as its own load
        if self.longest_keep_s and np.any(kept_s > limit_s):
            old = int(np.nanargmax(kept_s))
            said = f"one asked at {piece.intended_s[old]:.6f} s was {kept_s[old]:.3f} s old; none is kept beyond"
            self.report("fresh enough", f"{said} {self.longest_keep_s:g} s")
        if np.any(piece.code == 500):
            crashed = int(np.argmax(piece.code == 500))
            self.report("no crash", f"the request of {piece.intended_s[crashed]:.6f} s got a 500")

    def _expect(self, invariant: str, did: str, pod: str, key: str, token: str) -> None:
        held = self.holder(key)
        if held is None or held.token != token:
            by = "nobody holds" if held is None else f"{held.pod} holds"
            self.report(invariant, f"{pod} {did} the lock of {key}, which {by}")


class WatchedServer:
    """The server as one pod sees it, with the watch in between. Implements `Server`."""

    def __init__(self, server: Server, watch: Watch, pod: str) -> None:
        self._server, self._watch, self._pod = server, watch, pod
        self._refused_s: dict[str, float] = {}
        self._has_held: set[str] = set()
        self.get = server.get  # the hot path, on which there is nothing to be said

    @property
    def is_away(self) -> bool:
        return self._server.is_away

    def join(self, listener: Listener) -> None:
        self._server.join(listener)

    def leave(self, listener: Listener) -> None:
        self._server.leave(listener)

    def set(self, key: str, entry: Entry, keep_ms: int) -> bool:
        self._keep(entry)
        return self._server.set(key, entry, keep_ms)

    def put(self, key: str, entry: Entry, keep_ms: int, token: str) -> bool:
        stored = self._server.put(key, entry, keep_ms, token)
        if stored:
            self._keep(entry)
            self._watch.wrote(self._pod, key, token, entry)
            self._let_go(key, token)
        return stored

    def lock(self, key: str, token: str, lease_ms: int) -> bool:
        granted = self._server.lock(key, token, lease_ms)
        self._watch.locked(self._pod, key, token, lease_ms, granted)
        if granted:
            self._has_held.add(key)
        else:
            self._refused_s[key] = self._watch._clock.now_s()
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
            self._watch.slept_on(self._pod, key, since_s)

    def refreshes(self, key: str, why: Why) -> None:
        """This pod asks the origin."""
        if why is not Why.MISS:
            self._watch.refreshes(self._pod, key, key in self._has_held)

    def missed_announcements(self) -> None:
        """The pod was cut off or paused: who waits there cannot have heard everything."""
        self._refused_s.clear()

    def _keep(self, entry: Entry) -> None:
        self._watch.longest_keep_s = max(self._watch.longest_keep_s, entry.keep_until_s - entry.read_at_s)

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
    """A pod's cache whose waiters are watched."""

    _server: WatchedServer

    def landing(self, key: str) -> AbstractContextManager[Waiter]:
        return self._watched_landing(key)

    @contextmanager
    def _watched_landing(self, key: str) -> Iterator[Waiter]:
        with super().landing(key) as waiter:
            yield _WatchedWaiter(waiter, self._server, key)  # type: ignore[misc]
