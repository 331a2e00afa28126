"""Traffic of a scenario: its `[load]` and `[keys]` tables."""

import itertools
from typing import Annotated, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray
from pydantic import Field, model_validator

from loadtest.workload.table import Table

PHASES_MAX = 100
"""The most phases of a load."""
IDS_MAX = 1_000_000
"""The most ids of a key space, those that exist and those that do not."""
RATE_MAX = 5_000_000
"""The highest rate in requests per second: beyond what one machine sends, since virtual time has no such limit."""
MEASURED_MAX = 10_000
"""The most keys whose shares are listed one by one."""
SUM_ERROR_MAX = 1e-6
"""The most that measured shares may miss 1 by, all together: what rounding leaves."""


class Steady(Table):
    """The same rate from the load's beginning to its end."""

    kind: Literal["steady"] = "steady"
    """The shape's name."""


class Ramp(Table):
    """A rate that changes in a straight line, as when users are started one by one."""

    kind: Literal["ramp"]
    """The shape's name."""
    from_share: float = Field(ge=0, le=1_000)
    """The share of the load's rate at the start; `to_share` is the one at the end."""
    to_share: float = Field(ge=0, le=1_000)
    """The share of the load's rate at the end."""
    for_s: float | None = Field(None, gt=0, le=3_600)
    """Seconds until `to_share` is reached, and kept from then on; by default the whole load."""


class Step(Table):
    """A rate that rises at one moment and stays at its new height: a store opens its doors."""

    kind: Literal["step"]
    """The shape's name."""
    at_s: float = Field(ge=0, le=3_600)
    """The second at which the rate rises."""
    to_share: float = Field(ge=0, le=1_000)
    """The share of the load's rate from then on."""


class Spike(Table):
    """A rate that changes for `for_s` seconds and comes back: a rush that passes."""

    kind: Literal["spike"]
    """The shape's name."""
    at_s: float = Field(ge=0, le=3_600)
    """The second at which it begins."""
    for_s: float = Field(gt=0, le=3_600)
    """Seconds that it lasts."""
    to_share: float = Field(ge=0, le=1_000)
    """The share of the load's rate meanwhile."""


class TopOfTheHour(Table):
    """Jobs that all begin on the minute: `extra_requests` at once, each `every_s`, on top of the steady rate."""

    kind: Literal["top-of-the-hour"]
    """The shape's name."""
    every_s: float = Field(ge=1, le=3_600)
    """Seconds between two such moments."""
    extra_requests: int = Field(ge=1, le=1_000_000)
    """Requests beside the steady ones, at each of them."""
    within_s: float = Field(0.05, gt=0, le=3_600)
    """The seconds in which those jobs begin, at random moments: by their clocks' errors, or splayed on purpose."""


Shape = Annotated[Steady | Ramp | Step | Spike | TopOfTheHour, Field(discriminator="kind")]


class Phase(Table):
    """A part of a load, with a rate of its own: `rate_share` of the load's rate, in a shape."""

    for_s: float = Field(gt=0, le=3_600)
    """Seconds that it lasts."""
    rate_share: float = Field(1.0, ge=0, le=1_000)
    """The share of the load's rate."""
    shape: Shape = Steady()
    """The shape within the phase: its times count from the phase's beginning, its shares are of the phase's rate."""
    trigger: bool = False
    """Whether this phase hits the system, which should come back after it."""


class Span(NamedTuple):
    """A part of a load: its beginning and end in seconds from the load's start, and the rate between them."""

    begin_s: float
    end_s: float
    rate_share: float
    shape: Shape
    is_trigger: bool


class Load(Table):
    """A load, in an open or a closed loop.

    An open loop sends each request at its own time, whether or not earlier ones came back. In a closed loop each user
    waits for its answer before it asks again, so that a slow service is asked less.
    """

    loop: Literal["open", "closed"]
    """Whether requests leave at their own times (`open`), or each user waits for an answer first (`closed`)."""
    rate_per_s: float | None = Field(None, gt=0, le=RATE_MAX)
    """Requests per second; in a closed loop of all users together, each on a fixed timetable that it never forgets."""

    # closed loop
    users: int | None = Field(None, ge=1, le=5_000)
    """The users of a closed loop."""
    think_s: float | None = Field(None, gt=0, le=60)
    """The mean pause between an answer and the user's next request, in seconds, where no rate is stated."""
    think: Literal["exponential", "constant"] = "exponential"
    """The distribution of those pauses; constant is for the published runs that had it.

    Users who all think equally long fall into step: those who waited for one load together ask together ever after.
    Visitors do not form such a herd.
    """

    # open loop
    arrivals: Literal["poisson", "constant"] = "poisson"
    """The moments of an open loop's requests: at random, or at a constant interval."""
    shape: Shape = Steady()
    """The course of the rate over the load."""
    phases: list[Phase] = Field(default_factory=list, max_length=PHASES_MAX)
    """Loads one after the other, in the place of a shape; what is left of the time then has the rate as stated."""
    trace: str | None = None
    """A recording to replay instead of a rate (`loadtest.workload.trace`); in a file, its path from there."""
    in_flight_max: int = Field(2_000, ge=1, le=1_000_000)
    """The most requests of an open loop in flight at once; what is due beyond is not sent, and reported."""

    @model_validator(mode="after")
    def _one_pace(self) -> "Load":
        if self.loop == "closed":
            if self.users is None:
                raise ValueError("a closed loop needs users")
            if (self.think_s is None) == (self.rate_per_s is None):
                raise ValueError("a closed loop needs either think_s or rate_per_s")
            if self.trace is not None or self.shape.kind != "steady" or self.phases:
                raise ValueError("trace, shape and phases need an open loop")
        else:
            if (self.trace is None) == (self.rate_per_s is None):
                raise ValueError("an open loop needs either rate_per_s or trace")
            if self.users is not None or self.think_s is not None:
                raise ValueError("users and think_s belong to a closed loop")
            if self.phases and (self.trace is not None or self.shape.kind != "steady"):
                raise ValueError("state either phases or shape or trace: a phase has a shape of its own")
        return self

    def spans(self, duration_s: float) -> list[Span]:
        """The phases within that time, the last one cut at its end; then the load as stated, for what is left of it."""
        ends_s = [*itertools.accumulate(phase.for_s for phase in self.phases)]
        found = [
            Span(begin_s, min(end_s, duration_s), phase.rate_share, phase.shape, phase.trigger)
            for begin_s, end_s, phase in zip([0.0, *ends_s], ends_s, self.phases, strict=False)
            if begin_s < duration_s
        ]
        over_s = ends_s[-1] if ends_s else 0.0
        if over_s < duration_s:
            found.append(Span(over_s, duration_s, 1.0, self.shape, False))
        return found


