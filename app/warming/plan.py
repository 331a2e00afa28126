"""The plan of a warming, with the unit and the bounds of each of its fields."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

WarmTtl = Literal["same", "spread", "anchored", "until"]
"""The end of a warmed entry: a whole TTL, a drawn part, a whole TTL since the change, or one moment for all."""


class WarmingPlan(BaseModel):
    """The plan of one warmer. Raises pydantic.ValidationError naming the field and the bound."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    rate_per_s: int = Field(100, ge=1, le=100_000)
    """The most loads that begin in any second, those that are tried again too: a bound, and no promise."""
    batch: int = Field(50, ge=1, le=10_000)
    """Keys that are looked up together; the loads of a batch are over before the next one begins."""
    pause_s: float = Field(0.0, ge=0, le=60)
    """The pause after a batch in which something was loaded, seconds."""
    ttl: WarmTtl = "spread"
    """The life of entries: `same` has no spread, and so moves the herd one TTL into the future."""
    spread: float = Field(0.5, gt=0, lt=1)
    """The share of the TTL by which an entry may expire early, drawn for each; only with ttl = "spread"."""
    until_s: float | None = Field(None, ge=0)
    """The moment at which every entry expires, with ttl = "until"; on the cache's clock, or a second of the load."""
    keys: int | None = Field(None, ge=1, le=1_000_000)
    """How many keys are warmed, from the first on, which is the most popular; None for all."""
    hit_ratio: float = Field(0.99, ge=0, le=1)
    """The least share of the keys that must be fresh in the cache before the warmer says that it is ready."""
    sample: Annotated[int | None, Field(ge=1, le=1_000_000)] = None
    """How many keys are drawn to check the hit ratio; None looks at all."""
    rounds_max: int = Field(5, ge=1, le=100)
    """How often the warmer goes through the keys; from the second time on it loads what is not there any more."""
    within_s: float = Field(600.0, gt=0, le=86_400)
    """Seconds after which the warmer gives up."""

    @model_validator(mode="after")
    def _moment_fits(self) -> Self:
        if (self.until_s is not None) != (self.ttl == "until"):
            raise ValueError('until_s belongs to ttl = "until", which needs it')
        return self

    def counted_from(self, start_s: float) -> "WarmingPlan":
        """The plan with its moment counted from `start_s`."""
        return self if self.until_s is None else self.model_copy(update={"until_s": start_s + self.until_s})
