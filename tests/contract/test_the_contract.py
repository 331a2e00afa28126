"""The contract finds what is wrong: strategies with the mistakes that are made, and the test that sees each."""

import asyncio
import random
from collections.abc import Callable
from functools import partial

import pytest

from app.strategy import Entry, Loader, LoadReason, Lookup, OriginFailed, Status, Strategy
from loadtest.contract import promises, promises_under_faults

FAILED = OriginFailed("it is down")


class Alone(Strategy):
    """Load on a miss: what the wrong ones below have in common."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), fresh_for_s=self.ttl_s))


class KeepsForEver(Alone):
    """A dictionary in the pod that nothing ever leaves."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        kept: dict[str, Entry] = self.__dict__.setdefault("kept", {})
        if key not in kept:
            kept[key] = (await super().get_or_load(key, load)).entry
        return Lookup(Status.HIT, kept[key])


class MixesKeys(Alone):
    """Items whose ids differ in the last digit share a key."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        return await super().get_or_load(key[:-1], load)


class ForgetsToAnswer(Alone):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        await super().get_or_load(key, load)
        return None  # type: ignore[return-value]


class Poisoned(Alone):
    """In-process collapsing whose failures stay in the map."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        entry = await self.lab.cache.get(key)
        if entry is not None:
            return Lookup(Status.HIT, entry)
        flights: dict[str, asyncio.Future[Lookup]] = self.__dict__.setdefault("flights", {})
        if key not in flights:
            flights[key] = asyncio.ensure_future(super().get_or_load(key, load))
            flights[key].add_done_callback(lambda done: done.exception() or flights.pop(key))
        return await asyncio.shield(flights[key])


class LeaderTakesAllDown(Alone):
    """The first request loads for the others, and is waited for by event: when it goes away, nobody sets it."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        events: dict[str, asyncio.Event] = self.__dict__.setdefault("events", {})
        if (event := events.get(key)) is not None:
            await event.wait()
            return await super().get_or_load(key, load)
        events[key] = asyncio.Event()
        lookup = await super().get_or_load(key, load)
        events.pop(key).set()
        return lookup


class HidesTheOutage(Alone):
    """Handles a cache that is away by itself, and so nobody collapses its loads."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        return Lookup(Status.MISS, await self.lab.store(key, await load(LoadReason.MISS), fresh_for_s=self.ttl_s))


class RollsItsOwnDice(Alone):
    """Randomness that no seed repeats."""

    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        self.ttl_s = self.lab.ttl_s * random.random()
        return await super().get_or_load(key, load)


class NeverStores(Alone):
    async def get_or_load(self, key: str, load: Loader) -> Lookup:
        return Lookup(Status.MISS, (await load(LoadReason.MISS)).as_entry(self.ttl_s))


six_expiries = partial(promises.test_a_hundred_readers_get_their_items_over_six_expiries, cache_latency_s=0.0)
failure = partial(promises_under_faults.test_a_failed_load_recovers, failure=FAILED, is_warm=False)
cache_away = promises_under_faults.test_answers_keep_coming_while_the_cache_is_away
cancellation = partial(promises_under_faults.test_readers_that_go_away_harm_nobody, seed=0)


@pytest.mark.parametrize(
    ("wrong", "rule", "what"),
    [
        (KeepsForEver, promises.test_a_herd_at_every_expiry_is_answered, "past its keep_until_s"),
        (KeepsForEver, six_expiries, "older version"),
        (MixesKeys, promises.test_the_same_seed_gives_the_same_run, "another item's answer"),
        (ForgetsToAnswer, six_expiries, "500"),
        (Poisoned, failure, "503"),
        (LeaderTakesAllDown, cancellation, "not done|is not set|200"),
        (HidesTheOutage, cache_away, "not collapsed"),
        (RollsItsOwnDice, promises.test_the_same_seed_gives_the_same_run, "Reply"),
        (NeverStores, promises.test_an_item_that_does_not_exist_is_a_404_and_few_loads, "10"),
        (RollsItsOwnDice, promises.test_it_imports_the_vocabulary_and_the_standard_library_only, "imports random"),
        (NeverStores, promises.test_what_was_loaded_is_kept, "6 requests .* nothing is kept"),
        (ForgetsToAnswer, promises.test_it_answers_one_request, "500: .* not a Lookup"),
    ],
)
def test_it_finds(wrong: type[Strategy], rule: Callable[[type[Strategy]], None], what: str) -> None:
    with pytest.raises((AssertionError, asyncio.InvalidStateError), match=what):
        rule(wrong)


def test_it_finds_nothing_in_the_plainest_strategy_there_is() -> None:
    for rule in (
        six_expiries,
        failure,
        cancellation,
        promises_under_faults.test_answers_keep_coming_while_the_cache_is_away,
    ):
        rule(Alone)
