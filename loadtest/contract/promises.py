"""The promises that a strategy keeps while nothing fails; every file in app/strategies/ is held to them.

`lab try` prints a test's docstring when the promise is broken: the promise, and then what to do.
"""

import ast
import asyncio
import gc
import inspect
import sys
import warnings
from collections import Counter
from collections.abc import Iterable
from contextlib import suppress

import pytest

from app.discovery import discover
from app.strategy import Status, Strategy
from loadtest.contract.origin import ITEMS
from loadtest.contract.verdict import Broken
from loadtest.contract.watching import watching
from loadtest.contract.world import ROUNDING_S, TTL_S, ContractWorld, Reply, play
from loadtest.sim.kernel.loop import VirtualTimeError

# What a strategy would bypass `Lab` with: its time, its randomness and its background work come from there.
BESIDE_THE_LAB = {
    "time": "self.lab.clock.now_s(), or await asyncio.sleep",
    "datetime": "self.lab.clock.now_s()",
    "random": "self.lab.rng",
    "secrets": "self.lab.rng",
    "uuid": "self.lab.rng",
    "threading": "asyncio",
    "multiprocessing": "asyncio",
    "subprocess": "asyncio",
    "concurrent": "asyncio",
    "socket": "`load`",
    "http": "`load`",
    "urllib": "`load`",
}


def all_are(replies: Iterable[Reply], code: int) -> None:
    codes = Counter(reply.code for reply in replies)
    others = {other: count for other, count in codes.items() if other != code}
    reason = next((f", as: {reply.body.get('reason')}" for reply in replies if reply.code != code), "")
    assert not others, f"of {codes.total()} requests {others} (code: how many) were not answered {code}{reason}"


def test_every_file_is_a_usable_strategy(request: pytest.FixtureRequest) -> None:
    chosen = request.config.getoption("--strategy")
    broken = {name: reason for name, reason in discover().broken.items() if not chosen or name in chosen}
    assert not broken, f"cannot be used: {broken}"


def test_it_imports_the_vocabulary_and_the_standard_library_only(strategy: type[Strategy]) -> None:
    """It takes nothing past self.lab.

    Import app.strategy and the standard library, or a strategy that yours extends. The cache, the clock, randomness,
    background work and the origin come in through self.lab and `load`, in every world the same.
    """
    source = inspect.getsource(sys.modules[strategy.__module__])
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.Import):
            imported = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            imported = ["." * node.level + (node.module or "")]
        else:
            continue
        for name in imported:
            top = name.partition(".")[0]
            if instead := BESIDE_THE_LAB.get(top):
                raise Broken(f"it imports {name}, which no seed repeats and no other world has: {instead}", node.lineno)
            is_own = name == "app.strategy" or name.startswith("app.strategies.")
            if not is_own and top not in sys.stdlib_module_names:
                raise Broken(f"it imports {name}, which is neither app.strategy nor the standard library", node.lineno)


def test_it_answers_one_request(strategy: type[Strategy]) -> None:
    """It answers a request.

    Return a Lookup on every path: Lookup(Status.HIT, entry) for what was cached, Lookup(Status.MISS, entry) for what
    was loaded and stored.
    """

    async def story(world: ContractWorld) -> None:
        all_are([await world.ask()], 200)

    fault: BaseException | None = None
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        try:
            play(strategy, story)
        except VirtualTimeError:
            raise  # it says where, and looking at each line would take long
        except (Exception, SystemExit) as error:
            fault = error
        gc.collect()
    with watching(strategy) as seen, suppress(Exception, SystemExit):
        play(strategy, story)  # the same again
    for what, line in seen.unawaited:
        raise Broken(what, line) from fault
    if fault is not None:
        raise Broken(str(fault), None, last_line=seen.last.get("get_or_load")) from fault


@pytest.mark.of_a_cache
def test_what_was_loaded_is_kept(strategy: type[Strategy]) -> None:
    """A loaded entry is there for the next request, in every pod.

    Store what was loaded: `entry = await self.lab.store(key, loaded, fresh_for_s=self.ttl_s)`, or let
    self.lab.flights.collapse do so; and look for it first: `await self.lab.cache.get(key)`.
    """

    async def story(world: ContractWorld) -> None:
        for number in range(6):
            await world.ask(pod=number)
            await asyncio.sleep(0.1)
        asked = len(world.origin.loads)
        assert asked < 6, f"of 6 requests for one item within {0.1 * 6:g} s, {asked} asked the origin: nothing is kept"

    play(strategy, story)


