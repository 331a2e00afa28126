"""The strategy that the others are compared with, and the verdicts on their worst seconds."""

from collections.abc import Mapping, Sequence

from loadtest.report.answer.candidate import MeasuredCandidate
from loadtest.report.answer.choice import PEAK
from loadtest.stats.rows import same_arrivals, same_seeds
from loadtest.stats.verdicts import SamplePair, Verdict, judge


def beside_it(results: Sequence[MeasuredCandidate], baseline: str | None) -> MeasuredCandidate | None:
    """The baseline; without a result of it the strategy with the most reads in a second; None beside one alone."""
    if len(results) < 2:
        return None
    found = next((one for one in results if one.row.strategy == baseline), None)
    return found or max(results, key=lambda one: one.row.steady_peak_1s or 0)


def verdicts(of: Sequence[MeasuredCandidate], base: MeasuredCandidate | None) -> Mapping[str, Verdict]:
    """The verdicts on the worst second of each beside the base's, judged together."""
    others = [one for one in of if base is not None and one is not base]
    if base is None or not others:
        return {}
    rows = [row.as_dict() for one in (base, *others) for row in one.repeats]
    pairs = [
        SamplePair(
            tuple(base.values(PEAK.field)),
            tuple(one.values(PEAK.field)),
            1,
            exact=same_seeds(rows, one.row.strategy, rows, base.row.strategy),
            paired=same_arrivals(rows, one.row.strategy, rows, base.row.strategy),
        )
        for one in others
    ]
    return {one.row.strategy: verdict for one, verdict in zip(others, judge(pairs), strict=True)}
