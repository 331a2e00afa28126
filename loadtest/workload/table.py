"""The base of all tables of a scenario file."""

from pydantic import BaseModel, ConfigDict


class Table(BaseModel):
    """A table of a scenario: frozen, and without unknown fields or numbers that are not finite."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)
