"""The history of a run, whatever world it ran in: the seam between the worlds and the figures."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Protocol

from loadtest.figures.failures import Failures
from loadtest.figures.generator_record import GeneratorRecord
from loadtest.figures.incident import Incident
from loadtest.figures.records import Answers, Reads, Retries, Writes
from loadtest.workload.planned_run import PlannedRun

Chunk = Answers | Reads | Retries | Writes


@dataclass(frozen=True, slots=True)
class Ending:
    """Everything about a run that is known once it is over."""

    incidents: list[Incident] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    failures: Failures = field(default_factory=Failures)
    """Failures that the pods counted."""
    generator: GeneratorRecord | None = None
    """The generator's record; None in virtual time, where no client is late, and where the generator left none."""
    redis_commands: float | None = None
    """Redis commands of all pods during the load; None where they were not counted."""
    net_acts: Mapping[str, int] | None = None
    """The acts of the nets during the load, by name (`loadtest.figures.net_acts`); None where they are not known."""
    reads_asked: float | None = None
    """Reads that the pods were asked for during the load; None where they are not known but by the ledger."""
    pods_cpu_s: float | None = None
    """CPU seconds of all pods, and of proxies in front of them, during the load; None where they are not known."""
    pods_memory_mb: float | None = None
    """The peak memory of the pod that took the most, MB; None where it is not known."""
    pods_log_bytes: int | None = None
    """Bytes that all pods have logged; None where their logs are not among the records."""
    local_hits: float | None = None
    """Answers from pods' own copies during the load; None without a local tier, and where they are not known."""
    lead_s: float = 0.0
    """Seconds from the end of the warm-up to the first request."""
    warm_spread_s: float = 0.0
    """Seconds between the first answer of the warm-up burst and its last."""
    trace: str = ""
    """A hash of every event, in virtual time."""


class History(Protocol):
    """A run that took place, read once: the chunks first, then the ending."""

    @property
    def run(self) -> PlannedRun: ...

    @property
    def world(self) -> str:
        """The name of the world that the run took place in."""

    @property
    def start_s(self) -> float:
        """The moment at which the load began, in seconds on the clients' clock; known once the first chunk is read."""

    @property
    def oldest_s(self) -> float | None:
        """The strategy's own promise of the oldest answer while no load fails, seconds; None where it is not known."""

    def chunks(self) -> Iterator[Chunk]:
        """The answers, about in order of their ends; the origin's reads, in order of asking; and the clients' retries.

        Writes come before the answers that were asked for after them.

        Raises OSError, or ValueError naming the file, where records cannot be read.
        """

    def ending(self) -> Ending:
        """The facts that are known once all chunks were read. Raises as `chunks`."""
