"""The advice: what was found for a service, as values; how it is said is another module's affair."""

import math
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from loadtest.figures.run_summary import RunSummary
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation

SCHEMA = 1
"""The schema of advice.json."""

Settings = Mapping[str, float | str]
"""Parameters of a strategy by name."""


class AdviceLevel(StrEnum):
    """How far the advice may be believed."""

    HIGH = "high"
    FAIR = "fair"
    LOW = "low"


@dataclass(frozen=True, slots=True)
class Costs:
    """The price of a strategy for this service: medians over the seeds."""

    origin_reads_per_min: float
    """Reads of the origin per minute in the steady state."""
    read_share: float
    """The share of the requests that such a read is for."""
    steady_peak_1s: float
    """The most reads in any second of the steady state."""
    cold_peak_1s: float
    """The most reads in any second of a cold start."""
    waited_share: float
    """The share of the requests of the steady state that waited for a load, their own or another's."""
    p99_ms: float | None
    """The p99 of the steady state."""
    cold_p99_ms: float | None
    age_p99_s: float | None
    older_share: float
    """The share of the answers that are older than the TTL."""
    oldest_s: float
    """The oldest answer that the strategy may give, by its own promise."""
    commands_per_request: float | None
    """Redis commands per request."""
    pool_share: float | None
    """The share of the pool that reads take, on average; None where the pool is not known."""
    failed_share: dict[str, float] = field(default_factory=dict)
    """The share of the requests without a good answer, by situation."""


@dataclass(frozen=True, slots=True)
class Ranked:
    """A strategy with its parameters, and its place."""

    strategy: str
    parameters: dict[str, float | str]
    """Those that differ from the strategy's defaults; the settings to use."""
    rows: dict[Situation, list[RunSummary]]
    """The summaries by situation, one for each seed."""
    costs: Costs | None
    is_allowed: bool
    why_not: str = ""
    """The reason why it is not allowed; empty for one that is."""
    reasons: tuple[str, ...] = ()
    """Sentences with their figures: what speaks for it, and against it."""
    tied_with_best: bool = False
    """Whether no figure that decides tells it from the best one."""

    @property
    def label(self) -> str:
        """The strategy with its settings, as on the command line."""
        said = ", ".join(f"{name} {value:g}" if isinstance(value, float) else f"{name} {value}"
                         for name, value in self.parameters.items())  # fmt: skip
        return f"{self.strategy} ({said})" if said else self.strategy


@dataclass(frozen=True, slots=True)
class BreakEven:
    """A number of the service at which the answer changes."""

    figure: str
    """A field of `Service`."""
    value: float | None
    """The break-even; None where none was found within the range that was tried."""
    tried: tuple[float, float]
    """The range that was tried."""
    from_: str
    """The label of the answer as the service is."""
    to: str
    """The label of the answer beyond; empty where none was found."""
    sentence: str

    def as_dict(self) -> dict[str, Any]:
        """The break-even as JSON can hold it; an end of the range that is open is None."""
        return asdict(self) | {"tried": [end if math.isfinite(end) else None for end in self.tried]}


@dataclass(frozen=True, slots=True)
class Advice:
    """Everything that was found for a service; the first of the ranking is the answer, if any is allowed."""

    service: Service
    simulated: Service
    """The service as it was simulated; another one where the whole would have taken too long."""
    ranking: tuple[Ranked, ...]
    """The allowed ones by their place, then those that are not."""
    answer: tuple[str, ...]
    """The answer in two to four sentences."""
    pool_sentences: tuple[str, ...]
    """The load of the pool, by formula and as simulated."""
    break_evens: tuple[BreakEven, ...]
    level: AdviceLevel
    confidence: tuple[str, ...]
    """The sentences behind that level: seeds, spread, what was guessed, what is not known."""
    nets: dict[str, Any] | None = None
    """The table `[nets]` of a scenario that decides the outage; None where none does."""
    nets_sentence: str = ""
    commands: tuple[str, ...] = ()
    """Commands that run it again."""
    seeds: tuple[int, ...] = ()
    seed: int = 1

    @property
    def best(self) -> Ranked | None:
        """The first one that is allowed."""
        return next((one for one in self.ranking if one.is_allowed), None)

    def as_dict(self) -> dict[str, Any]:
        """The advice as JSON can hold it; its rows are those of summary.json."""
        ranking = [
            {
                **{name: getattr(one, name) for name in ("strategy", "parameters", "is_allowed", "why_not")},
                "label": one.label,
                "reasons": list(one.reasons),
                "tied_with_best": one.tied_with_best,
                "costs": None if one.costs is None else asdict(one.costs),
                "rows": {str(where): [row.as_dict() for row in rows] for where, rows in one.rows.items()},
            }
            for one in self.ranking
        ]
        return {
            "schema": SCHEMA,
            "service": self.service.as_dict(),
            "simulated": self.simulated.as_dict(),
            "answer": list(self.answer),
            "ranking": ranking,
            "pool": list(self.pool_sentences),
            "break_evens": [one.as_dict() for one in self.break_evens],
            "level": str(self.level),
            "confidence": list(self.confidence),
            "nets": self.nets,
            "nets_sentence": self.nets_sentence,
            "commands": list(self.commands),
            "seeds": list(self.seeds),
            "seed": self.seed,
        }
