"""What goes wrong, and when: the `[[faults]]` of a scenario. Only virtual time can break things on time."""

from typing import Annotated, Literal

from pydantic import Field

from loadtest.load import Table


class _Fault(Table):
    at_s: float = Field(ge=0, le=3_600)


class Lasting(_Fault):
    """Begins, and ends by itself."""

    for_s: float = Field(gt=0, le=3_600)


class CacheFlushed(_Fault):
    """Every entry and every lock is gone."""

    kind: Literal["cache-flushed"]


class CacheAway(Lasting):
    """No command is answered; whether Redis comes back empty is `empty`."""

    kind: Literal["cache-away"]
    empty: bool = True


class CacheSlow(Lasting):
    """Every command takes `ms` longer."""

    kind: Literal["cache-slow"]
    ms: float = Field(gt=0, le=60_000)


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
    CacheFlushed | CacheAway | CacheSlow | OriginFails | OriginSlow | OriginHangs | PodKilled | PodPaused | ClockApart,
    Field(discriminator="kind"),
]
