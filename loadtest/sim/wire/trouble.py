"""The troubles of a link between a host and a port, as values that state all that holds at a moment."""

import math
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class LinkTrouble:
    """The state of a link's network and of the processes at its two ends; by default nothing is wrong."""

    extra_s: float = 0.0
    """The seconds that each message takes longer, on each way."""
    is_silent: bool = False
    """Whether the link is a black hole: no bytes, no end and no reset arrive at the client."""
    arrives: bool = False
    """Whether the client's bytes arrive although the link is silent."""
    slice_bytes: int = 0
    """The size of the pieces in which replies arrive; 0 for whole ones."""
    slice_apart_s: float = 0.0
    """The seconds from one piece to the next."""
    client_reads: bool = True
    """Whether the client's process takes what arrives from its system's buffer."""
    client_sends: bool = True
    """Whether what the client's process writes leaves its machine; it does not while the process is stopped."""
    server_reads: bool = True
    """Whether the server's process takes what arrives from its system's buffer."""
    server_bytes_per_s: float = math.inf
    """The bytes of a connection that the server's process takes in a second."""

    def __post_init__(self) -> None:
        if self.extra_s < 0 or self.slice_bytes < 0 or self.slice_apart_s < 0:
            raise ValueError("extra_s, slice_bytes and slice_apart_s: must not be negative")
        if not self.server_bytes_per_s > 0:
            raise ValueError("server_bytes_per_s: must be greater than 0; server_reads=False reads nothing")

    def __or__(self, other: "LinkTrouble") -> "LinkTrouble":
        """Both troubles at once; the smaller pieces count."""
        sliced = min((one for one in (self, other) if one.slice_bytes), key=_piece, default=self)
        return LinkTrouble(
            self.extra_s + other.extra_s,
            self.is_silent or other.is_silent,
            # a silence through which bytes arrive is no help where another one swallows them
            all(one.arrives for one in (self, other) if one.is_silent),
            sliced.slice_bytes,
            sliced.slice_apart_s,
            self.client_reads and other.client_reads,
            self.client_sends and other.client_sends,
            self.server_reads and other.server_reads,
            min(self.server_bytes_per_s, other.server_bytes_per_s),
        )


def _piece(trouble: LinkTrouble) -> int:
    return trouble.slice_bytes


WELL = LinkTrouble()
"""The state of a link with which nothing is wrong."""
