"""The two depths of virtual time, as the cluster, its faults and its checkers see them.

Virtual time begins at the `Cache` seam, or one floor further down at the wire. There the pods run the service's own
cache, and a simulated network carries its bytes. A fault is done to one protocol, whatever is below.
"""

from collections.abc import Callable, Coroutine
from dataclasses import dataclass
from typing import Any, Literal, Protocol

from app.pod import PodCache
from app.settings import Settings
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_code import PodCode
from loadtest.sim.cluster.pod_cpu import PodCpu


class FaultyRedis(Protocol):
    """The Redis of a cluster, with the faults that concern all pods."""

    is_away: bool
    """Whether no command reaches it; what is stored stays, see `flush`."""

    @property
    def stored(self) -> int:
        """The number of entries that are stored, of which some may have expired."""
        ...

    @property
    def locks_left(self) -> int:
        """The number of locks and marks whose time is not over."""
        ...

    def now_s(self) -> float:
        """The time by its own clock, seconds."""
        ...

    def flush(self) -> None:
        """Drop everything that is stored."""
        ...

    def pause(self) -> None:
        """Hold every command from now on."""
        ...

    def go_on(self) -> None:
        """Execute the commands that were held, in their order, whether or not their senders still wait."""
        ...

    def refuse(self, error: str, commands: frozenset[str]) -> None:
        """Answer these commands of a pod's cache with that error; an empty set ends it."""
        ...

    def reset(self, share: float) -> None:
        """Reset the connection of this share of the commands; 0 ends it."""
        ...

    def fill_up(self, entries_max: int, policy: Literal["allkeys-lru", "noeviction"]) -> None:
        """Limit the room to so many entries."""
        ...

    def have_room(self) -> None:
        """Have the room and the policy that it was built with."""
        ...

    def publish_foreign(self) -> None:
        """Publish what no pod does on every channel that pods listen to."""
        ...

    def set_clock(self, by_s: float) -> None:
        """Set the clock so many seconds ahead of the true time of the loop."""
        ...


class RedisWay(Protocol):
    """The way of one pod to Redis and back, with the faults that concern this pod alone."""

    @property
    def cache(self) -> PodCache:
        """The cache that the pod opens at its start and closes at its end."""
        ...

    @property
    def code(self) -> PodCode | None:
        """The context of the pod's code, so that its connections are its own; None where it has none."""
        ...

    @property
    def is_direct(self) -> bool:
        """Whether commands take no time and cannot fail at the moment."""
        ...

    def slow_down(self, extra_s: float) -> None:
        """Slow every command down by `extra_s`; 0 ends it."""
        ...

    def die(self, is_dead: bool, arrive: bool) -> None:
        """Kill or revive the connections: replies are lost without an error; with `arrive` commands take effect."""
        ...

    def go_deaf(self, is_deaf: bool) -> None:
        """Begin or end the loss of notifications."""
        ...

    def slice(self, size_bytes: int, apart_s: float) -> None:
        """Have replies arrive in pieces of that size, so far apart; a size of 0 ends it."""
        ...

    def read_slowly(self, bytes_per_s: float) -> None:
        """Have Redis take so many bytes a second of each connection; infinity ends it."""
        ...

    def lose_connections(self, resets: bool) -> None:
        """Have Redis lose the pod's connections without a word; with `resets` who writes on one is reset."""
        ...

    def left(self) -> list[str]:
        """The connections that a pod at rest has too many or too few, and what is still under way, as texts."""
        ...

    def cut_off(self) -> None:
        """Cut the pod off for good, because it is killed."""
        ...

    def stand_still(self) -> None:
        """Note that the pod is paused: what is published meanwhile comes late or never."""
        ...

    def move_on(self) -> None:
        """Note that the pod goes on after a pause."""
        ...


@dataclass(frozen=True, slots=True)
class PodPlace:
    """The place of a pod that needs a way to Redis: what its cache is made of."""

    name: str
    settings: Settings
    gate: PauseGate
    cpu: PodCpu | None
    failed: Callable[[str], None]
    """Called with each command that the pod's metrics would count as failed."""
    spawn: Callable[[Coroutine[Any, Any, None], str], object]
    """Runs a task of the pod, with its name, until the pod ends."""
    wall_s: Callable[[], float] | None = None
    """The pod's own clock, where clocks may be wrong; None where all go by the true one."""


class Depth(Protocol):
    """One of the two depths: a Redis, and the ways of pods to it."""

    @property
    def redis(self) -> FaultyRedis: ...

    @property
    def redis_url(self) -> str:
        """The URL by which a pod's code finds Redis; empty where there is no wire."""
        ...

    @property
    def commands(self) -> int | None:
        """The commands that all pods have sent so far, as their metrics count them; None where they are not counted."""
        ...

    def new_way(self, place: PodPlace) -> RedisWay:
        """A way for a new pod."""
        ...

    def new_cache(self, name: str) -> PodCache:
        """The cache of a process beside the pods, which no fault of a pod's way hits."""
        ...
