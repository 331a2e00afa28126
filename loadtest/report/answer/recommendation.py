"""The recommendation: the cheapest strategy for each end, and for each age that answers may have."""

from collections.abc import Sequence
from dataclasses import dataclass

from loadtest.report.answer.candidate import MeasuredCandidate
from loadtest.report.answer.choice import AFTER_A_TRIGGER, AGAINST_WAITS, TO_SPARE_THE_ORIGIN, Price, cheapest
from loadtest.workload.scenario import Scenario

NAMED_MAX = 3
"""The most strategies that are named as equally good."""


@dataclass(frozen=True, slots=True)
class Pick:
    """The cheapest strategies for one end: of all, and of those whose answers stay within the TTL."""

    end: str
    of_all: Sequence[MeasuredCandidate]
    within_ttl: Sequence[MeasuredCandidate]

    @property
    def needs_age(self) -> bool:
        return any(one.is_beyond_ttl for one in self.of_all)

    @property
    def condition(self) -> str:
        """The age that has to be allowed for the first of them, as words to follow a name; empty where none has."""
        if not self.needs_age:
            return ""
        age_s = max(one.age_s for one in self.of_all)  # 0 in the records of a lab that did not count it
        words = f"of up to {age_s:.1f}".removesuffix(".0") + " s" if age_s else "older than the TTL"
        return f" if answers {words} are allowed"

    @property
    def names(self) -> str:
        return " or ".join(one.name for one in self.of_all)

    @property
    def fresh_names(self) -> str:
        return " or ".join(one.name for one in self.within_ttl)


@dataclass(frozen=True, slots=True)
class Recommendation:
    """A sentence that says what to do, and the picks that it stands on."""

    text: str
    picks: Sequence[Pick]
    figures: tuple[str, ...]

    def named(self, baseline: str | None = None) -> list[MeasuredCandidate]:
        """The strategies that are recommended, each once, but for the baseline."""
        found = [one for pick in self.picks for one in (*pick.of_all, *pick.within_ttl)]
        return [one for one in {id(one): one for one in found}.values() if one.row.strategy != baseline]


def recommend(results: Sequence[MeasuredCandidate], baseline: str | None, scenario: Scenario) -> Recommendation:
    """The recommendation that these results allow; it is of none where each has a reason against it."""
    trigger = scenario.trigger is not None
    before: tuple[Price, ...] = AFTER_A_TRIGGER if trigger else ()
    prices = (*before, *dict.fromkeys((*TO_SPARE_THE_ORIGIN, *AGAINST_WAITS)))
    figures = tuple(price.field for price in prices)
    able = [one for one in results if not one.why_not]
    if not able:
        return Recommendation("None of these strategies is recommended for this load.", (), figures)
    fresh = [one for one in able if not one.is_beyond_ttl]
    picks = [
        Pick(end, _picked(able, (*before, *own), baseline), _picked(fresh, (*before, *own), baseline))
        for end, own in (("to spare the origin", TO_SPARE_THE_ORIGIN), ("against waits", AGAINST_WAITS))
    ]
    load = "For this load and what hits it" if trigger else "For this load"
    return Recommendation(f"{load}: {_told(picks, baseline)}.", picks, figures)


def _picked(
    able: Sequence[MeasuredCandidate], prices: Sequence[Price], baseline: str | None
) -> list[MeasuredCandidate]:
    """The cheapest; the baseline alone where nothing is clearly cheaper than it."""
    found = cheapest(able, prices)
    return [one for one in found if one.row.strategy == baseline] or found[:NAMED_MAX]


def _told(picks: Sequence[Pick], baseline: str | None) -> str:
    """The picks in words: those of all, by end, and where they need age those that do without."""
    older = [pick for pick in picks if pick.needs_age]
    if len({pick.names for pick in picks}) == 1:
        told = picks[0].names + picks[0].condition
    else:
        told = "; ".join(f"{pick.names} {pick.end}{pick.condition}" for pick in picks)
    if not older:
        return told + _unbeaten(picks[0].of_all, baseline)
    if not older[0].within_ttl:
        return f"{told}; none that keeps within the TTL is recommended"
    if len({pick.fresh_names for pick in older}) == 1:
        return f"{told}, else {older[0].fresh_names}{_unbeaten(older[0].within_ttl, baseline)}"
    return f"{told}; else {' and '.join(f'{pick.fresh_names} {pick.end}' for pick in older)}"


def _unbeaten(of: Sequence[MeasuredCandidate], baseline: str | None) -> str:
    return ", which none clearly beats" if [one.row.strategy for one in of] == [baseline] else ""
