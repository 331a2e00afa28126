"""Break-evens: the rate, the age and the pool at which another strategy is right.

Each is found by bisection over simulations of one seed, to some 5 %. It takes for granted that the range has one such
number. Where both ends of the range give the same answer, none was found.
"""

import asyncio
import math
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass

from app.strategy import Strategy
from loadtest.studies.advise.advice import BreakEven
from loadtest.studies.advise.candidates import Candidate, Excluded, first_of, others_of
from loadtest.studies.advise.costs import failed_share, reads_per_s, waited_share
from loadtest.studies.advise.ranking import WAITS_ALIKE, Order, least_of, order
from loadtest.studies.advise.scaling import SimulatedService, needed_connections
from loadtest.studies.advise.service import Service
from loadtest.studies.advise.situations import Situation, failed_steady_max
from loadtest.studies.advise.trials import Trial, Trials, trials_of

NEAR = 1.05
"""The factor between two numbers of a service that are near enough to be one break-even."""
RATE_FACTOR, POOL_FACTOR = 256.0, 16
"""The range of the rate that is tried, downwards, and of the pool, upwards, in those of the service."""
WAITED_MAX = 0.01
"""The share of requests that may wait beyond those that wait with the answer."""
READS_MORE = 1.1
"""The reads of the origin, in those of the answer, that count as as many."""

Holds = Callable[[float], Awaitable[bool]]


