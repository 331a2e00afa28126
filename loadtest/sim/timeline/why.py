"""The causal chain of a request: why it waited, from the events alone."""

import math
from collections import defaultdict
from collections.abc import Iterable

from loadtest.sim.timeline.spans import NOTIFICATION, POLL, LoadSpan, LockSpan, LockWait, RequestSpan
from loadtest.sim.timeline.watcher import Watcher

Fact = tuple[float, str]


class WaitReasons:
    """The reasons of the requests of one run."""

    def __init__(self, watched: Watcher) -> None:
        self._watched = watched
        self._loads: dict[int, list[LoadSpan]] = defaultdict(list)
        self._locks: dict[int, list[LockSpan]] = defaultdict(list)
        self._waits: dict[tuple[str, int], list[LockWait]] = defaultdict(list)
        for load in watched.loads:
            self._loads[load.item].append(load)
        for lock in watched.locks:
            self._locks[lock.item].append(lock)
        for wait in watched.waits:
            self._waits[wait.pod, wait.item].append(wait)
        self._faults = [moment for moment in watched.moments if moment.kind in ("fault", "end")]

    def why(self, request: RequestSpan) -> tuple[str, ...]:
        """The sentences that tell why a request was not answered from the cache at once, in order of time."""
        facts: list[Fact] = []
        own = [load for load in self._loads[request.item] if load.request == request.number]
        if own := [load for load in own if load.began_s <= request.ended_s]:
            facts += self._of_own(own)
        else:
            facts += self._of_joined(request)
        for moment in self._faults:
            if request.asked_s <= moment.at_s <= request.ended_s:
                facts.append((moment.at_s, f"At {moment.at_s:.3f} s {moment.what}."))
        middle = dict.fromkeys(text for _, text in sorted(facts, key=lambda fact: fact[0]))
        asked = f"Request {request.number} is asked at {request.asked_s:.3f} s"
        first = f"{asked} of {request.pod} for item {request.item}."
        return (first, self._of_entry(request), *middle, _end(request))

    def _of_entry(self, request: RequestSpan) -> str:
        before = [held for held in self._watched.entries[request.item] if held.at_s <= request.asked_s]
        if not before:
            return "No entry of it had been stored until then."
        held = before[-1]
        if held.dropped:
            return f"Its entry had been {held.dropped} at {held.at_s:.3f} s."
        stored = f"The entry that {held.pod} had stored at {held.at_s:.3f} s"
        if held.expires_s <= request.asked_s:
            return f"{stored} had expired at {held.expires_s:.3f} s."
        if request.found == "nothing":
            return f"{stored} was to be fresh until {held.expires_s:.3f} s, but GET found nothing."
        return f"{stored} was fresh until {held.expires_s:.3f} s."

    def _of_own(self, own: list[LoadSpan]) -> Iterable[Fact]:
        for load in own:
            for lock in self._locks_of(load):
                yield lock.since_s, f"{lock.pod} took the lock at {lock.since_s:.3f} s (token {lock.token})."
            yield load.began_s, f"{_load(load)} It was this request's own load."
            others = sum(
                other is not load and other.began_s <= load.began_s < other.ended_s for other in self._loads[load.item]
            )
            if others:
                loads = "other load of it was" if others == 1 else "other loads of it were"
                yield load.began_s, f"{others} {loads} under way when that one began."
            yield from self._of_waits(load.pod, load.item, load.began_s, load.began_s)

    def _locks_of(self, load: LoadSpan) -> list[LockSpan]:
        return [
            lock
            for lock in self._locks[load.item]
            if lock.pod == load.pod and lock.since_s <= load.began_s <= lock.until_s
        ]

    def _of_joined(self, request: RequestSpan) -> list[Fact]:
        since_s, until_s = request.asked_s, request.ended_s
        under_way = [load for load in self._loads[request.item] if load.began_s <= until_s and load.ended_s >= since_s]
        here = [load for load in under_way if load.pod == request.pod]
        facts: list[Fact] = []
        for load in here:
            for lock in self._locks_of(load):
                facts.append((lock.since_s, f"{lock.pod} took the lock at {lock.since_s:.3f} s (token {lock.token})."))
            joined = " This request waited for it." if load.began_s <= since_s else ""
            facts.append((load.began_s, _load(load) + joined))
        facts += self._of_waits(request.pod, request.item, since_s, until_s)
        if not facts:
            facts += [(load.began_s, _load(load)) for load in under_way]
        return facts

    def _of_waits(self, pod: str, item: int, since_s: float, until_s: float) -> Iterable[Fact]:
        for wait in self._waits[pod, item]:
            if wait.since_s > until_s or wait.until_s < since_s:
                continue
            yield wait.since_s, _refused(wait)[0]
            if (holder := wait.holder) is not None:
                for load in self._loads[item]:
                    if load.pod == holder.pod and holder.since_s <= load.began_s <= holder.until_s:
                        yield load.began_s, _load(load)
                if holder.until_s <= until_s and holder.until_s < math.inf:
                    yield holder.until_s, f"{holder.pod}'s lock ended at {holder.until_s:.3f} s: {holder.end}."
            for at_s, text in _facts_of_waking(wait):
                if at_s <= until_s:
                    yield at_s, text


