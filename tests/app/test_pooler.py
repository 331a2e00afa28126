"""The pooler and its clients, both as they are, over a simulated network: order, bounds, and nothing that leaks."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from contextlib import suppress
from itertools import pairwise
from random import Random

import pytest

from app.latency import Latency
from app.pooler import CLAIMS_MAX, Member, Pooler
from app.pooler_client import PoolerClient
from loadtest.sim.cluster.pooler import VirtualPooler
from loadtest.sim.kernel import loop

SIZE = 3
Story = Callable[[VirtualPooler, Callable[[], PoolerClient]], Awaitable[None]]


def play(story: Story, network: str = "uniform(0.1, 2)", seed: int = 1, shuffle_seed: int | None = None) -> None:
    async def told() -> None:
        pooler = VirtualPooler(asyncio.get_running_loop(), Latency.parse(network), seed)
        clients: list[PoolerClient] = []

        def new_client() -> PoolerClient:
            clients.append(PoolerClient("any", SIZE, pooler.connect))
            return clients[-1]

        await story(pooler, new_client)
        await asyncio.sleep(1)
        assert pooler.left() == []
        for client in clients:
            await client.aclose()
        await asyncio.sleep(1)
        assert pooler.pooler.members == {}
        assert pooler.pooler.pools == {}

    loop.run(told(), shuffle_seed=shuffle_seed)


def test_permits_of_all_pods_are_given_out_in_order_of_asking() -> None:
    async def story(pooler: VirtualPooler, new_client: Callable[[], PoolerClient]) -> None:
        pods = [new_client() for _ in range(4)]
        order: list[int] = []

        async def read(number: int) -> None:
            await asyncio.sleep(0.02 * number)  # further apart than the network scatters
            pod = pods[(number * 7) % 4 if number % 5 else 0]
            permit = await pod.acquire()
            order.append(number)
            await asyncio.sleep(0.9)
            pod.release(permit.number)

        await asyncio.gather(*map(read, range(60)))
        assert order == list(range(60))

    play(story)


def test_a_pod_that_asks_for_much_waits_behind_one_that_asked_before_and_not_behind_its_own() -> None:
    """Every permit goes to whoever asked first: a pod's part of them is its part of the asking."""

    async def story(pooler: VirtualPooler, new_client: Callable[[], PoolerClient]) -> None:
        greedy, modest = new_client(), new_client()
        got: Counter[str] = Counter()
        most_behind = 0

        async def read(pod: PoolerClient, name: str) -> None:
            permit = await pod.acquire()
            got[name] += 1
            await asyncio.sleep(0.1)
            pod.release(permit.number)

        greed = [asyncio.create_task(read(greedy, "greedy")) for _ in range(90)]
        await asyncio.sleep(0.05)
        modesty = asyncio.create_task(read(modest, "modest"))
        await modesty
        most_behind = got["greedy"]
        assert 88 <= most_behind <= 93  # all that were there before it, and no round more
        later = [asyncio.create_task(read(greedy, "later")) for _ in range(9)]
        await asyncio.gather(*greed, *later)

    play(story, "fixed(0.2)")


def test_what_a_killed_pod_held_is_free_at_once() -> None:
    async def story(pooler: VirtualPooler, new_client: Callable[[], PoolerClient]) -> None:
        dead, living = new_client(), new_client()
        for _ in range(SIZE):
            await dead.acquire()
        waits = [asyncio.create_task(living.acquire()) for _ in range(SIZE)]
        doomed = [asyncio.create_task(dead.acquire()) for _ in range(5)]
        await asyncio.sleep(1)
        assert not any(wait.done() for wait in waits)
        for task in doomed:
            task.cancel()
        await dead.aclose()
        await asyncio.sleep(0.01)
        assert all(wait.done() for wait in waits)
        for wait in waits:
            living.release(wait.result().number)

    play(story)


def test_a_pooler_that_was_restarted_hears_who_holds_and_who_waits() -> None:
    async def story(pooler: VirtualPooler, new_client: Callable[[], PoolerClient]) -> None:
        one, other = new_client(), new_client()
        held = [await one.acquire() for _ in range(SIZE)]
        waits = [asyncio.create_task(other.acquire()) for _ in range(4)]
        await asyncio.sleep(1)
        pooler.go_away()
        await asyncio.sleep(2)
        assert one.why_away
        one.release(held.pop().number)  # while nobody hears it
        pooler.come_back()
        await asyncio.sleep(1)
        assert not one.why_away
        assert [wait.done() for wait in waits] == [True, False, False, False], "what was given back, and no more"
        for permit in held:
            one.release(permit.number)
        for wait in waits:
            other.release((await wait).number)

    play(story)


