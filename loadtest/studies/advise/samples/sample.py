"""A sample of a service's traffic, in figures: what `lab advise` takes from it, and how far it carries."""

import math
import statistics
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from loadtest.studies.advise.samples.gathering import Gathering
from loadtest.studies.advise.samples.lines import BadSample, LineFaults
from loadtest.studies.advise.samples.zipf_fit import ZipfFit, are_even, fit_zipf
from loadtest.workload.traffic import IDS_MAX, MEASURED_MAX

UNSEEN_SHARE_MAX = 0.02
"""The largest share of requests for keys not seen yet with which a sample tells the popularity of keys."""
LENGTH_S_MIN = 60.0
"""The shortest sample that tells a rate."""
TTLS_MIN = 2.0
"""The least length of a sample in TTLs, so that most keys were asked for in more than one lifetime."""
FIXED_SIGMA_MAX = 0.05
"""The spread of the logarithm below which times of misses count as one fixed latency."""
SIGMA_MAX = 3.0
ORIGIN_TIMES_MIN = 30
"""The fewest times of misses that tell a latency."""


@dataclass(frozen=True, slots=True)
class TrafficSample:
    """The figures of a sample; no key, no address and no value is in it."""

    kind: str
    lines: int
    malformed: int
    first_malformed: int | None
    left_out: int
    """Well-formed lines that are no reads of a key: other methods, statuses and commands."""
    requests: int
    length_s: float
    rate_per_s: float
    busiest_minute_per_s: float | None
    """The rate of the busiest minute of the clock; None for a sample of less than two minutes."""
    keys: int
    is_every_key_counted: bool
    shares: tuple[float, ...]
    """The shares of the most popular keys, in order."""
    is_even: bool
    """Whether all keys are equally popular, as far as chance lets one see."""
    zipf: ZipfFit | None
    unseen_share: float
    """The chance that the next request is for a key not seen yet (Good and Turing)."""
    absent_share: float | None
    """The share of requests for what does not exist; None where the sample does not tell."""
    ttl_s: tuple[float, float, float] | None
    """TTLs that were set: the value with a tenth of them below, the median, and the one with a tenth above."""
    pods: int | None
    """The number of addresses that read; None where the sample does not tell."""
    origin: str
    """The latency of misses as a distribution; empty where the sample does not tell."""
    origin_times: int

    @property
    def takes_zipf(self) -> bool:
        """Whether Zipf's law stands for the measured shares."""
        return self.zipf is not None and self.zipf.fits and not self.is_even

    def fields(self) -> dict[str, Any]:
        """The fields of `Service` that the sample tells, by name."""
        found: dict[str, Any] = {"keys": min(self.keys, IDS_MAX), "rate_per_s": round(self.rate_per_s, 3)}
        if self.takes_zipf and self.zipf is not None:
            found["zipf"] = round(self.zipf.exponent, 3)
        elif not self.is_even:
            found |= {"shares": self.shares, "zipf": None}
        if self.ttl_s is not None:
            found["ttl_s"] = self.ttl_s[1]
        if self.absent_share:
            found["absent_share"] = round(min(self.absent_share, 0.99), 4)
        if self.pods is not None:
            found["pods"] = self.pods
        if self.origin:
            found["origin"] = self.origin
        return found

    def why_too_short(self, ttl_s: float | None = None) -> list[str]:
        """The reasons why it carries less than an advice needs, in sentences; none where it is long enough."""
        reasons = []
        ttl_s = ttl_s or (self.ttl_s[1] if self.ttl_s else None)
        if self.length_s < LENGTH_S_MIN:
            reasons.append(f"It is {self.length_s:.3g} s long: a rate needs {LENGTH_S_MIN:g} s.")
        if ttl_s is not None and self.length_s < TTLS_MIN * ttl_s:
            reasons.append(f"It is {self.length_s:.3g} s long, less than {TTLS_MIN:g} TTLs of {ttl_s:g} s.")
        if self.unseen_share > UNSEEN_SHARE_MAX:
            reasons.append(
                f"The next request is for a key not seen yet with a chance of {self.unseen_share:.1%}, more than "
                f"{UNSEEN_SHARE_MAX:.0%}: there are more keys than the {self.keys:,} that were counted."
            )
        return reasons

    def as_dict(self) -> dict[str, Any]:
        """The figures as JSON can hold them."""
        return asdict(self)


def sample_of(
    path: Path, kind: str, gathered: Gathering, faults: LineFaults, tells: Mapping[str, bool]
) -> TrafficSample:
    """The figures of what was gathered from a file; `tells` says which of pods and absent its kind can tell.

    Raises `BadSample` where it holds no read of a key.
    """
    faults.check()
    counts = gathered.counts
    ranked = counts.ranked
    if not ranked:
        raise BadSample(f"{path}: none of its {faults.lines:,} lines is a read of a key")
    span_s = gathered.last_s - gathered.first_s
    if not span_s > 0:
        raise BadSample(f"{path}: all its requests are of one moment, so that it tells no rate")
    length_s = span_s * gathered.requests / max(1, gathered.requests - 1)  # the last request has its pause too
    existing = sum(ranked)
    ttls = gathered.ttls_ms
    has_minutes = gathered.last_s - gathered.first_s >= 120
    return TrafficSample(
        kind=kind,
        lines=faults.lines,
        malformed=faults.malformed,
        first_malformed=faults.first,
        left_out=gathered.left_out,
        requests=gathered.requests,
        length_s=length_s,
        rate_per_s=gathered.requests / length_s,
        busiest_minute_per_s=gathered.busiest_minute / 60 if has_minutes else None,
        keys=counts.keys,
        is_every_key_counted=counts.is_exact,
        shares=_shares(ranked, existing),
        is_even=are_even(ranked),
        zipf=fit_zipf(ranked) if counts.is_exact else None,
        unseen_share=min(1.0, counts.seen_once / existing),
        absent_share=gathered.absent / gathered.requests if tells.get("absent") else None,
        ttl_s=_quantiles_s(gathered) if ttls.counts else None,
        pods=gathered.clients if tells.get("pods") and gathered.clients else None,
        origin=_latency(gathered.origin_ms),
        origin_times=len(gathered.origin_ms),
    )


def _shares(ranked: list[int], total: int) -> tuple[float, ...]:
    """The shares of the most popular keys, rounded so that together they stay below 1."""
    return tuple(math.floor(count / total * 1e9) / 1e9 for count in ranked[:MEASURED_MAX])


def _quantiles_s(gathered: Gathering) -> tuple[float, float, float]:
    low, middle, high = (gathered.ttls_ms.quantile(share) / 1000 for share in (0.1, 0.5, 0.9))
    return low, middle, high


def _latency(times_ms: list[float]) -> str:
    """The times of misses as a latency; empty where there are too few."""
    above = [time_ms for time_ms in times_ms if time_ms > 0]
    if len(above) < ORIGIN_TIMES_MIN:
        return ""
    median_ms = statistics.median(above)
    sigma = min(SIGMA_MAX, statistics.stdev(math.log(time_ms) for time_ms in above))
    return f"fixed({median_ms:.4g})" if sigma < FIXED_SIGMA_MAX else f"lognormal({median_ms:.4g}, {sigma:.2g})"