@pytest.mark.parametrize("cache_latency_s", [0.0, 0.004], ids=["cache at once", "cache takes 4 ms"])
def test_a_hundred_readers_get_their_items_over_six_expiries(strategy: type[Strategy], cache_latency_s: float) -> None:
    """A hundred readers get their own items, and never an older version than before, over six expiries.

    Key everything by `key`, keep nothing in the strategy itself that outlives an entry, and answer no entry past its
    keep_until_s.
    """

    async def story(world: ContractWorld) -> None:
        await world.traffic(for_s=6 * TTL_S)
        all_are(world.replies, 200)
        asked, loads = len(world.replies), len(world.origin.loads)
        assert asked > 100 * 40, f"they got {asked} answers where more than 4000 are due"
        assert 6 <= loads <= asked, f"{loads} loads for {asked} requests over six expiries"

    play(strategy, story, cache_latency_s=cache_latency_s)


def test_a_herd_at_every_expiry_is_answered(strategy: type[Strategy]) -> None:
    """A hundred requests at the moment of an expiry are all answered, with not more than a load each.

    Look at what happens to those that come while the entry is being loaded.
    """

    async def story(world: ContractWorld) -> None:
        for _ in range(6):
            all_are(await world.herd(100), 200)
            await asyncio.sleep(TTL_S + 0.1)
        asked, loads = len(world.replies), len(world.origin.loads)
        assert loads <= asked, f"{loads} loads for {asked} requests"

    play(strategy, story)


@pytest.mark.of_a_cache
def test_nothing_that_the_cache_answers_is_older_than_the_strategy_promises(strategy: type[Strategy]) -> None:
    """Nothing that the cache answers is older than `mechanism()` says.

    Keep entries for less long, or say in `mechanism()` how old they may be: by its stretch, spread or window_s.
    """

    async def story(world: ContractWorld) -> None:
        await world.traffic(for_s=6 * TTL_S)
        from_cache = [reply for reply in world.replies if reply.status in {Status.HIT, Status.STALE}]
        assert from_cache, "no answer ever came from the cache"
        oldest_s = max(reply.answered_s - reply.body["read_at"] for reply in from_cache)
        promised_s = strategy.stated(TTL_S, {}).oldest_s()
        assert oldest_s <= promised_s + ROUNDING_S, f"an answer was {oldest_s:.3f} s old, {promised_s:g} s are promised"
        assert oldest_s > TTL_S / 2, f"no answer was older than {oldest_s:.3f} s: entries of {TTL_S:g} s are not used"

    play(strategy, story)


def test_the_same_seed_gives_the_same_run(strategy: type[Strategy]) -> None:
    """The same seed gives the same run.

    Draw from self.lab.rng alone, and depend on no order of a set and no id().
    """

    async def story(world: ContractWorld) -> list[Reply]:
        await world.traffic(for_s=3 * TTL_S, readers=20)
        return world.replies

    first, second = (play(strategy, story, seed=7) for _ in range(2))
    for one, other in zip(first, second, strict=False):
        assert one == other, f"with the same seed this answer differs: {one} and {other}"
    assert len(first) == len(second), f"with the same seed there are {len(first)} answers, and {len(second)}"


@pytest.mark.of_a_cache
def test_an_item_that_does_not_exist_is_a_404_and_few_loads(strategy: type[Strategy]) -> None:
    """An item that does not exist is a 404, and remembered like any other.

    Store what was loaded though it says `absent`: as_entry gives it a short life of its own.
    """

    async def story(world: ContractWorld) -> None:
        for _ in range(30):
            all_are([await world.ask(ITEMS)], 404)
            await asyncio.sleep(0.02)
        loads = len(world.origin.loads)
        assert loads <= 10, f"30 requests for an item that does not exist asked the origin {loads} times, more than 10"

    play(strategy, story)