@pytest.mark.parametrize("seed", range(2))
def test_nothing_leaks_over_thousands_of_cancellations_kills_and_restarts(seed: int) -> None:
    rng = Random(seed)
    holding = most = served = 0

    async def story(pooler: VirtualPooler, new_client: Callable[[], PoolerClient]) -> None:
        pods = [new_client() for _ in range(4)]

        async def read(pod: PoolerClient, patience_s: float, long_s: float) -> None:
            nonlocal holding, most, served
            with suppress(TimeoutError):
                async with asyncio.timeout(patience_s):
                    permit = await pod.acquire()
                holding, served = holding + 1, served + 1
                most = max(most, holding)
                try:
                    await asyncio.sleep(long_s)
                finally:
                    holding -= 1
                    pod.release(permit.number)

        reads: dict[asyncio.Task[None], PoolerClient] = {}
        for number in range(4_000):
            pod = rng.choice(pods)
            reads[asyncio.create_task(read(pod, rng.expovariate(20), rng.expovariate(100)))] = pod
            await asyncio.sleep(rng.expovariate(250))
            if number % 10 == 0 and (task := rng.choice(list(reads))):
                task.cancel()
            if number % 400 == 399:
                killed = rng.randrange(4)
                for task, whose in reads.items():
                    if whose is pods[killed]:
                        task.cancel()
                await asyncio.sleep(0)
                await pods[killed].aclose()
                pods[killed] = new_client()
        await asyncio.gather(*reads, return_exceptions=True)

    play(story, seed=seed, shuffle_seed=seed)
    assert served > 1_000
    assert most == SIZE


@pytest.mark.parametrize("seed", range(2))
def test_a_pooler_that_comes_and_goes_leaves_nobody_waiting_and_nothing_held(seed: int) -> None:
    rng = Random(seed)

    async def story(pooler: VirtualPooler, new_client: Callable[[], PoolerClient]) -> None:
        pods = [new_client() for _ in range(3)]

        async def read(number: int) -> None:
            await asyncio.sleep(rng.uniform(0, 20))
            pod = pods[number % 3]
            permit = await pod.acquire()
            await asyncio.sleep(rng.expovariate(100))
            pod.release(permit.number)

        async def break_it() -> None:
            for _ in range(10):
                await asyncio.sleep(rng.uniform(0.5, 2))
                pooler.go_away()
                await asyncio.sleep(rng.uniform(0, 1))
                pooler.come_back()

        await asyncio.gather(break_it(), *map(read, range(2_000)))

    play(story, seed=seed, shuffle_seed=seed)


class Wire(asyncio.Transport):
    """Keeps what is written."""

    def __init__(self) -> None:
        super().__init__()
        self.said: list[bytes] = []
        self.is_cut = False

    def write(self, data: object) -> None:
        assert isinstance(data, bytes)
        self.said.append(data)

    def abort(self) -> None:
        self.is_cut = True


def _member(pooler: Pooler, *said: bytes) -> Wire:
    member, wire = Member(pooler), Wire()
    member.connection_made(wire)
    for data in said:
        member.data_received(data)
    return wire


@pytest.mark.parametrize(
    "said",
    [
        b"take 1\n",
        b"join any 0\n",
        b"join any 100001\n",
        b"join any\n",
        b"join any 5\njoin any 5\n",
        b"join any 5\ntake 1\ntake 1\n",
        b"join any 5\ntake one\n",
        b"join any 5\nsteal 1\n",
        b"\xff\n",
        b"\n",
        b"x" * 300,
        b"join any 5\n" + b"".join(b"take %d\n" % number for number in range(CLAIMS_MAX + 1)),
    ],
)
def test_who_makes_no_sense_to_the_pooler_is_cut_off(said: bytes) -> None:
    assert _member(Pooler(), said).is_cut


def test_words_may_come_in_pieces_and_the_newest_word_on_the_size_counts() -> None:
    pooler = Pooler()
    older = _member(pooler, b"join any 1\nta", b"ke 7\ntake 8\n")
    assert older.said == [b"grant 7 1\n"]
    newer = _member(pooler, b"join any 3\ntake 1\n")
    assert (older.said, newer.said) == ([b"grant 7 1\n", b"grant 8 2\n"], [b"grant 1 3\n"]), "and how many are held"
    assert _member(pooler, b"join any 2\ntake 1\n").said == []
    assert _member(pooler, b"join other 1\ntake 1\n").said == [b"grant 1 1\n"], "each strategy has a pool of its own"


def test_orders_of_one_moment_are_those_of_the_pairs_that_asked() -> None:
    """FIFO under ties: what one connection says in one breath stays in its order."""
    pooler = Pooler()
    wire = _member(pooler, b"join any 1\n" + b"".join(b"take %d\n" % number for number in range(5)))
    member = next(iter(pooler.members))
    for number in range(5):
        member.data_received(b"give %d\n" % number)
    granted = [int(said.split()[1]) for said in wire.said]
    assert all(before < after for before, after in pairwise(granted))
    assert len(granted) == 5
