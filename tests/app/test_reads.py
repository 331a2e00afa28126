import asyncio
from collections.abc import Sequence
from random import Random

import pytest

from app.reads import Fetch, ReadBatcher
from app.strategy import CacheAway
from app.tasks import Tasks
from loadtest.sim.kernel import loop

FETCH_S = 0.001
PATIENCE_S = 1.0


class Store:
    """Answers each key with a value of its own, and keeps the batches that it was asked for."""

    def __init__(self) -> None:
        self.batches: list[list[str]] = []
        self.at_once = 0
        self.at_once_max = 0
        self.failure: BaseException | None = None

    async def fetch(self, keys: Sequence[str]) -> list[bytes | None]:
        self.batches.append(list(keys))
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        try:
            await asyncio.sleep(FETCH_S)
        finally:
            self.at_once -= 1
        if self.failure is not None:
            raise self.failure
        return [value_of(key) for key in keys]


def value_of(key: str) -> bytes | None:
    return None if key.endswith("9") else f"value of {key}".encode()


def batcher(fetch: Fetch, batch_max: int = 256, in_flight_max: int = 2, waiting_max: int = 10_000) -> ReadBatcher:
    return ReadBatcher(fetch, Tasks(), batch_max, in_flight_max, waiting_max, PATIENCE_S)


def test_reads_of_one_tick_are_one_batch_and_each_gets_its_own_value() -> None:
    async def main() -> None:
        store = Store()
        reads = batcher(store.fetch)
        keys = [f"key {number}" for number in range(100)]
        assert await asyncio.gather(*map(reads.read, keys)) == [value_of(key) for key in keys]
        assert store.batches == [keys]
        await reads.read("later")
        assert store.batches == [keys, ["later"]]

    loop.run(main())


def test_the_same_key_twice_is_answered_twice() -> None:
    async def main() -> None:
        reads = batcher(Store().fetch)
        answers = await asyncio.gather(*map(reads.read, "aba"))
        assert answers == [value_of(key) for key in "aba"]

    loop.run(main())


def test_a_batch_has_at_most_batch_max_keys_and_only_so_many_are_in_flight() -> None:
    async def main() -> None:
        store = Store()
        reads = batcher(store.fetch, batch_max=10, in_flight_max=3)
        keys = [f"key {number}" for number in range(95)]
        assert await asyncio.gather(*map(reads.read, keys)) == [value_of(key) for key in keys]
        assert [len(batch) for batch in store.batches] == [10] * 9 + [5]
        assert store.at_once_max == 3
        assert asyncio.get_running_loop().time() == pytest.approx(4 * FETCH_S)

    loop.run(main())


def test_one_read_too_many_is_turned_away_and_the_others_are_not() -> None:
    async def main() -> None:
        reads = batcher(Store().fetch, waiting_max=3)
        readers = [reads.read(f"key {number}") for number in range(3)]
        with pytest.raises(CacheAway, match="reads_waiting_max"):
            reads.read("one more")
        assert len(await asyncio.gather(*readers)) == 3
        assert await reads.read("again") == b"value of again"

    loop.run(main())


@pytest.mark.parametrize("when", ["before it is sent", "on its way"])
def test_a_reader_that_goes_away_costs_the_others_nothing(when: str) -> None:
    async def main() -> None:
        reads = batcher(Store().fetch)
        readers = [reads.read(f"key {number}") for number in range(9)]
        if when == "on its way":
            await asyncio.sleep(FETCH_S / 2)
        readers[4].cancel()
        answers = await asyncio.gather(*readers, return_exceptions=True)
        assert isinstance(answers.pop(4), asyncio.CancelledError)
        assert answers == [value_of(f"key {number}") for number in range(9) if number != 4]

    loop.run(main())


@pytest.mark.parametrize("failure", [CacheAway("gone"), ValueError("a bug")], ids=repr)
def test_a_failure_reaches_every_reader_of_the_batch_and_ends_with_it(failure: Exception) -> None:
    async def main() -> None:
        store = Store()
        reads = batcher(store.fetch, batch_max=5, in_flight_max=1)
        store.failure = failure
        readers = [reads.read(f"key {number}") for number in range(8)]
        asyncio.get_running_loop().call_later(1.5 * FETCH_S, setattr, store, "failure", None)
        answers = await asyncio.gather(*readers, return_exceptions=True)
        assert [type(answer) for answer in answers] == [CacheAway] * 5 + [bytes] * 3

    loop.run(main())


def test_a_reply_of_the_wrong_length_fails_everybody_rather_than_leave_one_waiting() -> None:
    async def short(keys: Sequence[str]) -> list[bytes | None]:
        return [b"value"] * (len(keys) - 1)

    async def main() -> None:
        reads = batcher(short)
        async with asyncio.timeout(1):
            answers = await asyncio.gather(*map(reads.read, "abc"), return_exceptions=True)
        assert [type(answer) for answer in answers] == [CacheAway] * 3

    loop.run(main())


def test_a_batch_that_is_cancelled_fails_its_readers() -> None:
    async def main() -> None:
        tasks = Tasks()
        reads = ReadBatcher(Store().fetch, tasks, 256, 2, 10_000, PATIENCE_S)
        reader = reads.read("a")
        await asyncio.sleep(FETCH_S / 2)
        await tasks.aclose()
        with pytest.raises(CacheAway):
            await reader

    loop.run(main())


def test_a_hundred_thousand_reads_with_random_cancellations_give_no_wrong_value() -> None:
    seed, readers, rounds = 1, 250, 400
    cancelled = right = 0

    async def reads_on(number: int, reads: ReadBatcher) -> None:
        nonlocal cancelled, right
        rng, running = Random(f"{seed}/{number}"), asyncio.get_running_loop()
        for _ in range(rounds):
            key = f"key {rng.randrange(1_000)}"
            reader = reads.read(key)
            if rng.random() < 0.3:
                running.call_later(rng.uniform(0, 2 * FETCH_S), reader.cancel)
            try:
                assert await reader == value_of(key), f"seed {seed}: another key's value"
                right += 1
            except asyncio.CancelledError:
                cancelled += 1

    async def main() -> None:
        reads = batcher(Store().fetch, batch_max=64, in_flight_max=2)
        async with asyncio.TaskGroup() as group:
            for number in range(readers):
                group.create_task(reads_on(number, reads))

    loop.run(main())
    assert right + cancelled == readers * rounds
    assert cancelled > 5_000
