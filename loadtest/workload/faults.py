"""Faults of a scenario, the `[[faults]]` of its file; `loadtest.workload.fault_worlds` says which world does which."""

from random import Random
from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from loadtest.workload.table import Table

CacheCommand = Literal["get", "set", "put", "delete", "lock", "renew", "unlock", "time"]
"""The commands that a pod's cache sends to Redis: `set` stores without a token, `put` under one."""
CACHE_COMMANDS: frozenset[CacheCommand] = frozenset(get_args(CacheCommand))
REFUSED_BY: dict[str, frozenset[CacheCommand]] = {
    "READONLY": frozenset({"set", "put", "delete", "lock", "renew", "unlock"}),
    "OOM": frozenset({"set", "put", "lock"}),  # a PEXPIRE, a DEL and a PUBLISH take no memory
    "BUSY": CACHE_COMMANDS,
    "NOPERM": CACHE_COMMANDS,
    "LOADING": CACHE_COMMANDS - {"time"},
    "MOVED": CACHE_COMMANDS - {"time"},  # which has no key
}
"""The commands that each error can be the reply to."""


FOR_S_MAX = 3_600.0
"""The longest time of a fault, seconds."""


class _Fault(Table):
    at_s: float = Field(ge=0, le=3_600)
    """The second of the load at which it begins."""

    @property
    def variant(self) -> str:
        """The kind, and the form of it where worlds can do some forms and not others."""
        return str(getattr(self, "kind", ""))


class Lasting(_Fault):
    """A fault that ends by itself after `for_s` seconds."""

    for_s: float = Field(gt=0, le=FOR_S_MAX)
    """Seconds that it lasts."""


class CacheFlushed(_Fault):
    """Redis loses every entry and every lock."""

    kind: Literal["cache-flushed"]


class CacheUnreachable(Lasting):
    """Redis answers no command; with `empty` it comes back without its entries.

    Natively it is killed and started again, or without `empty` cut off from the pods.
    """

    kind: Literal["cache-away"]
    empty: bool = True
    """Whether Redis comes back without its entries."""

    @property
    def variant(self) -> str:
        """The kind, and whether the process dies or only its connections."""
        return self.kind if self.empty else f"{self.kind} with its entries"


class CacheSlow(Lasting):
    """Every command takes `ms` longer."""

    kind: Literal["cache-slow"]
    ms: float = Field(gt=0, le=60_000)
    """Milliseconds that every command takes longer."""


class CachePaused(Lasting):
    """Redis stands still, as when its process is stopped.

    Commands pile up and clients time out. When Redis goes on, it executes all of them, though their clients have given
    up.
    """

    kind: Literal["cache-paused"]


class CacheRefuses(Lasting):
    """Redis answers commands with an error instead of executing them.

    - READONLY, after a failover: every command that writes.
    - OOM, full and evicting nothing: every command that takes memory.
    - BUSY, a script runs: every command.
    - NOPERM, an ACL without rights: every command.
    - LOADING, it reads its file after a start: every command but TIME.
    - MOVED, it is part of a Redis Cluster and the key is elsewhere: every command with a key.

    `commands` narrows it to some of these.
    """

    kind: Literal["cache-refuses"]
    error: Literal["READONLY", "OOM", "BUSY", "NOPERM", "LOADING", "MOVED"]
    """The error that commands are answered with."""
    commands: list[CacheCommand] = Field(default_factory=list)
    """The commands that it is narrowed to; by default all that the error is a reply to."""

    @model_validator(mode="after")
    def _commands_fit(self) -> "CacheRefuses":
        if unfit := {*self.commands} - REFUSED_BY[self.error]:
            fit = ", ".join(sorted(REFUSED_BY[self.error]))
            raise ValueError(f"commands: {self.error} is no reply to {min(unfit)}; it is one to {fit}")
        return self

    @property
    def variant(self) -> str:
        """The kind and its error, or that it is narrowed to commands."""
        return f"{self.kind} {'some commands' if self.commands else self.error}"

    @property
    def refused(self) -> frozenset[CacheCommand]:
        """The commands that get the error."""
        return frozenset(self.commands) or REFUSED_BY[self.error]


class CacheResets(Lasting):
    """Redis resets connections under a share of the commands; half of these are executed, and lose their reply."""

    kind: Literal["cache-resets"]
    share: float = Field(1.0, gt=0, le=1)
    """The share of the commands."""


class CacheSilent(Lasting):
    """A black hole between all pods and Redis: no reply or error arrives; with `arrive`, commands are executed."""

    kind: Literal["cache-silent"]
    arrive: bool = False
    """Whether commands still reach Redis."""


class CacheSliced(Lasting):
    """Replies of Redis arrive in pieces of `bytes`, each `ms` after the one before."""

    kind: Literal["cache-sliced"]
    bytes: int = Field(1, ge=1, le=65_536)
    """Bytes of a slice."""
    ms: float = Field(1.0, ge=0, le=10_000)
    """Milliseconds between two slices."""


class CacheReadsSlowly(Lasting):
    """Redis takes what pods send at `bytes_per_s` a connection: what waits fills buffers, and commands come late."""

    kind: Literal["cache-reads-slowly"]
    bytes_per_s: float = Field(ge=1, le=1e9)
    """Bytes that Redis reads per second."""


