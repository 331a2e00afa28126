"""The same check of answers looks on in virtual time."""

from app.strategies.static import Static
from app.strategy import Loader, LoadReason, Lookup, Status
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.answer_check import TOO_OLD
from loadtest.workload.scenario import read_scenario


class KeepsTooLong(Static):
    """Promises the TTL, and serves for three."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        loaded = await load(LoadReason.MISS)
        return Lookup(Status.MISS, await self.lab.store(key, loaded, fresh_for_s=3 * self.ttl_s))


def test_answers_that_are_older_than_the_strategy_promises_are_wrong_and_others_are_not() -> None:
    scenario = read_scenario("primer", duration_s=12)
    kept, honest = (simulate(scenario, strategy, 1).row for strategy in (KeepsTooLong, Static))
    assert kept.wrong_answer_kinds[TOO_OLD] == kept.wrong_answers > 0.3 * kept.requests
    assert not kept.valid
    assert honest.wrong_answers == 0
