"""How far an advice may be believed: its seeds and their spread, what was guessed, what a simulation cannot know."""

from collections.abc import Iterator, Sequence
from statistics import median

from loadtest.studies.advise.advice import AdviceLevel, Ranked
from loadtest.studies.advise.costs import reads_per_s
from loadtest.studies.advise.scaling import SimulatedService
from loadtest.studies.advise.situations import Situation

HEAVY = frozenset({"keys", "rate_per_s", "origin", "pool", "zipf", "shares"})
"""The numbers of a service on which the answer stands: guesses of them leave little to believe."""
NOT_KNOWN = (
    "Not simulated: the CPU of the pods, Redis under load, and the network beyond 0.25 ms one way. Latencies of hits "
    "are therefore assumed, and decide nothing here; waits for loads are of the origin as stated."
)


def confidence(ranking: Sequence[Ranked], plan: SimulatedService) -> tuple[AdviceLevel, list[str]]:
    """The level, and the sentences behind it."""
    allowed = [one for one in ranking if one.is_allowed]
    level = AdviceLevel.HIGH
    if plan.said or any(one.tied_with_best for one in allowed):
        level = AdviceLevel.FAIR
    if plan.service.pool is None and not HEAVY.isdisjoint(plan.service.guessed):
        level = AdviceLevel.FAIR
    if not HEAVY.isdisjoint({name for name in plan.service.guessed if name != "pool"}):
        level = AdviceLevel.LOW
    return level, [*_said(allowed, plan), NOT_KNOWN]


def _said(allowed: Sequence[Ranked], plan: SimulatedService) -> Iterator[str]:
    if allowed:
        rows, outages = allowed[0].rows[Situation.STEADY], allowed[0].rows.get(Situation.OUTAGE, ())
        several = [one.label for one in allowed if len(one.rows[Situation.STEADY]) > 1]
        reads = [reads_per_s(row) for row in rows]
        apart = (max(reads) - min(reads)) / median(reads) if median(reads) else 0.0
        told = f", which differ by {100 * apart:.2g} % in their reads" if len(reads) > 1 else ""
        yield (
            f"Seeds of the first one: {len(rows)} of the steady state{told}, {len(outages)} of the outage. Strategies "
            f"with several seeds: {len(several)} of {len(allowed)}; 1 seed of each of the others."
        )
    if len(allowed) > 1:
        second = allowed[1]
        how = "is not distinguishable from" if second.tied_with_best else "is told apart from"
        yield f"The first, {allowed[0].label}, {how} the second, {second.label}."
    if guessed := plan.service.guessed:
        yield f"Not stated, and therefore assumed: {', '.join(guessed)}."
