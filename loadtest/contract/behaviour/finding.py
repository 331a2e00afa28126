"""Findings of probes on a contender, each as one sentence and its numbers; none refuses anything."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any, Self

VIRTUAL, NATIVE = "virtual", "native"
"""The worlds that a contender is probed in."""


class FindingOutcome(StrEnum):
    """The outcome of a finding: whether what was asked for held."""

    HELD = "held"
    NOT_HELD = "not held"
    FIGURE = "figure"  # nothing was asked for: the numbers are all there is to say
    UNKNOWN = "unknown"  # the probe came to no end; the sentence says why


class Protection(StrEnum):
    """The class of a contender's protection: the readers who load at an expiry, found by counting."""

    ONE = "one at all"  # a load in all pods together
    ONE_PER_POD = "one per pod"
    SOME = "some readers"  # more than a pod has one, and less than half of those who asked meanwhile
    EVERY = "every reader"  # half or more of those who asked while the first load was under way
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class BehaviourFinding:
    """One thing that a probe found out.

    `cell` is the sentence in at most 30 characters, for a table. A number that is not known is None.
    """

    name: str
    outcome: FindingOutcome
    sentence: str
    cell: str
    numbers: Mapping[str, float | None] = field(default_factory=dict)

    @classmethod
    def of(cls, stated: Mapping[str, Any]) -> Self:
        """The finding that `asdict` has stated. Raises KeyError, TypeError and ValueError."""
        return cls(**{**stated, "outcome": FindingOutcome(stated["outcome"])})


@dataclass(frozen=True, slots=True)
class Behaviour:
    """All findings on one contender, in the order of the probes."""

    contender: str
    library: str
    version: str
    """The library's version; empty where it has none."""
    world: str
    """The world that it was probed in: `VIRTUAL` or `NATIVE`."""
    protection: Protection
    findings: Sequence[BehaviourFinding]

    def finding(self, name: str) -> BehaviourFinding | None:
        """The finding of a probe; None where it was not asked."""
        return next((one for one in self.findings if one.name == name), None)

    def as_dict(self) -> dict[str, Any]:
        return asdict(self)

    def as_json(self) -> str:
        return json.dumps(self.as_dict(), indent=1)

    @classmethod
    def of_json(cls, text: str) -> Self:
        """The behaviour that `as_json` wrote. Raises KeyError, TypeError and ValueError."""
        stated = json.loads(text)
        findings = tuple(map(BehaviourFinding.of, stated["findings"]))
        return cls(**{**stated, "protection": Protection(stated["protection"]), "findings": findings})
