"""The troubles that a relay makes, as the lines of its control state them."""

from typing import Annotated, Literal

from pydantic import Field

from app.stated_table import StatedTable

FOR_S_MAX = 3_600.0
"""The longest time for which a trouble may last, seconds."""


class Delay(StatedTable):
    """A command and its reply take `ms` longer together: half of it on each way."""

    kind: Literal["delay"] = "delay"
    ms: float = Field(gt=0, le=60_000)


class Silence(StatedTable):
    """A black hole: no reply arrives, and no command unless `arrive` says so.

    A connection that lost bytes is reset at the end, because a reply would answer another command than its own.
    """

    kind: Literal["silence"] = "silence"
    arrive: bool = False


class Resets(StatedTable):
    """Connections are reset under a share of the chunks of commands; half of these reach Redis before."""

    kind: Literal["resets"] = "resets"
    share: float = Field(1.0, gt=0, le=1)


class Slices(StatedTable):
    """Replies arrive in pieces of `bytes`, each `ms` after the one before, and no connection carries more than that."""

    kind: Literal["slices"] = "slices"
    bytes: int = Field(100, ge=1, le=65_536)
    ms: float = Field(1.0, ge=0, le=10_000)


class CutOff(StatedTable):
    """All connections are reset at its beginning, and new ones at once, as by a host that refuses them."""

    kind: Literal["cut-off"] = "cut-off"


Trouble = Annotated[Delay | Silence | Resets | Slices | CutOff, Field(discriminator="kind")]


class Troubles:
    """The troubles of one way that are on at the moment, at most one of each kind."""

    def __init__(self) -> None:
        self.on: dict[str, Trouble] = {}
        self._find()

    def put(self, trouble: Trouble) -> None:
        """Add a trouble; it replaces one of its kind."""
        self.on[trouble.kind] = trouble
        self._find()

    def drop(self, kind: str) -> Trouble | None:
        """End a trouble, and return it; None where it was not on."""
        dropped = self.on.pop(kind, None)
        self._find()
        return dropped

    def _find(self) -> None:
        every = self.on.values()
        self.is_none = not self.on
        self.way_s = sum(one.ms for one in every if isinstance(one, Delay)) / 2000
        self.reset_share = max((one.share for one in every if isinstance(one, Resets)), default=0.0)
        self.slices = next((one for one in every if isinstance(one, Slices)), None)
        self.silence = next((one for one in every if isinstance(one, Silence)), None)
        self.is_cut_off = any(isinstance(one, CutOff) for one in every)
