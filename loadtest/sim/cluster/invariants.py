"""What must hold at every event, whatever the strategy does and whatever breaks. See `Invariant`.

The watch keeps books of its own, so that a fault of pods or server is seen. `loadtest.sim.cluster.observed` tells it.
"""

import math
from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum, unique
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from app.strategy import Clock, Entry
from loadtest.figures.records import Answers, Floats

ROUNDING_S = 0.002
"""Redis counts whole milliseconds."""


@unique
class Invariant(Enum):
    """Each value is the sentence that holds at every event of a run."""

    ONE_HOLDER = "no lock is granted while another token validly holds it, nor refused while it is free or one's own"
    OWN_LOCK = "no lock is released or renewed but by the token that validly holds it"
    FENCED_WRITE = "no write under a token is accepted unless that token validly holds the lock"
    ONE_REFRESH = "no pod refreshes a key without the lock while another validly holds it"
    NEWER_ONLY = "no fenced write replaces an entry by an older one: versions never go backwards"
    KEPT_NO_LONGER = "nothing is stored beyond its keep_until"
    AS_PROMISED = "nothing is kept for longer than the strategy promises (oldest_s)"
    FRESH_ENOUGH = "no answer is older, when it is asked for, than the strategy promises, or than loads take"
    NO_WAY_BACK = "who has seen an item of the cache sees none read earlier, by more than the longest load takes"
    ANSWERED_IN_TIME = "every request is answered by its deadline"
    WOKEN = "nobody who waits for a landing sleeps on after it was announced, but for a poll where it was not heard"
    SHARED_POOL = "no more reads are under way in all pods together than they share connections"
    NOTHING_LEFT = "when all is answered, nothing is in flight, no task runs and no error went unseen"
    RIGHT_ANSWER = "every item is the one that was asked for, intact"
    NO_CRASH = "no strategy raises anything but what it may"
    LETS_OTHERS_RUN = "nobody holds the loop without awaiting anything"
    GOES_ON = "the run comes to its end: nobody waits for ever, nobody spins"

    def __str__(self) -> str:
        return self.name.lower().replace("_", " ")


@dataclass(frozen=True, slots=True)
class Violation:
    """The first thing that should not have been."""

    invariant: Invariant
    at_s: float
    what: str

    def __str__(self) -> str:
        return f"{self.invariant}, at {self.at_s:.6f} s: {self.what}"


class _Lease(NamedTuple):
    token: str
    pod: str
    until_s: float


@dataclass(frozen=True, slots=True)
class Allowed:
    """What the latencies, clocks and faults of a world make unavoidable, in seconds."""

    late_s: float
    """How long an announcement, or a reply, may travel."""
    skew_s: float
    """How much older than its age what a wrong clock has dated may be."""
    deadline_s: float
    """What a request may take."""
    promise_s: float = math.inf
    """How old an answer of the cache may be."""
    poll_s: float = 0.0
    """How seldom a waiter looks by itself."""
    back_s: float = 0.0
    """For how long pods may go without news of each other."""


