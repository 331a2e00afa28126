"""The engine of an advice: which trials are made, in which order, and what is found in them.

The steady state is simulated first, for every strategy as its author has set it: it costs least, and who fails there is
out. The best of the others have an outage too, and then other settings are tried. In the end the best few have all
four situations, those that are near each other with several seeds. No run is made that cannot change the answer any
more, and break-evens are looked for side by side. Every number is decided by the seed and the code.
"""

import asyncio
from collections.abc import Mapping, Sequence

from app.strategy import Strategy
from loadtest.studies.advise.advice import Advice, BreakEven, Ranked
from loadtest.studies.advise.break_evens import BreakEvens
from loadtest.studies.advise.candidates import Candidate, Excluded, first_of, keeps_to, others_of
from loadtest.studies.advise.confidence import confidence
from loadtest.studies.advise.contest import Contest
from loadtest.studies.advise.costs import costs
from loadtest.studies.advise.nets_for_outage import nets_for
from loadtest.studies.advise.pool_load import advice_beyond, is_beyond_pool, pool_sentences
from loadtest.studies.advise.ranking import WAITS_ALIKE, is_far_behind
from loadtest.studies.advise.reasons import answer, no_answer, with_reasons
from loadtest.studies.advise.scaling import simulated
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation
from loadtest.studies.advise.trials import Trials

RUNS_ABOUT = 70
"""The runs that an advice takes, about: as many as a bar of its progress shows."""
TUNED = 2
"""The strategies of which other settings are tried."""
FINALISTS = 3
"""The candidates, each of another strategy, that are compared in all situations."""
REPEATS, REPEATS_OF_OUTAGE = 5, 3
"""The seeds of a finalist in the steady state and in the outage."""
OUTAGES, OUTAGES_OF_TUNED = 6, 2
"""The strategies that have an outage as they are set, and the other settings of each tuned one that have it too."""


async def advise_service(
    service: Service, strategies: Mapping[str, type[Strategy]], trials: Trials, seed: int = 1
) -> Advice:
    """The advice for a service, out of these strategies. Raises `BadService` where it cannot be simulated."""
    if is_beyond_pool(service):
        return advice_beyond(service, [], seed)
    plan = simulated(service)
    found = Contest(plan, strategies, trials)
    firsts = {name: first_of(one, plan.ttl_s, plan.allowed_age_s) for name, one in strategies.items()}
    excluded = [one for one in firsts.values() if isinstance(one, Excluded)]
    bases = [one for one in firsts.values() if isinstance(one, Candidate)]
    await found.look(bases, {Situation.STEADY: 1})
    await _outages(found, bases)
    candidates = [*bases, *await _tuned(found, bases)]
    finalists = await _finals(found, candidates)
    ranked = found.best_first(candidates)
    places = [*finalists, *(one for one in ranked if one not in finalists)]
    best = places[0] if places else None
    net, shifts = None, list[BreakEven]()
    if best is not None:
        net, shifts = await asyncio.gather(nets_for(found, best), _break_evens(found, best, places, bases))
    ranking = _ranking(found, places, candidates, excluded)
    level, sure = confidence(ranking, plan)
    said = no_answer(ranking) if best is None else answer(ranking, shifts)
    return Advice(
        service=service,
        simulated=plan.service,
        ranking=tuple(ranking),
        answer=tuple(said),
        pool_sentences=tuple(pool_sentences(plan, next((one for one in ranking if one.is_allowed), None))),
        break_evens=tuple(shifts),
        level=level,
        confidence=(*plan.said, *sure),
        nets=None if net is None else dict(net.table),
        nets_sentence="" if net is None else net.sentence,
        seeds=tuple(seed for _, seed in sorted({(row.repeat, row.seed) for row in trials.rows.values()})),
        seed=seed,
    )


