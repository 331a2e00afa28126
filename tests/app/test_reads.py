import asyncio
from collections.abc import Callable
from random import Random

import pytest
from hiredis import Reader

from app.commands import Command, ConnectionGone, Malformed, ServerRefused
from app.reads import ReadBatcher
from app.strategy import CacheAway
from loadtest.sim.kernel import loop

FETCH_S = 0.001
PATIENCE_S = 1.0


class Store:
    """Sends each batch to a store that has a value for each key, and keeps the batches that it was asked for."""

    def __init__(self) -> None:
        self.look_after: Callable[[float], None] = lambda now_s: None
        self.batches: list[list[str]] = []
        self.at_once = 0
        self.at_once_max = 0
        self.failure: CacheAway | None = None
        self.short_by = 0

    def send(self, command: Command) -> None:
        if not (packed := command.pack()):
            return  # every reader has gone
        request = Reader()
        request.feed(packed)
        _, *keys = request.gets()
        self.batches.append([key.decode() for key in keys])
        self.at_once += 1
        self.at_once_max = max(self.at_once_max, self.at_once)
        asyncio.get_running_loop().call_later(FETCH_S, self._answer, command, self.batches[-1])

    def _answer(self, command: Command, keys: list[str]) -> None:
        self.at_once -= 1
        if self.failure is not None:
            command.fail(self.failure)
            return
        try:
            command.answer([value_of(key) for key in keys][self.short_by :])
        except Malformed as why:
            command.fail(CacheAway(str(why)))


def value_of(key: str) -> bytes | None:
    return None if key.endswith("9") else f"value of {key}".encode()


class Batcher:
    """A batcher over a store, whose reads all have the same patience."""

    def __init__(self, store: Store, batch_max: int = 256, in_flight_max: int = 2, waiting_max: int = 10_000) -> None:
        self._reads = ReadBatcher(store, batch_max, in_flight_max, waiting_max)

    def read(self, key: str) -> asyncio.Future[bytes | None]:
        return self._reads.read(key, asyncio.get_running_loop().time() + PATIENCE_S)


def test_a_read_alone_is_sent_at_once_and_those_meanwhile_are_one_batch_and_each_gets_its_own_value() -> None:
    async def main() -> None:
        store = Store()
        reads = Batcher(store)
        keys = [f"key {number}" for number in range(100)]
        assert await asyncio.gather(*map(reads.read, keys)) == [value_of(key) for key in keys]
        assert store.batches == [keys[:1], keys[1:]]
        await reads.read("later")
        assert store.batches[2:] == [["later"]]

    loop.run(main())


def test_the_same_key_twice_is_answered_twice() -> None:
    async def main() -> None:
        reads = Batcher(Store())
        answers = await asyncio.gather(*map(reads.read, "aba"))
        assert answers == [value_of(key) for key in "aba"]

    loop.run(main())


def test_a_batch_has_at_most_batch_max_keys_and_only_so_many_are_in_flight() -> None:
    async def main() -> None:
        store = Store()
        reads = Batcher(store, batch_max=10, in_flight_max=3)
        keys = [f"key {number}" for number in range(95)]
        assert await asyncio.gather(*map(reads.read, keys)) == [value_of(key) for key in keys]
        assert [len(batch) for batch in store.batches] == [1] + [10] * 9 + [4]
        assert store.at_once_max == 3
        assert asyncio.get_running_loop().time() == pytest.approx(4 * FETCH_S)

    loop.run(main())


def test_one_read_too_many_is_turned_away_and_the_others_are_not() -> None:
    async def main() -> None:
        reads = Batcher(Store(), waiting_max=3)
        readers = [reads.read(f"key {number}") for number in range(1 + 3)]
        with pytest.raises(CacheAway, match="reads_waiting_max"):
            reads.read("one more")
        assert len(await asyncio.gather(*readers)) == 4
        assert await reads.read("again") == b"value of again"

    loop.run(main())