class CacheFull(Lasting):
    """Redis has room for a number of entries; then its policy decides.

    The room is `entries`, or a `share` of what is stored when it begins; by default there is room for that and no more.
    `allkeys-lru` evicts the entry that was used longest ago, `noeviction` refuses to store.
    """

    kind: Literal["cache-full"]
    policy: Literal["allkeys-lru", "noeviction"] = "allkeys-lru"
    """The policy of the full Redis."""
    entries: int | None = Field(None, ge=0, le=100_000_000)
    """Entries that it has room for."""
    share: float | None = Field(None, ge=0, le=1)
    """The share of the entries of that moment that it has room for."""

    @model_validator(mode="after")
    def _room_is_stated_once(self) -> "CacheFull":
        if self.entries is not None and self.share is not None:
            raise ValueError("entries and share: state one of them")
        return self

    def room(self, stored: int) -> int:
        """The number of entries that there is room for, where so many are stored when it begins."""
        return self.entries if self.entries is not None else int((1.0 if self.share is None else self.share) * stored)


class CacheClockApart(Lasting):
    """Redis's own clock is off by `by_s` seconds: expiries, leases and the time that pods ask for are too."""

    kind: Literal["cache-clock-apart"]
    by_s: float = Field(ge=-86_400, le=86_400)
    """Seconds that the clock is apart."""


class ConnectionsDead(Lasting):
    """The pod's connections to Redis are half-open: no reply or error arrives; with `arrive`, commands are executed."""

    kind: Literal["connections-dead"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""
    arrive: bool = False
    """Whether commands still reach Redis."""


class ConnectionsLost(_Fault):
    """Redis loses the pod's connections without a word, as a machine that lost its power: they are half-open for good.

    Who writes on one is reset. Without `resets` the bytes are lost, as behind a firewall that has forgotten the
    connection. New connections are as any other.
    """

    kind: Literal["connections-lost"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""
    resets: bool = True
    """Whether connections end by a reset."""


class ForeignMessage(_Fault):
    """Somebody publishes what no pod does, on every channel that pods listen to: bytes that are no text."""

    kind: Literal["foreign-message"]


class SubscriptionDead(Lasting):
    """The pod gets no notification of stored entries, though its commands are answered."""

    kind: Literal["subscription-dead"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""


class OriginFails(Lasting):
    """A share of the origin's reads fails, each after its full time."""

    kind: Literal["origin-fails"]
    share: float = Field(1.0, gt=0, le=1)
    """The share of the reads."""


class OriginSlow(Lasting):
    """Every read of the origin takes `times` as long."""

    kind: Literal["origin-slow"]
    times: float = Field(gt=1, le=1_000)
    """The factor of a read's time."""


class OriginHangs(Lasting):
    """Reads of the origin that begin during the fault end only when it does."""

    kind: Literal["origin-hangs"]


class PodKilled(Lasting):
    """The pod dies with all that it had in flight, its locks held; a new pod takes its place after `for_s` seconds."""

    kind: Literal["pod-killed"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""


class PodTerminated(Lasting):
    """The pod gets SIGTERM and ends within its grace; after `for_s`, once it has ended, a new pod takes its place."""

    kind: Literal["pod-terminated"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""


class PodPaused(Lasting):
    """The pod stands still, cut off from the network; then it goes on as if no time had passed."""

    kind: Literal["pod-paused"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""


class LoopBlocked(_Fault):
    """The pod's event loop does nothing else for `for_s` seconds, as when code blocks it.

    The network goes on: requests and replies arrive, and are noticed afterwards. Time-outs that fall due meanwhile fire
    before what has arrived is noticed.
    """

    kind: Literal["loop-blocked"]
    for_s: float = Field(gt=0, le=FOR_S_MAX)
    """Seconds that it lasts."""
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""


class ClockApart(Lasting):
    """The pod's own clock is off by `by_s` seconds."""

    kind: Literal["clock-apart"]
    pod: int = Field(ge=0, le=9_999)
    """The number of the pod, from 0 on."""
    by_s: float = Field(ge=-86_400, le=86_400)
    """Seconds that the clock is apart."""


class ClientsLeave(Lasting):
    """A share of the clients close their connection `after_ms` after a request without its answer.

    What they asked for goes on in the pod. The requests are those that are meant to begin during the fault.
    """

    kind: Literal["clients-leave"]
    share: float = Field(1.0, gt=0, le=1)
    """The share of the clients."""
    after_ms: float = Field(100.0, ge=0, le=60_000)
    """Milliseconds after which they leave."""

    def leaves(self, seed: int, number: int) -> bool:
        """Whether the client of this request leaves: drawn from the run's seed and the request's number alone."""
        return self.share >= 1 or Random(f"{seed}/leaves/{number}").random() < self.share


Fault = Annotated[
    CacheFlushed
    | CacheUnreachable
    | CacheSlow
    | CachePaused
    | CacheRefuses
    | CacheResets
    | CacheSilent
    | CacheSliced
    | CacheReadsSlowly
    | CacheFull
    | CacheClockApart
    | ConnectionsDead
    | ConnectionsLost
    | ForeignMessage
    | SubscriptionDead
    | OriginFails
    | OriginSlow
    | OriginHangs
    | PodKilled
    | PodTerminated
    | PodPaused
    | LoopBlocked
    | ClockApart
    | ClientsLeave,
    Field(discriminator="kind"),
]
