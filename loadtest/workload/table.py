"""A table of a scenario file."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of a scenario: nothing in it may be misspelt, and nothing changes it."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
