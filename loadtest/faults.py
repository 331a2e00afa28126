"""What goes wrong, and when: the `[[faults]]` of a scenario. Only virtual time can break things on time."""

from typing import Annotated, Literal

from pydantic import Field

from loadtest.load import Table


class _Fault(Table):
    at_s: float = Field(ge=0, le=3_600)


class _Lasting(_Fault):
    for_s: float = Field(gt=0, le=3_600)


class CacheFlushed(_Fault):
    """Every entry and every lock is gone."""

    kind: Literal["cache-flushed"]


class CacheAway(_Lasting):
    """No command is answered; whether Redis comes back empty is `empty`."""

    kind: Literal["cache-away"]
    empty: bool = True


class CacheSlow(_Lasting):
    """Every command takes `ms` longer."""

    kind: Literal["cache-slow"]
    ms: float = Field(gt=0, le=60_000)


class OriginFails(_Lasting):
    """A share of the reads fails, after their time."""

    kind: Literal["origin-fails"]
    share: float = Field(1.0, gt=0, le=1)


class OriginSlow(_Lasting):
    """Every read takes `times` as long."""

    kind: Literal["origin-slow"]
    times: float = Field(gt=1, le=1_000)


class OriginHangs(_Lasting):
    """Reads that begin then end only when the fault does."""

    kind: Literal["origin-hangs"]


class PodKilled(_Lasting):
    """The pod is gone with all that it had in flight, locks held; a new one takes its place after `for_s`."""

    kind: Literal["pod-killed"]
    pod: int = Field(ge=0, le=9_999)


class PodPaused(_Lasting):
    """Nothing reaches the pod and nothing leaves it; then it goes on as if no time had passed."""

    kind: Literal["pod-paused"]
    pod: int = Field(ge=0, le=9_999)


class ClockApart(_Lasting):
    """The pod's own clock is `by_s` off, as when somebody sets it."""

    kind: Literal["clock-apart"]
    pod: int = Field(ge=0, le=9_999)
    by_s: float = Field(ge=-86_400, le=86_400)


Fault = Annotated[
    CacheFlushed | CacheAway | CacheSlow | OriginFails | OriginSlow | OriginHangs | PodKilled | PodPaused | ClockApart,
    Field(discriminator="kind"),
]
