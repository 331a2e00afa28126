"""A comparison of two runs, or of two strategies, over their repeats: which figures differ, and by how much.

It warns of figures that are not of the same thing.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from loadtest.figures.run_summary import NEVER
from loadtest.stats.intervals import ALPHA, INTERVAL_LEGEND
from loadtest.stats.rows import AnyRow, is_assumed, same_arrivals, same_seeds, sample, why_invalid
from loadtest.stats.saved_run import BadRun, SavedRun
from loadtest.stats.sentences import APART, COMPARED, Figure, show_median
from loadtest.stats.verdicts import ComparisonOutcome, SamplePair, Verdict, judge
from loadtest.workload.gate import is_worst_count

_SAME_ROWS = ("scenario", "world", "duration_s", "pods", "loop", "target_rate")
"""The labels of a row that have to agree for two figures to be of the same thing."""
_NO_WORKLOAD = ("name", "title", "source", "duration_s", "pods", "gates", "load.loop", "load.rate_per_s")
"""Fields of scenario.json that change no figure, or that the rows say themselves."""


NOT_COMPARABLE = "not comparable"
"""The words before a difference that makes figures be of two things."""
Letters = tuple[str, str]
LETTERS: Letters = ("A", "B")
"""The names of the two runs in sentences."""


@dataclass(frozen=True, slots=True)
class FigureComparison:
    """One figure of one strategy in both runs, with the verdict on their difference."""

    strategy: str  # or the two that are compared
    figure: Figure
    verdict: Verdict

    @property
    def is_better(self) -> bool:
        """Whether B is found to be better: more of a figure like goodput, less of one like a latency."""
        better = ComparisonOutcome.HIGHER if self.figure.more_is_better else ComparisonOutcome.LOWER
        return self.verdict.outcome is better

    def as_dict(self) -> dict[str, Any]:
        """The finding as JSON can hold it; a time that never ended is `NEVER`."""
        verdict = self.verdict
        a, b = ([NEVER if math.isinf(value) else value for value in side] for side in (verdict.pair.a, verdict.pair.b))
        bounds = verdict.interval
        return {
            "strategy": self.strategy, "figure": self.figure.name, "a": a, "b": b, "ratio": verdict.ratio,
            "interval": None if bounds is None else [bounds.low, bounds.high], "verdict": verdict.outcome,
            "says": verdict.words, "is_better": self.is_better,
        }  # fmt: skip


@dataclass(frozen=True, slots=True)
class Compared:
    """A comparison of two runs. `warnings` are to be read first."""

    a: SavedRun
    b: SavedRun
    findings: Sequence[FigureComparison]
    warnings: Sequence[str]
    letters: Letters = LETTERS

    def as_dict(self) -> dict[str, Any]:
        """The comparison as JSON can hold it."""
        return {
            **{letter: {"run": run.name, "commit": run.commit} for letter, run in (("a", self.a), ("b", self.b))},
            "warnings": list(self.warnings),
            "conclusion": self.conclusion,
            "findings": [one.as_dict() for one in self.findings],
        }

    @property
    def conclusion(self) -> str:
        outcomes = [finding.verdict.outcome for finding in self.findings]
        differ = sum(outcome in {ComparisonOutcome.HIGHER, ComparisonOutcome.LOWER} for outcome in outcomes)
        told = len(outcomes) - outcomes.count(ComparisonOutcome.TOO_FEW)
        if not told:
            return f"Too few repeats to tell of any of {len(outcomes)} figures."
        better = sum(finding.is_better for finding in self.findings)
        split = [
            f"{count} {how} in {self.letters[1]}"
            for count, how in ((better, "better"), (differ - better, "worse"))
            if count
        ]
        which = f": {', '.join(split)}" if split else ""
        return f"{differ or 'None'} of {told} figures {'differs' if differ == 1 else 'differ'}{which}."

    @property
    def is_telling(self) -> bool:
        """Whether the runs are of the same load, and have repeats enough to tell of some figure."""
        is_comparable = not any(one.startswith(NOT_COMPARABLE) for one in self.warnings)
        return is_comparable and any(one.verdict.outcome is not ComparisonOutcome.TOO_FEW for one in self.findings)

    @property
    def legend(self) -> str:
        drifts = [f"{100 * drift:g} % in {name}" for name, drift in self._drifts.items()]
        margin = (
            f" Between two runs on a real machine up to {', '.join(drifts)} is no difference: margins that "
            "were chosen, not measured on this machine."
            if drifts
            else ""
        )
        return (
            f"{' and '.join(self.letters)}: median over repeats. {INTERVAL_LEGEND} "
            f"Verdicts: Student's t on logarithms, {self._how}, alpha "
            f"{ALPHA:g} over all {len(self.findings)} figures together (Holm); would show: the least change that would "
            f"have been found four times in five.{margin}"
        )

    @property
    def _how(self) -> str:
        paired = {one.verdict.pair.paired for one in self.findings}
        pairs, apart = "repeats of one seed in pairs", "no common variance (Welch)"
        return pairs if paired == {True} else apart if paired == {False} else f"{pairs}, otherwise {apart}"

    @property
    def _drifts(self) -> dict[str, float]:
        return {one.figure.name: one.verdict.pair.drift for one in self.findings if one.verdict.pair.drift}


def compare(
    a: SavedRun,
    b: SavedRun,
    of_a: str | None = None,
    of_b: str | None = None,
    latency_drift: float | None = None,
    letters: Letters = LETTERS,
) -> Compared:
    """Every compared figure of every strategy that both runs have, or of one strategy each.

    `latency_drift` replaces the drift of latencies (see `LATENCY_DRIFT`). Raises `BadRun` where nothing is in both.
    """
    warnings = list(_differences(a, b, letters))
    left, right = (_valid(run, letter, warnings) for run, letter in zip((a, b), letters, strict=True))
    steady = Path(a.name).resolve() == Path(b.name).resolve() or (_is_virtual(a) and _is_virtual(b))
    asked: list[tuple[str, Figure]] = []
    pairs: list[SamplePair] = []
    for one, other in _strategies(a, b, of_a, of_b, warnings, letters):
        exact = same_seeds(left, one, right, other)
        paired = same_arrivals(left, one, right, other)
        for known in COMPARED:
            if (apart := APART.get(known.name)) and sample(left, one, apart) and sample(right, other, apart):
                continue  # the cold start, which is the same for all, may decide it
            before, after = sample(left, one, known.name), sample(right, other, known.name)
            if not before or not after or is_assumed(left, one, known.name) or is_assumed(right, other, known.name):
                continue  # a figure that one of them does not have, or only assumes
            if is_worst_count(known.name) and any(before) != any(after):
                a_shown, b_shown = (show_median(known.name, values) for values in (before, after))
                name = one if one == other else f"{one} / {other}"
                warnings.append(
                    f"{name}.{known.name}: the worst of {letters[0]} is {a_shown}, of {letters[1]} {b_shown}"
                )
            drift = latency_drift if latency_drift is not None and known.name.endswith("_ms") else known.drift
            if steady:
                drift = 0.0
            asked.append((one if one == other else f"{one} / {other}", known))
            pairs.append(SamplePair(before, after, known.resolution, drift, exact, paired))
            if one == other and exact and before != after and _must_repeat(a, b):
                warnings.append(
                    f"{one}.{known.name}: virtual time did not repeat itself: same commit, scenario and seeds"
                )
    if not pairs:
        raise BadRun(f"{a.name} and {b.name}: no strategy has a valid row and a figure in common")
    findings = [
        FigureComparison(name, known, verdict) for (name, known), verdict in zip(asked, judge(pairs), strict=True)
    ]
    return Compared(a, b, findings, warnings, letters)


def _valid(run: SavedRun, letter: str, warnings: list[str]) -> list[AnyRow]:
    for row in run.rows:
        if not row.get("valid", True):
            said = f"{letter}: {row['strategy']}, repeat {row.get('repeat', 1)}, is left out as not valid"
            warnings.append(f"{said}: {why_invalid(row)}")
    return [row for row in run.rows if row.get("valid", True)]


def _strategies(
    a: SavedRun, b: SavedRun, of_a: str | None, of_b: str | None, warnings: list[str], letters: Letters
) -> list[tuple[str, str]]:
    if of_a or of_b:
        pair = (of_a or of_b or "", of_b or of_a or "")
        for run, name in zip((a, b), pair, strict=True):
            if name not in run.strategies:
                raise BadRun(run.no_strategy(name))
        return [pair]
    for letter, run, other in ((letters[0], a, b), (letters[1], b, a)):
        if only := [name for name in run.strategies if name not in other.strategies and name not in run.references]:
            warnings.append(f"only in {letter}: {', '.join(only)}")
    return [(name, name) for name in a.strategies if name in b.strategies and name not in a.references]


def _differences(a: SavedRun, b: SavedRun, letters: Letters) -> Iterator[str]:
    """The reasons why the figures of two runs are not of the same workload."""
    labels = [{name: _values(run, name) for name in _SAME_ROWS} for run in (a, b)]
    # in virtual time the machine is nothing but faster or slower
    virtual = _is_virtual(a) or _is_virtual(b)
    machines = [{} if virtual else flat(run.environment.get("machine", {}), "machine") for run in (a, b)]
    surroundings = [flat(run.environment.get("ambient", {}), "ambient") for run in (a, b)]
    told = _unequal(*labels) + _unequal(*machines) + _unequal(*surroundings)
    if a.scenario and b.scenario:
        told += [one for one in _unequal(flat(a.scenario), flat(b.scenario)) if one[0] not in _NO_WORKLOAD]
    for name, left, right in told:
        # a parameter is what two runs are compared for
        words = "other parameters" if name.startswith("params.") else NOT_COMPARABLE
        yield f"{words}: {name} is {left} in {letters[0]} and {right} in {letters[1]}"


def _values(run: SavedRun, name: str) -> str:
    return " and ".join(sorted({str(row.get(name, "not stated")) for row in run.rows}))


def flat(table: object, prefix: str = "") -> dict[str, Any]:
    """The values in a table and in the tables within it, each by its path with dots."""
    if not isinstance(table, Mapping):
        return {prefix: table}
    return {
        key: value
        for name, inner in table.items()
        for key, value in flat(inner, f"{prefix}.{name}" if prefix else name).items()
    }


def _unequal(a: Mapping[str, Any], b: Mapping[str, Any]) -> list[tuple[str, Any, Any]]:
    names = dict.fromkeys((*a, *b))
    return [
        (name, a.get(name, "not stated"), b.get(name, "not stated")) for name in names if a.get(name) != b.get(name)
    ]


def _is_virtual(run: SavedRun) -> bool:
    return _values(run, "world") == "virtual"


def _must_repeat(a: SavedRun, b: SavedRun) -> bool:
    """True for two runs of one commit and scenario, which virtual time repeats exactly."""
    return a.commit == b.commit and " " not in a.commit and a.commit != "unknown" and a.scenario == b.scenario
