"""The answer of a run in sentences: who did best, at what price, and what to do."""

from collections.abc import Sequence

from loadtest.figures.plain_text import quoted
from loadtest.figures.run_summary import RunSummary
from loadtest.report.answer.beside import beside_it, verdicts
from loadtest.report.answer.candidate import MeasuredCandidate, candidates
from loadtest.report.answer.prices import n_in_words, price_in_words
from loadtest.report.answer.recommendation import Recommendation, recommend
from loadtest.report.answer.sentence import Sentence
from loadtest.report.outage import listed, outage_in_words
from loadtest.stats.intervals import REPEATS_MIN
from loadtest.workload.scenario import Scenario

NOT_ADVISED_MAX = 6
"""The most strategies that are listed with a reason; of more only the number is."""
NO_REASON = "no reason was recorded"
"""The words where a run that is no result has no incident."""


def answer(runs: Sequence[RunSummary], scenario: Scenario, baseline: str | None, command: str = "") -> list[Sentence]:
    """The sentences that these runs allow, of all repeats of all strategies: what was seen, then what to do.

    Runs that are no result are named where their strategy has others; `command` is what runs all of them again.
    """
    known = candidates(runs, scenario)
    results = [one for one in known if one.row.valid]
    if not results:
        return [_nothing(known, scenario)] if known else []
    if all(one.row.steady_peak_1s is None for one in results) and scenario.trigger is None:
        return [_nothing_expired(results, scenario), *_not_advised(known, baseline), *_left_out(runs, known, command)]
    found = recommend(results, baseline, scenario)
    base = beside_it(results, baseline)
    spoken = found.named(baseline) or [base or results[0]]
    judged = verdicts(spoken, base)
    return [
        *_outage(results, scenario),
        *(price_in_words(one, base, judged.get(one.row.strategy), scenario) for one in spoken),
        _advised(found, results, base, baseline),
        *_cold_start(spoken, base),
        *_not_advised(known, baseline),
        *_left_out(runs, known, command),
    ]


def _outage(results: Sequence[MeasuredCandidate], scenario: Scenario) -> list[Sentence]:
    names = tuple(one.row.strategy for one in results)
    n = min(one.n for one in results)
    told = outage_in_words([one.row for one in results], scenario)
    return [
        Sentence(f"{text.removesuffix('.')} ({n_in_words(*results)}).", ("recovers_after_s",), names, n)
        for text in told
    ]


def _advised(
    found: Recommendation, results: Sequence[MeasuredCandidate], base: MeasuredCandidate | None, baseline: str | None
) -> Sentence:
    """The sentence that says what to do, and what is missing for more than that."""
    n = min(one.n for one in results)
    if len(results) == 1:
        alone = f"{results[0].name} alone gave a result: nothing is compared, and nothing is recommended."
        return Sentence(alone, found.figures, (results[0].row.strategy,), n, advises=True)
    missing = []
    if base is None or base.row.strategy != baseline:
        missing.append(f"Nothing is compared with the baseline{f', {baseline}' if baseline else ''}: it gave no result")
    if n < REPEATS_MIN:
        few = "one run" if n == 1 else f"{n} runs"
        of = f"That is of {few} each" if all(one.n == n for one in results) else f"Some of that is of {few} alone"
        missing.append(f"{of}: five (REPEATS=5) give intervals and a test")
    text = " ".join([found.text, *(f"{one}." for one in missing)])
    return Sentence(text, found.figures, tuple(one.row.strategy for one in found.named()), n, advises=True)


def _cold_start(spoken: Sequence[MeasuredCandidate], base: MeasuredCandidate | None) -> list[Sentence]:
    of = [*([base] if base is not None else []), *(one for one in spoken if one is not base)]
    if not any(one.row.cold_peak_1s for one in of):
        return []
    by_peak: dict[int, list[str]] = {}
    for one in of:
        by_peak.setdefault(one.row.cold_peak_1s, []).append(one.name)
    told = ", ".join(f"{peak:,} with {listed(names)}" for peak, names in by_peak.items()).replace(" ", " reads ", 1)
    text = (
        f"Worst seconds and waits are those after the cold start, whose own worst second had {told} "
        f"({n_in_words(*of)})."
    )
    return [Sentence(text, ("cold_peak_1s",), tuple(one.row.strategy for one in of), min(one.n for one in of))]


def _not_advised(known: Sequence[MeasuredCandidate], baseline: str | None) -> list[Sentence]:
    barred = [one for one in known if one.why_not]
    if not barred:
        return []
    told = [f"{one.name}: {one.why_not}" for one in barred[:NOT_ADVISED_MAX]]
    if left_out := len(barred) - len(told):
        told.append(f"and {left_out} more")
    return [
        Sentence(
            f"Not recommended: {'; '.join(told)}.", ("valid", "errors", "wrong_answers"),
            tuple(one.row.strategy for one in barred), min(one.n for one in barred),
        )
    ]  # fmt: skip


def _left_out(runs: Sequence[RunSummary], known: Sequence[MeasuredCandidate], command: str) -> list[Sentence]:
    """The runs that are no result beside valid ones of their strategy, why, and the command that runs all again."""
    with_others = {one.row.strategy: one.name for one in known if one.row.left_out}
    out = [run for run in runs if not run.valid and run.strategy in with_others]
    if not out:
        return []
    told = [
        f"{with_others[run.strategy]}, repeat {run.repeat} ({'; '.join(map(quoted, run.incidents[:1])) or NO_REASON})"
        for run in out[:NOT_ADVISED_MAX]
    ]
    if more := len(out) - len(told):
        told.append(f"and {more} more")
    again = f" All runs again: {command}" if command else ""
    names = tuple(dict.fromkeys(run.strategy for run in out))
    return [
        Sentence(
            f"Left out, because they are no valid results: {'; '.join(told)}.{again}", ("valid", "incidents"), names,
            min(one.n for one in known if one.row.strategy in names),
        )
    ]  # fmt: skip


def _nothing(known: Sequence[MeasuredCandidate], scenario: Scenario) -> Sentence:
    told = "; ".join(f"{one.name}: {one.why_not}" for one in known[:NOT_ADVISED_MAX])
    return Sentence(
        f"No strategy gave a valid result, so that nothing is recommended: {told}.", ("valid", "incidents"),
        tuple(one.row.strategy for one in known), min(one.n for one in known), advises=True,
    )  # fmt: skip


def _nothing_expired(results: Sequence[MeasuredCandidate], scenario: Scenario) -> Sentence:
    told = ", ".join(f"{one.row.cold_peak_1s:,} with {one.name}" for one in results)
    n = min(one.n for one in results)
    return Sentence(
        f"Nothing expired in {scenario.duration_s:g} s (the TTL is {scenario.cache.ttl_s:g} s), so that only the cold "
        f"start was seen, and nothing is recommended: in its worst second the origin was asked for {told} "
        f"({n_in_words(*results)}). A run of {3 * scenario.cache.ttl_s:g} s or more shows expiries.",
        ("cold_peak_1s",), tuple(one.row.strategy for one in results), n, advises=True,
    )  # fmt: skip