class Watch:
    """The books. Only the earliest violation is kept: what follows from it would hide it."""

    def __init__(
        self, clock: Clock, allowed: Allowed, server_s: Callable[[], float] | None = None, knows_truth: bool = False
    ) -> None:
        """Leases end by the server's own time, `server_s`. With `knows_truth` it remembers of each load when it was
        really asked for, for worlds in which what clocks say is not true."""
        self._clock, self._allowed = clock, allowed
        self._server_s = server_s or clock.now_s
        self._leases: dict[str, _Lease] = {}
        self._newest_s: dict[str, float] = {}
        self._stored_s: dict[str, float] = {}
        self._released_s: dict[str, float] = {}
        self._asked_s: dict[bytes, float] | None = {} if knows_truth else None
        self.longest_load_s = 0.0
        self.longest_store_s = 0.0
        """That a pod has spent on storing what it had loaded, whether or not that went well."""
        self.violation: Violation | None = None

    def now_s(self) -> float:
        return self._clock.now_s()

    def report(self, invariant: Invariant, what: str, at_s: float | None = None) -> None:
        """Something does not hold, since now where no time is stated."""
        at_s = self._clock.now_s() if at_s is None else float(at_s)
        if self.violation is None or at_s < self.violation.at_s:
            self.violation = Violation(invariant, at_s, what)

    def forget(self) -> None:
        """Everything was flushed."""
        self._leases.clear()
        self._newest_s.clear()

    def holder(self, key: str) -> _Lease | None:
        lease = self._leases.get(key)
        return lease if lease is not None and self._server_s() < lease.until_s else None

    def locked(self, pod: str, key: str, token: str, lease_ms: int, granted: bool) -> None:
        held = self.holder(key)
        if granted and held is not None and held.token != token:
            self.report(
                Invariant.ONE_HOLDER, f"{pod} got the lock of {key} that {held.pod} holds until {held.until_s:.3f} s"
            )
        if not granted and (held is None or held.token == token):
            whose = "nobody holds" if held is None else "it holds itself"
            self.report(Invariant.ONE_HOLDER, f"{pod} was refused the lock of {key}, which {whose}")
        if not granted and held is not None and held.until_s - self._server_s() > 2 * lease_ms / 1000:
            # a clock was set back since; its lease is cut, see `app.scripts.LOCK`
            self._leases[key] = held._replace(until_s=self._server_s() + lease_ms / 1000)
        if granted and held is None:  # who has it already, and asks again, has it for no longer
            self._leases[key] = _Lease(token, pod, self._server_s() + lease_ms / 1000)

    def renewed(self, pod: str, key: str, token: str, lease_ms: int) -> None:
        self._expect(Invariant.OWN_LOCK, "renewed", pod, key, token)
        self._leases[key] = _Lease(token, pod, self._server_s() + lease_ms / 1000)

    def released(self, pod: str, key: str, token: str) -> None:
        self._expect(Invariant.OWN_LOCK, "released", pod, key, token)
        self._leases.pop(key, None)
        self._released_s[key] = self._clock.now_s()

    def wrote(self, pod: str, key: str, token: str, entry: Entry) -> None:
        """A write under a token was accepted."""
        self._expect(Invariant.FENCED_WRITE, "wrote under", pod, key, token)
        read_s = self.really_read_s(entry.body, entry.read_at_s)
        newest_s = self._newest_s.get(key, read_s)
        if read_s < newest_s:
            self.report(Invariant.NEWER_ONLY, f"{pod} replaced {key} of {newest_s:.6f} s by that of {read_s:.6f} s")
        self._newest_s[key] = max(newest_s, read_s)

    def keeps(self, pod: str, key: str, entry: Entry, until_s: float) -> None:
        """An entry is stored, until then by the server's clock."""
        if until_s > entry.keep_until_s + ROUNDING_S:
            said = f"{pod} stored {key} until {until_s:.3f} s, which is to be kept until {entry.keep_until_s:.3f} s"
            self.report(Invariant.KEPT_NO_LONGER, said)
        read_s = self.really_read_s(entry.body, entry.read_at_s)
        self._stored_s[key] = max(read_s, self._stored_s.get(key, read_s))
        meant_s = entry.keep_until_s - entry.read_at_s
        if meant_s > self._allowed.promise_s + ROUNDING_S:
            said = f"{pod} keeps {key} for {meant_s:.3f} s, which is never to be older than"
            self.report(Invariant.AS_PROMISED, f"{said} {self._allowed.promise_s:g} s")

    def loaded(self, body: bytes | None, asked_s: float) -> None:
        """The origin has answered what it was asked then."""
        self.longest_load_s = max(self.longest_load_s, self._clock.now_s() - asked_s)
        if self._asked_s is not None and body is not None:
            self._asked_s[body] = asked_s

    def really_read_s(self, body: bytes, dated_s: float) -> float:
        """When it was asked for, where what it is dated may be wrong."""
        return dated_s if self._asked_s is None else self._asked_s.get(body, dated_s)

    def slept_on(self, pod: str, key: str, since_s: float, is_deaf: bool = False) -> None:
        """A waiter woke by itself; it had been refused the lock at `since_s`. It may be one that hears nothing."""
        released_s = self._released_s.get(key, -1.0)
        late_s = self._allowed.late_s + (self._allowed.poll_s if is_deaf else 0.0)
        if released_s > since_s and self._clock.now_s() - released_s > late_s:
            self.report(
                Invariant.WOKEN, f"{pod} waited on for {key}, whose landing was announced at {released_s:.6f} s"
            )

    def refreshes(self, pod: str, key: str, has_held: bool) -> None:
        """A pod asks the origin to replace an entry."""
        held = self.holder(key)
        if held is not None and held.pod != pod and not has_held:
            self.report(Invariant.ONE_REFRESH, f"{pod} refreshes {key}, whose lock {held.pod} holds")

    def has_had(self, key: str, read_s: float) -> bool:
        """Whether the cache has had an item that was read then, or later. What was loaded without it nobody else knows
        of, and the next answer may be an entry of before."""
        return read_s <= self._stored_s.get(key, -math.inf) + ROUNDING_S

    def answers(self, pod: str, key: str, read_s: float, known_s: float) -> None:
        """An item that was read then answers a request that was made when one of `known_s` had been seen."""
        if read_s < known_s - self.longest_load_s - self._allowed.back_s - ROUNDING_S:
            said = f"{pod} answered with {key} as of {read_s:.6f} s, of which that of {known_s:.6f} s had been seen"
            self.report(Invariant.NO_WAY_BACK, said)

    def check_answers(self, piece: Answers) -> None:
        """Every answer of a piece, at once."""
        latency_s, asked_s = piece.latency_s, piece.intended_s
        deadline_s = self._allowed.deadline_s
        if (late := _first(piece, latency_s > deadline_s)) is not None:
            said = f"one asked at {asked_s[late]:.6f} s took {latency_s[late]:.3f} s, not {deadline_s:g}"
            self.report(Invariant.ANSWERED_IN_TIME, said, piece.ended_s[late])
        if self._asked_s is None:
            self._check_ages(piece, piece.age_s - latency_s)
        if (crashed := _first(piece, piece.code == 500)) is not None:
            self.report(
                Invariant.NO_CRASH, f"the request of {asked_s[crashed]:.6f} s got a 500", piece.ended_s[crashed]
            )

    def answers_with(self, pod: str, key: int, body: bytes, asked_s: float, ended_s: float) -> None:
        """Where clocks are wrong the age that an answer tells may be too: this is how old it really was."""
        kept_s = asked_s - self.really_read_s(body, asked_s)
        if kept_s > (limit_s := self._age_s_max()):
            said = f"{pod} answered {key}, asked at {asked_s:.6f} s, with what was then {kept_s:.3f} s old really"
            self.report(Invariant.FRESH_ENOUGH, f"{said}, beyond {limit_s:g} s", ended_s)

    def _check_ages(self, piece: Answers, kept_s: Floats) -> None:
        """How old each of these answers was already when it was asked for."""
        limit_s = self._age_s_max()
        if (old := _first(piece, kept_s > limit_s)) is not None:
            said = f"one asked at {piece.intended_s[old]:.6f} s was {kept_s[old]:.3f} s old, beyond {limit_s:g} s"
            self.report(Invariant.FRESH_ENOUGH, said, piece.ended_s[old])

    def _age_s_max(self) -> float:
        """Who has joined a flight has an answer that is as old as its load, and as what came after that: it ends once
        it has tried to store. What is known of a load is when it was asked for, which may be long before it was let
        in."""
        limit_s = max(self._allowed.promise_s, self.longest_load_s + self.longest_store_s)
        if self._asked_s is not None:
            limit_s += self.longest_load_s
        return limit_s + ROUNDING_S + self._allowed.late_s + self._allowed.skew_s

    def _expect(self, invariant: Invariant, did: str, pod: str, key: str, token: str) -> None:
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
