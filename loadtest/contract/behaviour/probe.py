"""A probe: a question about a contender's behaviour, which a coroutine answers on a bench of its own."""

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import dataclass

from app.contender import Contender
from loadtest.contract.behaviour.bench import ProbeBench, ProbedRedis, Scale
from loadtest.contract.behaviour.finding import BehaviourFinding, FindingOutcome

CELL_CHARS_MAX = 30


@dataclass(frozen=True, slots=True)
class Answered:
    """The answer of a probe: `held` is None where nothing was asked for but a figure."""

    held: bool | None
    sentence: str
    cell: str
    numbers: Mapping[str, float | None]


@dataclass(frozen=True, slots=True)
class Probe:
    """A question, and the coroutine that answers it on a fresh bench."""

    name: str
    question: str
    run: Callable[[ProbeBench], Awaitable[Answered]]

    async def find(self, contender: type[Contender], redis: ProbedRedis, scale: Scale) -> BehaviourFinding:
        """The finding on a bench of its own, which is closed then. Raises as `ask`, and what a pod raises."""
        bench = ProbeBench(contender, redis, scale)
        try:
            return await self.ask(bench)
        finally:
            await bench.aclose()

    async def ask(self, bench: ProbeBench) -> BehaviourFinding:
        """The finding on a bench. Raises what the probe raises, which is no behaviour of the contender."""
        found = await self.run(bench)
        outcome = {None: FindingOutcome.FIGURE, True: FindingOutcome.HELD, False: FindingOutcome.NOT_HELD}[found.held]
        return BehaviourFinding(self.name, outcome, found.sentence, found.cell, dict(found.numbers))

    def unknown(self, why: str) -> BehaviourFinding:
        """The finding of a probe that came to no end."""
        return BehaviourFinding(self.name, FindingOutcome.UNKNOWN, why, "unknown")