def _refused(wait: LockWait) -> tuple[str]:
    holder = wait.holder
    held = "" if holder is None else f": {holder.pod} had held it since {holder.since_s:.3f} s (token {holder.token})"
    return (f"{wait.pod} asked for the lock at {wait.since_s:.3f} s and was refused{held}.",)


def _facts_of_waking(wait: LockWait) -> Iterable[Fact]:
    polls = [at_s for at_s, what in wait.wakes if what == POLL]
    if polls:
        often = "once" if len(polls) == 1 else f"{len(polls)} times"
        yield polls[-1], f"{wait.pod} looked {often} by its poll, at last at {polls[-1]:.3f} s."
    for at_s, what in wait.wakes:
        if what == NOTIFICATION:
            yield at_s, f"{wait.pod} was woken by a notification, and looked at {at_s:.3f} s."
    if wait.until_s < math.inf:
        yield wait.until_s, f"{wait.pod}'s wait for the lock ended at {wait.until_s:.3f} s: {wait.end}."


def _woken(wait: LockWait) -> tuple[str, ...]:
    return tuple(text for at_s, text in sorted(_facts_of_waking(wait), key=lambda fact: fact[0]))


def _load(load: LoadSpan) -> str:
    begun = f"{load.pod} asked the origin for item {load.item} at {load.began_s:.3f} s ({load.reason})"
    if load.ended_s == math.inf:
        return f"{begun}; that load was under way at the end of this timeline."
    return f"{begun}; that load took {(load.ended_s - load.began_s) * 1000:.1f} ms: {load.outcome}."


def load_in_words(load: LoadSpan) -> tuple[str, ...]:
    """The sentences about a load."""
    by = "No request began it." if load.request is None else f"The code of request {load.request} began it."
    return _load(load), by


def lock_in_words(lock: LockSpan) -> tuple[str, ...]:
    """The sentences about a lock."""
    return (
        f"{lock.pod} took the lock of item {lock.item} at {lock.since_s:.3f} s (token {lock.token}).",
        f"Its lease was until {lock.lease_until_s:.3f} s.",
        f"The lock ended at {lock.until_s:.3f} s: {lock.end}."
        if lock.until_s < math.inf
        else "It was held at the end of this timeline.",
    )


def wait_in_words(wait: LockWait) -> tuple[str, ...]:
    """The sentences about a pod's wait for a lock."""
    return (*_refused(wait), *_woken(wait))


def _end(request: RequestSpan) -> str:
    if request.ended_s == math.inf:
        return "It had no answer at the end of this timeline."
    took_ms = (request.ended_s - request.asked_s) * 1000
    return f"It ended at {request.ended_s:.3f} s, after {took_ms:.1f} ms: {request.said}."