async def _outages(found: Contest, bases: Sequence[Candidate]) -> None:
    """The outages of those that can still be among the best few.

    Waits stand before the outage in the order, so that no outage brings a candidate in front of one that waits less. A
    group that waits more is looked at only where those that wait less are too few, or none of them keeps to the TTL.
    """
    seen = set[Candidate]()
    while True:
        there, group = found.best_first(bases), list[Candidate]()
        orders = found.orders(there)
        for one in there[:OUTAGES]:
            is_alike = bool(group) and orders[one][:WAITS_ALIKE] == orders[group[-1]][:WAITS_ALIKE]
            if len(group) < FINALISTS or not any(keeps_to(found.plan.ttl_s, some) for some in group) or is_alike:
                group.append(one)
        if seen.issuperset(group):
            return
        await found.look([one for one in group if one not in seen], {Situation.OUTAGE: 1})
        seen |= {*group}


async def _tuned(found: Contest, bases: Sequence[Candidate]) -> list[Candidate]:
    """Other settings of the best strategies, simulated as the first ones were."""
    best = found.best_first(bases)[:TUNED]
    ttl_s, allowed_s = found.plan.ttl_s, found.plan.allowed_age_s
    more = []
    for at, base in enumerate(best):
        others = others_of(found.strategies[base.strategy], ttl_s, allowed_s)
        # Of one that comes after another, only more age is tried: nothing else reads less than once an expiry.
        more += [one for one in others if not at or one.oldest_s > base.oldest_s]
    await found.look(more, {Situation.STEADY: 1})
    ordered, looked = found.best_first(more), list[Candidate]()
    for base in best:
        own = [one for one in ordered if one.strategy == base.strategy]
        oldest = sorted(own, key=lambda one: -one.oldest_s)[:1]  # whose entries last longest without an origin
        looked += [*own[:OUTAGES_OF_TUNED], *oldest]
    await found.look(looked, {Situation.OUTAGE: 1})
    return more


async def _finals(found: Contest, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate of each of the best strategies, after all situations, in their order.

    Each has one seed of every situation. Those that are not far behind the first one have several. No spread between
    seeds that was seen makes up for the factors of `is_far_behind`.
    """
    finalists = found.best_of_each(candidates)[:FINALISTS]
    once = {Situation.STEADY: 1, Situation.OUTAGE: 1, Situation.COLD: 1}
    await found.look(finalists, once | ({Situation.DEPLOY: 1} if found.service.pods > 1 else {}))
    ordered = found.best_first(finalists)
    near = [one for one in ordered if not is_far_behind(found.rows(one), found.rows(ordered[0]))]
    await found.look(near, {Situation.STEADY: REPEATS})
    ordered = found.best_first(near)
    orders = found.orders(ordered)
    first = [one for one in ordered if orders[one][:WAITS_ALIKE] == orders[ordered[0]][:WAITS_ALIKE]]
    await found.look(first, {Situation.OUTAGE: REPEATS_OF_OUTAGE})  # of who waits more, the outage decides nothing
    return found.best_first(finalists)


async def _break_evens(
    found: Contest, best: Candidate, places: Sequence[Candidate], bases: Sequence[Candidate]
) -> list[BreakEven]:
    young = next((one for one in places if keeps_to(found.plan.ttl_s, one)), None)
    simplest = next((one for one in bases if found.strategies[one.strategy].is_baseline), best)
    strategies = dict(found.strategies)
    search = BreakEvens(found.trials, found.plan, strategies, best, simplest, young)
    return await search.all()


def _ranking(
    found: Contest, places: Sequence[Candidate], candidates: Sequence[Candidate], excluded: Sequence[Excluded]
) -> list[Ranked]:
    """One entry for each strategy: its best settings; then those that are not allowed."""
    shown: dict[str, Ranked] = {}
    for one in places:
        if one.strategy not in shown:
            rows = found.rows(one)
            price = costs(rows, found.plan, one.oldest_s)
            ranked = Ranked(one.strategy, one.params, {where: [*some] for where, some in rows.items()}, price, True)
            shown[one.strategy] = ranked
    for one in candidates:
        if one in found.out and one.strategy not in shown:
            rows = found.rows(one)
            told = {where: [*some] for where, some in rows.items()}
            shown[one.strategy] = Ranked(one.strategy, one.params, told, None, False, found.out[one])
    for other in excluded:
        shown[other.strategy] = Ranked(other.strategy, {}, {}, None, False, other.why)
    return with_reasons([*shown.values()], found.plan)