class Shift(Table):
    """A change of popularity at one moment: from then on id k is as popular as id k - `by` was, around the end."""

    at_s: float = Field(ge=0, le=3_600)
    """The second of the load at which it happens."""
    by: int = Field(1, ge=1, le=IDS_MAX)
    """The number of ids that popularity moves by."""


class Keys(Table):
    """The keys: ids 0 to count - 1, all equally popular unless `hot_share`, `zipf` or `measured` is stated."""

    count: int = Field(ge=1, le=1_000_000)
    """The number of keys."""
    hot_share: float | None = Field(None, gt=0, lt=1)
    """The share of the requests that goes to id 0; the rest is uniform over the others."""
    zipf: float | None = Field(None, gt=0, le=5)
    """The exponent s of Zipf's law: id k is asked for in proportion to 1 / (k + 1)^s."""
    measured: list[Annotated[float, Field(ge=0, le=1)]] | None = Field(None, min_length=1, max_length=MEASURED_MAX)
    """The shares of the requests for ids 0, 1 and so on, as measured; what is left goes evenly to the other keys."""
    shift: Shift | None = None
    """A change of popularity in mid-run, of an open loop; what is stated here holds before it."""

    absent_share: float = Field(0.0, ge=0, le=1)
    """The share of the requests that is for ids that do not exist, evenly over them: cache penetration.

    They are `count` to `count + absent_count - 1`, and answered with a 404.
    """
    absent_count: int | None = Field(None, ge=1, le=IDS_MAX)
    """The number of those ids; as many as there are keys by default. Where many, none of them is asked for twice."""

    @property
    def absent(self) -> int:
        """The number of ids that do not exist and are asked for."""
        return (self.absent_count or self.count) if self.absent_share else 0

    @property
    def ids(self) -> int:
        """The number of ids that are asked for: the keys, then those that do not exist."""
        return self.count + self.absent

    @model_validator(mode="after")
    def _ids_fit(self) -> "Keys":
        if self.absent_count is not None and not self.absent_share:
            raise ValueError("absent_count needs an absent_share above 0")
        if self.ids > IDS_MAX:
            raise ValueError(f"count and absent_count together must be at most {IDS_MAX:,}, not {self.ids:,}")
        return self

    @model_validator(mode="after")
    def _one_popularity(self) -> "Keys":
        stated = [name for name in ("hot_share", "zipf", "measured") if getattr(self, name) is not None]
        if len(stated) > 1:
            raise ValueError(f"state either {' or '.join(stated)}")
        if (why := self._why_not_measured()) is not None:
            raise ValueError(f"measured: {why}")
        if self.hot_share is not None and self.count < 2:
            raise ValueError("hot_share needs a count of at least 2")
        if self.shift is not None and not self.shift.by < self.count:
            raise ValueError(f"shift.by must be less than count ({self.count}), not {self.shift.by}")
        return self

    def _why_not_measured(self) -> str | None:
        """The bound that the measured shares break; None where they fit."""
        if self.measured is None:
            return None
        total = sum(self.measured)
        if len(self.measured) > self.count:
            return f"{len(self.measured):,} shares are more than count ({self.count:,})"
        if total > 1 + SUM_ERROR_MAX or (len(self.measured) == self.count and total < 1 - SUM_ERROR_MAX):
            return f"the shares must add up to 1 (at most, where there are fewer than keys), not {total:g}"
        return None

    def shares(self) -> NDArray[np.float64]:
        """The share of all requests, before a shift, for each key; the rest is for ids that do not exist."""
        popularity = self.popularity()
        return popularity * (1 - self.absent_share) if self.absent_share else popularity

    def popularity(self) -> NDArray[np.float64]:
        """The share of each key in the requests for keys that exist."""
        if self.hot_share is not None:
            others = (1 - self.hot_share) / (self.count - 1)
            return np.concatenate(([self.hot_share], np.full(self.count - 1, others)))
        if self.measured is not None:
            listed = np.asarray(self.measured, dtype=np.float64)
            rest = self.count - len(listed)
            tail = np.full(rest, max(0.0, 1.0 - float(listed.sum())) / max(1, rest))
            shares = np.concatenate((listed, tail))
            return np.asarray(shares / shares.sum())
        weights = np.arange(1, self.count + 1, dtype=np.float64) ** -(self.zipf or 0.0)
        return np.asarray(weights / weights.sum())