@pytest.mark.parametrize("when", ["before it is sent", "on its way"])
def test_a_reader_that_goes_away_costs_the_others_nothing(when: str) -> None:
    async def main() -> None:
        reads = Batcher(Store())
        readers = [reads.read(f"key {number}") for number in range(9)]
        if when == "on its way":
            await asyncio.sleep(1.5 * FETCH_S)
        readers[4].cancel()
        answers = await asyncio.gather(*readers, return_exceptions=True)
        assert isinstance(answers.pop(4), asyncio.CancelledError)
        assert answers == [value_of(f"key {number}") for number in range(9) if number != 4]

    loop.run(main())


@pytest.mark.parametrize("failure", [CacheAway("gone"), ServerRefused("BUSY")], ids=repr)
def test_a_failure_reaches_every_reader_of_the_batch_and_ends_with_it(failure: CacheAway) -> None:
    async def main() -> None:
        store = Store()
        reads = Batcher(store, batch_max=5, in_flight_max=1)
        store.failure = failure
        readers = [reads.read(f"key {number}") for number in range(8)]
        asyncio.get_running_loop().call_later(2.5 * FETCH_S, setattr, store, "failure", None)
        answers = await asyncio.gather(*readers, return_exceptions=True)
        assert [type(answer) for answer in answers] == [type(failure)] * 6 + [bytes] * 2

    loop.run(main())


def test_a_lost_connection_fails_what_waits_for_it_too() -> None:
    async def main() -> None:
        store = Store()
        reads = Batcher(store)
        store.failure = ConnectionGone("reset")
        answers = await asyncio.gather(*map(reads.read, "abc"), return_exceptions=True)
        assert [type(answer) for answer in answers] == [ConnectionGone] * 3
        assert store.batches == [["a"]]
        store.failure = None
        assert await reads.read("again") == b"value of again"

    loop.run(main())


def test_a_reader_whose_time_is_over_goes_on_whether_its_read_was_sent_or_waits() -> None:
    async def main() -> None:
        store = Store()
        reads = Batcher(store)
        readers = [reads.read(key) for key in "abc"]
        store.look_after(PATIENCE_S)
        assert [type(error) for error in await asyncio.gather(*readers[1:], return_exceptions=True)] == [CacheAway] * 2
        assert await readers[0] == b"value of a"  # the pipe gives up what it has sent
        assert store.batches == [["a"]]

    loop.run(main())


def test_a_reply_of_the_wrong_length_fails_everybody_rather_than_leave_one_waiting() -> None:
    async def main() -> None:
        store = Store()
        store.short_by = 1
        reads = Batcher(store)
        async with asyncio.timeout(1):
            answers = await asyncio.gather(*map(reads.read, "abc"), return_exceptions=True)
        assert [type(answer) for answer in answers] == [CacheAway] * 3

    loop.run(main())


def test_a_hundred_thousand_reads_with_random_cancellations_give_no_wrong_value() -> None:
    seed, readers, rounds = 1, 250, 400
    cancelled = right = 0

    async def reads_on(number: int, reads: Batcher) -> None:
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
        reads = Batcher(Store(), batch_max=64, in_flight_max=2)
        async with asyncio.TaskGroup() as group:
            for number in range(readers):
                group.create_task(reads_on(number, reads))

    loop.run(main())
    assert right + cancelled == readers * rounds
    assert cancelled > 5_000


def test_any_number_of_reads_that_are_turned_away_fail_and_none_within_another() -> None:
    """A pipe that is full or being closed turns each batch away at once."""

    class Full(Store):
        is_full = False

        def send(self, command: Command) -> None:
            if self.is_full:
                command.fail(CacheAway("full"))
            else:
                super().send(command)

    async def main() -> None:
        store = Full()
        batcher = Batcher(store, batch_max=1, in_flight_max=1)
        reads = [batcher.read(f"key{number}") for number in range(2_000)]
        store.is_full = True
        answers = await asyncio.gather(*reads, return_exceptions=True)
        assert [type(answer) for answer in answers] == [bytes, *[CacheAway] * 1_999]
        store.is_full = False
        assert await batcher.read("key1") == b"value of key1"

    loop.run(main())
