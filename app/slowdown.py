"""The slowdown of the origin under load: its latency grows with the reads that are under way."""

from pydantic import Field

from app.pooler import SIZE_MAX
from app.stated_table import StatedTable


class Slowdown(StatedTable):
    """The slowdown of an origin: a read's latency grows linearly with the reads under way, above a knee and bounded.

    Up to the knee a read takes the latency L. The n-th of those under way takes times(n) as long, where times(n) is
    min(times_max, 1 + per_read * (n - knee)). Reads of all pods count, also those whose callers have given up.

    So n reads at once end at n / (L * times(n)) a second. Up to the knee that is n / L; above, it tends to 1 /
    (per_read * L). It falls towards that where per_read * knee is more than 1: congestion collapse. Where it is less,
    throughput flattens. Once times_max is reached, it rises again, as n / (L * times_max).
    """

    knee: int = Field(ge=0, le=SIZE_MAX)
    """The reads under way up to which the latency stays as it is."""
    per_read: float = Field(gt=0, le=100)
    """The share of the latency that each read above the knee adds."""
    times_max: float = Field(10.0, ge=1, le=100)
    """The most that the latency is multiplied by."""

    def times(self, under_way: int) -> float:
        """The factor on the latency of a read that begins as the last of so many under way."""
        return min(self.times_max, 1 + self.per_read * max(0, under_way - self.knee))

    def reads_per_s(self, under_way: int, latency_s: float) -> float:
        """The reads that end in a second while so many are under way, of a latency without load in seconds."""
        return under_way / (latency_s * self.times(under_way))
