"""What goes wrong, and when: the `[[faults]]` of a scenario. Only virtual time can break things on time."""

from typing import Annotated, Literal, get_args

from pydantic import Field, model_validator

from loadtest.workload.table import Table

CacheCommand = Literal["get", "set", "put", "lock", "renew", "unlock", "time"]
"""What a pod's cache asks Redis for: `set` stores without a token, `put` under one."""
CACHE_COMMANDS: frozenset[CacheCommand] = frozenset(get_args(CacheCommand))
REFUSED_BY: dict[str, frozenset[CacheCommand]] = {
    "READONLY": frozenset({"set", "put", "lock", "renew", "unlock"}),
    "OOM": frozenset({"set", "put", "lock"}),  # a PEXPIRE, a DEL and a PUBLISH take no memory
    "BUSY": CACHE_COMMANDS,
    "NOPERM": CACHE_COMMANDS,
}
"""What each error is the reply to."""


class _Fault(Table):
    at_s: float = Field(ge=0, le=3_600)


class Lasting(_Fault):
    """Begins, and ends by itself."""

    for_s: float = Field(gt=0, le=3_600)


class CacheFlushed(_Fault):
    """Every entry and every lock is gone."""

    kind: Literal["cache-flushed"]


class CacheUnreachable(Lasting):
    """No command is answered; whether Redis comes back empty is `empty`."""

    kind: Literal["cache-away"]
    empty: bool = True


class CacheSlow(Lasting):
    """Every command takes `ms` longer."""

    kind: Literal["cache-slow"]
    ms: float = Field(gt=0, le=60_000)


class CachePaused(Lasting):
    """Redis does nothing, as when its process is stopped. Commands pile up and clients time out; when it goes on it
    executes them all, though nobody waits for the replies any more."""

    kind: Literal["cache-paused"]


class CacheRefuses(Lasting):
    """Redis answers commands with an error instead of executing them.

    READONLY: after a failover, whatever writes. OOM: full and evicting nothing, whatever takes memory. BUSY: a script
    runs, everything. NOPERM: an ACL without rights, everything. `commands` narrows it to some of these.
    """

    kind: Literal["cache-refuses"]
    error: Literal["READONLY", "OOM", "BUSY", "NOPERM"]
    commands: list[CacheCommand] = Field(default_factory=list)

    @model_validator(mode="after")
    def _commands_fit(self) -> "CacheRefuses":
        if unfit := {*self.commands} - REFUSED_BY[self.error]:
            fit = ", ".join(sorted(REFUSED_BY[self.error]))
            raise ValueError(f"commands: {self.error} is no reply to {min(unfit)}; it is one to {fit}")
        return self

    @property
    def refused(self) -> frozenset[CacheCommand]:
        """The commands that get the error."""
        return frozenset(self.commands) or REFUSED_BY[self.error]


class CacheResets(Lasting):
    """Connections to Redis are reset under a share of the commands; half of these are executed, and lose the reply."""

    kind: Literal["cache-resets"]
    share: float = Field(1.0, gt=0, le=1)


class CacheClockApart(Lasting):
    """Redis's own clock is `by_s` off, as when somebody sets it: expiries, leases and the time that pods ask for."""

    kind: Literal["cache-clock-apart"]
    by_s: float = Field(ge=-86_400, le=86_400)


class ConnectionsDead(Lasting):
    """The pod's connections to Redis are half-open: nothing comes back on them and nothing says so. Whether commands
    still arrive there, and are executed, is `arrive`."""

    kind: Literal["connections-dead"]
    pod: int = Field(ge=0, le=9_999)
    arrive: bool = False


class SubscriptionDead(Lasting):
    """The pod gets no notification, though its commands are answered."""

    kind: Literal["subscription-dead"]
    pod: int = Field(ge=0, le=9_999)


class OriginFails(Lasting):
    """A share of the reads fails, after their time."""

    kind: Literal["origin-fails"]
    share: float = Field(1.0, gt=0, le=1)


class OriginSlow(Lasting):
    """Every read takes `times` as long."""

    kind: Literal["origin-slow"]
    times: float = Field(gt=1, le=1_000)


class OriginHangs(Lasting):
    """Reads that begin then end only when the fault does."""

    kind: Literal["origin-hangs"]


class PodKilled(Lasting):
    """The pod is gone with all that it had in flight, locks held; a new one takes its place after `for_s`."""

    kind: Literal["pod-killed"]
    pod: int = Field(ge=0, le=9_999)


class PodPaused(Lasting):
    """Nothing reaches the pod and nothing leaves it; then it goes on as if no time had passed."""

    kind: Literal["pod-paused"]
    pod: int = Field(ge=0, le=9_999)


class ClockApart(Lasting):
    """The pod's own clock is `by_s` off, as when somebody sets it."""

    kind: Literal["clock-apart"]
    pod: int = Field(ge=0, le=9_999)
    by_s: float = Field(ge=-86_400, le=86_400)


Fault = Annotated[
    CacheFlushed
    | CacheUnreachable
    | CacheSlow
    | CachePaused
    | CacheRefuses
    | CacheResets
    | CacheClockApart
    | ConnectionsDead
    | SubscriptionDead
    | OriginFails
    | OriginSlow
    | OriginHangs
    | PodKilled
    | PodPaused
    | ClockApart,
    Field(discriminator="kind"),
]
