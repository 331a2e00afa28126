"""What must hold at every event, whatever the strategy does and whatever breaks. See `INVARIANTS`.

The watch keeps books of its own, so that a fault of pods or server is seen. `loadtest.sim.watched` tells it.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.strategy import Clock, Entry
from loadtest.records import Answers

INVARIANTS = {
    "one holder": "no lock is granted while another token validly holds it, nor refused while it is free",
    "own lock": "no lock is released or renewed but by the token that validly holds it",
    "fenced write": "no write under a token is accepted unless that token validly holds the lock",
    "one refresh": "no pod refreshes a key without the lock while another validly holds it",
    "newer only": "no fenced write replaces an entry by an older one: versions never go backwards",
    "fresh enough": "no answer is older than an entry is kept (T + stale window) when it is asked for, and none is "
    "stored for longer",
    "answered in time": "every request is answered by its deadline",
    "woken": "nobody who waits for a landing sleeps on after it was announced",
    "nothing left": "when all is answered, nothing is in flight, no task runs and no error went unseen",
    "right answer": "every item is the one that was asked for, intact",
    "no crash": "no strategy raises anything but what it may",
    "goes on": "the run comes to its end: nobody waits for ever, nobody spins",
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
    """The books. Only the earliest violation is kept: what follows from it would hide it."""

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

    def now_s(self) -> float:
        return self._clock.now_s()

    def report(self, invariant: str, what: str, at_s: float | None = None) -> None:
        """Something does not hold, since now where no time is stated."""
        assert invariant in INVARIANTS
        at_s = self._clock.now_s() if at_s is None else float(at_s)
        if self.violation is None or at_s < self.violation.at_s:
            self.violation = Violation(invariant, at_s, what)

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

    def keeps(self, pod: str, key: str, meant_s: float, keep_ms: int) -> None:
        """An entry that is meant to be kept for `meant_s`, since it was read, is stored for `keep_ms`."""
        self.longest_keep_s = max(self.longest_keep_s, meant_s)
        if keep_ms / 1000 > meant_s + ROUNDING_S:
            self.report("fresh enough", f"{pod} stored {key} for {keep_ms} ms, which is to be kept {meant_s:.3f} s")

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
        latency_s, asked_s = piece.latency_s, piece.intended_s
        if (late := _first(piece, latency_s > self._deadline_s)) is not None:
            said = f"one asked at {asked_s[late]:.6f} s took {latency_s[late]:.3f} s, not {self._deadline_s:g}"
            self.report("answered in time", said, piece.ended_s[late])
        kept_s = piece.age_s - latency_s
        limit_s = self.longest_keep_s + ROUNDING_S + self._late_s + self._skew_s
        # nothing was kept: every answer is as old as its own load
        if self.longest_keep_s and (old := _first(piece, kept_s > limit_s)) is not None:
            said = f"one asked at {asked_s[old]:.6f} s was {kept_s[old]:.3f} s old; none is kept beyond"
            self.report("fresh enough", f"{said} {self.longest_keep_s:g} s", piece.ended_s[old])
        if (crashed := _first(piece, piece.code == 500)) is not None:
            self.report("no crash", f"the request of {asked_s[crashed]:.6f} s got a 500", piece.ended_s[crashed])

    def _expect(self, invariant: str, did: str, pod: str, key: str, token: str) -> None:
        held = self.holder(key)
        if held is None or held.token != token:
            by = "nobody holds" if held is None else f"{held.pod} holds"
            self.report(invariant, f"{pod} {did} the lock of {key}, which {by}")


def _first(piece: Answers, which: NDArray[np.bool_]) -> int | None:
    """The one of these answers that came first."""
    if not which.any():
        return None
    places = np.flatnonzero(which)
    return int(places[np.argmin(piece.ended_s[places])])
