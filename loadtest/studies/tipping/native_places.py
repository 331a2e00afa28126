"""The places of a map that are measured natively: those that say most about whether the map is right."""

from collections.abc import Mapping, Sequence

from loadtest.studies.tipping.fate import Fate, Found
from loadtest.studies.tipping.places import MapPlan, Place

NATIVE_MAX = 12


def chosen(plan: MapPlan, found: Sequence[Found], baseline: str | None, count: int) -> list[Place]:
    """So many places, those in the midst of others of their fate first, the baseline's never before all.

    The first is one from which the baseline never comes back, or else the worst there is. The second is the same place
    under the strategy that fares best there. Then follow the other fates of the baseline, and of the others.
    """
    fates = {one.place: one.fate for one in found if one.fate is not Fate.UNKNOWN}
    order = sorted(plan.strategies, key=lambda name: name != baseline)
    picked: list[Place] = []
    for strategy in order:
        for wanted in (Fate.NEVER, Fate.BACK, Fate.WELL):
            own = [place for place, fate in fates.items() if place.strategy == strategy and fate is wanted]
            if not own:
                continue
            place = max(own, key=lambda one: (_alike(plan, fates, one), -one.rate_per_s))
            picked += [place, *_best_there(order, fates, place)] if not picked else [place]
    return list(dict.fromkeys(picked))[:count]


def _alike(plan: MapPlan, fates: Mapping[Place, Fate], place: Place) -> int:
    """How many of the four places around have the same fate; beyond the edge of the map counts as alike."""
    rate, trigger = plan.rates_per_s.index(place.rate_per_s), plan.triggers.index(place.trigger)
    alike = 0
    for by_rate, by_trigger in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        x, y = rate + by_rate, trigger + by_trigger
        if not (0 <= x < len(plan.rates_per_s) and 0 <= y < len(plan.triggers)):
            alike += 1
        else:
            beside = place._replace(rate_per_s=plan.rates_per_s[x], trigger=plan.triggers[y])
            alike += fates.get(beside) is fates[place]
    return alike


def _best_there(order: Sequence[str], fates: Mapping[Place, Fate], place: Place) -> list[Place]:
    others = [place._replace(strategy=name) for name in order if name != place.strategy]
    known = [one for one in others if one in fates]
    return sorted(known, key=lambda one: list(Fate).index(fates[one]))[:1]
