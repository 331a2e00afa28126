"""The engine of an advice: which trials are made, in which order, and what is found in them.

The steady state is simulated first, for every strategy as its author has set it: it costs least, and who fails there is
out. The others have an outage too, and then other settings are tried. In the end the best few have all
four situations with several seeds. Every number is decided by the seed and the code.
"""

from collections.abc import Mapping, Sequence

from app.strategy import Strategy
from loadtest.studies.advise.advice import Advice, BreakEven, Ranked
from loadtest.studies.advise.break_evens import BreakEvens
from loadtest.studies.advise.candidates import Candidate, Excluded, first_of, others_of
from loadtest.studies.advise.confidence import confidence
from loadtest.studies.advise.contest import Contest
from loadtest.studies.advise.costs import costs
from loadtest.studies.advise.nets_for_outage import nets_for
from loadtest.studies.advise.pool_load import advice_beyond, is_beyond_pool, pool_sentences
from loadtest.studies.advise.reasons import answer, no_answer, with_reasons
from loadtest.studies.advise.scaling import simulated
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation
from loadtest.studies.advise.trials import Trials

RUNS_ABOUT = 80
"""The runs that an advice takes, about: as many as a bar of its progress shows."""
TUNED = 2
"""The strategies of which other settings are tried."""
FINALISTS = 3
"""The candidates, each of another strategy, that are compared in all situations with several seeds."""
REPEATS, REPEATS_OF_OUTAGE = 5, 3
"""The seeds of a finalist in the steady state and in the outage."""
OUTAGES, OUTAGES_OF_TUNED = 7, 3
"""The strategies that have an outage as they are set, and the other settings of each tuned one that have it too."""


async def advise_service(
    service: Service, strategies: Mapping[str, type[Strategy]], trials: Trials, seed: int = 1
) -> Advice:
    """The advice for a service, out of these strategies. Raises `BadService` where it cannot be simulated."""
    if is_beyond_pool(service):
        return advice_beyond(service, [], seed)
    plan = simulated(service)
    found = Contest(plan, strategies, trials)
    firsts = {name: first_of(one, plan.service.ttl_s, plan.service.allowed_age_s) for name, one in strategies.items()}
    excluded = [one for one in firsts.values() if isinstance(one, Excluded)]
    bases = [one for one in firsts.values() if isinstance(one, Candidate)]
    await found.look(bases, [Situation.STEADY])
    await found.look(found.best_first(bases)[:OUTAGES], [Situation.OUTAGE])
    candidates = [*bases, *await _tuned(found, bases)]
    finalists = await _finals(found, candidates)
    ranked = found.best_first(candidates)
    places = [*finalists, *(one for one in ranked if one not in finalists)]
    best = places[0] if places else None
    net = await nets_for(found, best) if best is not None else None
    shifts = [] if best is None else await _break_evens(found, best, candidates, bases)
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
        seeds=tuple(dict.fromkeys(row.seed for row in trials.rows.values())),
        seed=seed,
    )


async def _tuned(found: Contest, bases: Sequence[Candidate]) -> list[Candidate]:
    """Other settings of the best strategies, simulated as the first ones were."""
    best = [one.strategy for one in found.best_first(bases)][:TUNED]
    ttl_s, allowed_s = found.service.ttl_s, found.service.allowed_age_s
    more = [other for name in best for other in others_of(found.strategies[name], ttl_s, allowed_s)]
    await found.look(more, [Situation.STEADY])
    ordered = found.best_first(more)
    for name in best:
        own = [one for one in ordered if one.strategy == name]
        oldest = sorted(own, key=lambda one: -one.oldest_s)[:1]  # whose entries last longest without an origin
        await found.look([*own[:OUTAGES_OF_TUNED], *oldest], [Situation.OUTAGE])
    return more


async def _finals(found: Contest, candidates: Sequence[Candidate]) -> list[Candidate]:
    """The best candidate of each of the best strategies, after all situations and several seeds, in their order."""
    first: dict[str, Candidate] = {}
    for one in found.best_first(candidates):
        first.setdefault(one.strategy, one)
    finalists = [*first.values()][:FINALISTS]
    last = [Situation.COLD, *([Situation.DEPLOY] if found.service.pods > 1 else [])]
    await found.look(finalists, last)
    await found.look(finalists, [Situation.STEADY], REPEATS)
    await found.look(finalists, [Situation.OUTAGE], REPEATS_OF_OUTAGE)
    return found.best_first(finalists)


async def _break_evens(
    found: Contest, best: Candidate, candidates: Sequence[Candidate], bases: Sequence[Candidate]
) -> list[BreakEven]:
    ttl_s = found.service.ttl_s
    young = next((one for one in found.best_first(candidates) if one.oldest_s <= ttl_s * (1 + 1e-9)), None)
    simplest = next((one for one in bases if found.strategies[one.strategy].is_baseline), best)
    strategies = dict(found.strategies)
    search = BreakEvens(found.trials, found.service, strategies, best, simplest, young, found.plan.parts)
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
