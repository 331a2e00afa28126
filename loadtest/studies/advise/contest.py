"""The contest of an advice: the candidates of a service, what was seen of them, and who is out."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from app.strategy import Strategy
from loadtest.studies.advise.candidates import Candidate
from loadtest.studies.advise.costs import Rows
from loadtest.studies.advise.ranking import Order, least_failed, least_of, order, why_not
from loadtest.studies.advise.scaling import SimulatedService
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation
from loadtest.studies.advise.trials import Trials, trials_of


@dataclass(slots=True)
class Contest:
    """The candidates of a service, with the trials that have been made of them."""

    plan: SimulatedService
    strategies: Mapping[str, type[Strategy]]
    trials: Trials
    out: dict[Candidate, str] = field(default_factory=dict)
    """The candidates that are not allowed, with the reasons."""

    @property
    def service(self) -> Service:
        """The service as it is simulated."""
        return self.plan.service

    def rows(self, candidate: Candidate) -> Rows:
        """The summaries of a candidate, by situation."""
        found = {where: self.trials.of(self.service, candidate, where) for where in Situation}
        return {where: rows for where, rows in found.items() if rows}

    async def look(self, candidates: Sequence[Candidate], where: Mapping[Situation, int]) -> None:
        """Make the trials of these situations, each with so many seeds, and put out who is not allowed by them."""
        there = [one for one in dict.fromkeys(candidates) if one not in self.out]
        made = [trials_of(self.service, there, [one], range(1, seeds + 1)) for one, seeds in where.items()]
        await self.trials.make(trial for trials in made for trial in trials)
        least = least_failed([self.rows(one) for one in there])
        for one in there:
            if why := why_not(self.service, self.rows(one), least):
                self.out[one] = why

    def best_first(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """Those that are allowed, by their order."""
        there = [one for one in dict.fromkeys(candidates) if one not in self.out]
        orders = self.orders(there)
        return sorted(there, key=orders.__getitem__)

    def orders(self, candidates: Sequence[Candidate]) -> dict[Candidate, Order]:
        """The places of candidates among each other, by what was seen of them."""
        seen = {one: self.rows(one) for one in candidates}
        least = least_of([*seen.values()])
        return {one: order(rows, self.strategies[one.strategy], one, least) for one, rows in seen.items()}

    def best_of_each(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """The first candidate of each strategy, in their order."""
        first: dict[str, Candidate] = {}
        for one in self.best_first(candidates):
            first.setdefault(one.strategy, one)
        return [*first.values()]