@dataclass(slots=True)
class BreakEvens:
    """The search for break-evens of one service, by trials of its answer and of those that may take its place."""

    trials: Trials
    plan: SimulatedService
    strategies: dict[str, type[Strategy]]
    best: Candidate
    simplest: Candidate
    """The baseline: no remedy at all."""
    youngest: Candidate | None
    """The best candidate that gives no answer older than the TTL; None where none is allowed."""

    @property
    def service(self) -> Service:
        """The service as it is simulated."""
        return self.plan.service

    @property
    def _as_well(self) -> str:
        return f"{self.simplest.label} does as well"

    def _all(self, value: float) -> str:
        """A number of the part that is simulated, as that of the whole service."""
        whole = value * self.plan.parts
        return f"{whole:,.3g}" if whole < 1000 else f"{whole:,.0f}"

    def _connections(self, value: float) -> str:
        return f"{self._all(value)} connection{'s' * (value * self.plan.parts != 1)}"

    async def all(self) -> list[BreakEven]:
        """The break-evens of rate, age and pool."""
        rate, age, pool = await asyncio.gather(self.of_rate(), self.of_age(), self.of_pool())
        return [rate, age, *pool]

    async def of_rate(self) -> BreakEven:
        """The rate below which the simplest one does as well."""
        high, low = self.service.rate_per_s, self.service.rate_per_s / RATE_FACTOR
        if self.best == self.simplest:
            return await self._of_more_rate()
        if await self._does_as_well(self.service):
            said = f"At {self._all(high)} requests/s {self._as_well}."
            return BreakEven("rate_per_s", high, (low, high), self.best.label, self.simplest.label, said)

        async def is_enough(rate_per_s: float) -> bool:
            return await self._does_as_well(self.service.changed(rate_per_s=rate_per_s))

        found = await _bisected(is_enough, low, high)
        if found is None:
            said = f"No rate from {self._all(low)} to {self._all(high)} requests/s was found at which {self._as_well}."
            return BreakEven("rate_per_s", None, (low, high), self.best.label, "", said)
        said = (
            f"Below {self._all(found)} requests/s {self._as_well}: nothing fails, less than "
            f"{100 * WAITED_MAX:g} % more of the requests wait, and the origin is read as often."
        )
        return BreakEven("rate_per_s", found, (low, high), self.best.label, self.simplest.label, said)

    async def _of_more_rate(self) -> BreakEven:
        low, high = self.service.rate_per_s, self.service.rate_per_s * POOL_FACTOR

        async def is_enough(rate_per_s: float) -> bool:
            return await self._is_well(self.service.changed(rate_per_s=rate_per_s), self.best)

        found = await _bisected(is_enough, low, high)
        if found is None:
            said = f"Up to {self._all(high)} requests/s {self.best.label} serves the steady state without a failure."
            return BreakEven("rate_per_s", None, (low, high), self.best.label, "", said)
        said = f"From {self._all(found)} requests/s on {self.best.label} fails requests in the steady state."
        return BreakEven("rate_per_s", found, (low, high), self.best.label, "", said)

    async def of_age(self) -> BreakEven:
        """The age allowed below which the answer is another strategy."""
        low, high = self.plan.ttl_s, self.plan.allowed_age_s
        if self.youngest is None or self.youngest.strategy == self.best.strategy or high <= low:
            said = f"Less age than {high:g} s does not change the strategy, down to the TTL of {low:g} s."
            if high <= low:
                said = f"No answer older than the TTL of {low:g} s is allowed: there is no age to do without."
            elif self.youngest is None:
                said = f"The age is needed: no strategy whose answers keep to the TTL of {low:g} s is enough."
            return BreakEven("max_age_s", None, (low, high), self.best.label, "", said)
        young = self.youngest

        async def is_other(age_s: float) -> bool:
            family = self._of_family(age_s)
            if family is None:
                return True
            of_family, of_young = await self._orders([family, young], (Situation.STEADY,))
            if of_family[:WAITS_ALIKE] == of_young[:WAITS_ALIKE]:  # what comes before the outage does not tell them
                of_family, of_young = await self._orders([family, young], (Situation.STEADY, Situation.OUTAGE))
            return of_young <= of_family

        found = await _bisected(is_other, low, high, by_factor=False)
        if found is None:
            said = f"No age from {low:g} to {high:g} s was found below which the answer changes."
            return BreakEven("max_age_s", None, (low, high), self.best.label, "", said)
        said = f"If only answers up to {found:.3g} s old are allowed: {young.label}."
        return BreakEven("max_age_s", found, (low, high), self.best.label, young.label, said)

    async def _orders(self, candidates: Sequence[Candidate], where: Sequence[Situation]) -> list[Order]:
        """The places of these candidates by one seed of these situations."""
        await self.trials.make(trials_of(self.service, candidates, where))
        rows = [{one: self.trials.of(self.service, each, one)[:1] for one in where} for each in candidates]
        least = least_of(rows)
        return [
            order(own, self.strategies[each.strategy], each, least) for own, each in zip(rows, candidates, strict=True)
        ]

    def _of_family(self, age_s: float) -> Candidate | None:
        """The answer's strategy where so much age is allowed; None where it needs more."""
        strategy, ttl_s = self.strategies[self.best.strategy], self.plan.ttl_s
        first = first_of(strategy, ttl_s, age_s)
        if isinstance(first, Excluded):
            return None
        names = {name for name, _ in self.best.parameters}
        same = [one for one in others_of(strategy, ttl_s, age_s) if {name for name, _ in one.parameters} == names]
        return max(same, key=lambda one: one.oldest_s, default=first)

    async def of_pool(self) -> list[BreakEven]:
        """The pool below which the answer fails too, and the one from which on the simplest does as well."""
        pool, label = self.service.pool, self.best.label
        needed = needed_connections(self.service)
        if pool is None:
            said = f"The pool is not known: {label} needs {needed:,.2g} connections on average."
            return [BreakEven("pool", None, (1.0, math.inf), label, "", said)]

        async def fails(connections: float) -> bool:
            service = self.service.changed(pool=max(1, round(connections)))
            return not await self._is_well(service, self.best)

        range_ = (max(1.0, math.floor(needed)), float(pool))
        found = await _bisected(fails, *range_)
        if found is None:
            said = f"Down to {self._connections(range_[0])} no pool was found at which {label} fails requests."
            if range_[0] >= range_[1]:
                said = f"The reads of {label} fit into no smaller pool than {self._connections(pool)} on average."
            below = BreakEven("pool", None, range_, label, "", said)
        else:
            most = float(math.floor(found))
            reads = f"its reads hold {self._all(needed)} of them on average"
            said = f"With {self._connections(most)} or fewer {label} fails requests too: {reads}."
            below = BreakEven("pool", most, range_, label, "", said)
        if self.best == self.simplest:
            return [below]
        more, ends = self.service.changed(pool=pool * POOL_FACTOR), (float(pool), float(pool * POOL_FACTOR))
        if await self._does_as_well(more):
            said = f"With a pool of {self._all(ends[1])} connections {self._as_well}."
            return [below, BreakEven("pool", ends[1], ends, label, self.simplest.label, said)]
        said = (
            f"No pool up to {pool * POOL_FACTOR:,} connections was found at which {self.simplest.label} does as well."
        )
        return [below, BreakEven("pool", None, ends, label, "", said)]

    async def _does_as_well(self, service: Service) -> bool:
        if not await self._is_well(service, self.simplest):
            return False
        (simplest,) = self.trials.of(service, self.simplest, Situation.STEADY)[:1]
        await self.trials.make([Trial(service, self.best, Situation.STEADY)])
        (best,) = self.trials.of(service, self.best, Situation.STEADY)[:1]
        if waited_share(simplest) > waited_share(best) + WAITED_MAX:
            return False
        return reads_per_s(simplest) <= READS_MORE * reads_per_s(best)

    async def _is_well(self, service: Service, candidate: Candidate) -> bool:
        await self.trials.make([Trial(service, candidate, Situation.STEADY)])
        (row,) = self.trials.of(service, candidate, Situation.STEADY)[:1]
        return row.valid and failed_share(row) <= failed_steady_max(service)


async def _bisected(is_so: Holds, low: float, high: float, by_factor: bool = True) -> float | None:
    """The number up to which it is so; None where it is not at the lower end, or is still so at the upper one."""
    if low >= high or not await is_so(low) or await is_so(high):
        return None
    while high - low > (NEAR - 1) * (low if by_factor else high):
        middle = math.sqrt(low * high) if by_factor else (low + high) / 2
        low, high = (middle, high) if await is_so(middle) else (low, middle)
    return low
