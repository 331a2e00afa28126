"""The counts of a pod on their way: bounded, in batches, and nothing on the path of a request."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence

import pytest

from app import budget
from app.cache_pace import CachePace
from app.counts import BATCH_MAX, Addition, Counts
from app.strategy import CacheAway
from app.tasks import Tasks
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

FLUSH_S, KEYS_MAX, WINDOW_S, WRITE_S = 0.1, 700, 10.0, 0.01


class Server:
    """Counters that take `WRITE_S` for each command. Implements `app.counts.Counters`."""

    is_away = False

    def __init__(self) -> None:
        self.sent: list[tuple[float, dict[str, int]]] = []
        self.at_once = self.most_at_once = 0
        self.budgets: set[object] = set()

    async def add_counts(self, additions: Sequence[Addition]) -> None:
        self.at_once += 1
        self.most_at_once = max(self.most_at_once, self.at_once)
        self.budgets.add(budget.current.get())
        await asyncio.sleep(WRITE_S)
        self.at_once -= 1
        if self.is_away:
            raise CacheAway("away")
        now_s = asyncio.get_running_loop().time()
        self.sent.append((now_s, {addition.name: addition.by for addition in additions}))
        assert {addition.keep_ms for addition in additions} == {2_000 * WINDOW_S}

    async def read_counts(self, before: str, current: str) -> tuple[int, int]:
        of = [sum(sent.get(name, 0) for _, sent in self.sent) for name in (before, current)]
        return of[0], of[1]


class Pod:
    def __init__(self) -> None:
        self.server, self.tasks, self.dropped = Server(), Tasks(), 0
        clock = VirtualClock(asyncio.get_running_loop())
        pace = CachePace(count_flush_s=FLUSH_S, counted_keys_max=KEYS_MAX)
        self.counts = Counts(self.server, clock.now_s, self.tasks, pace, self._drop)

    def _drop(self, accesses: int) -> None:
        self.dropped += accesses


def play(story: Callable[[Pod], Awaitable[None]]) -> None:
    async def main() -> None:
        await story(Pod())

    loop.run(main())


def test_a_pod_that_counts_nothing_sends_nothing_and_one_that_does_a_batch_each_flush() -> None:
    async def story(pod: Pod) -> None:
        await asyncio.sleep(10 * FLUSH_S)
        assert not pod.server.sent
        for number in range(1_000):
            pod.counts.count(f"key {number % 5}", WINDOW_S)
            assert len(pod.tasks) == 0
        await asyncio.sleep(10 * FLUSH_S)
        assert len(pod.server.sent) == 1
        assert sorted(pod.server.sent[0][1].values()) == [200] * 5
        assert await pod.counts.counted("key 1", WINDOW_S) == 200
        assert pod.dropped == 0

    play(story)


def test_keys_beyond_the_bound_are_not_counted_and_told() -> None:
    async def story(pod: Pod) -> None:
        for number in range(KEYS_MAX + 50):
            pod.counts.count(f"key {number}", WINDOW_S)
            pod.counts.count("key 0", WINDOW_S)
        assert pod.dropped == 50
        await asyncio.sleep(2 * FLUSH_S)
        assert [len(batch) for _, batch in pod.server.sent] == [BATCH_MAX, BATCH_MAX, KEYS_MAX - 2 * BATCH_MAX]
        assert await pod.counts.counted("key 0", WINDOW_S) == KEYS_MAX + 51
        pod.counts.count(f"key {KEYS_MAX}", WINDOW_S)
        assert pod.dropped == 50, "the next batch has room again"

    play(story)


def test_batches_go_one_after_the_other_however_slow_they_are_and_take_no_requests_budget() -> None:
    async def story(pod: Pod) -> None:
        budget.current.set(budget.Budget(1.0))
        for number in range(600):
            pod.counts.count(f"key {number}", WINDOW_S)
            await asyncio.sleep(FLUSH_S / 50)
        await asyncio.sleep(5 * FLUSH_S)
        assert sum(sum(batch.values()) for _, batch in pod.server.sent) == 600
        assert pod.server.most_at_once == 1
        assert pod.server.budgets == {None}
        assert 8 <= len(pod.server.sent) <= 13

    play(story)


def test_what_cannot_be_sent_is_dropped_and_told_and_makes_no_burst_later() -> None:
    async def story(pod: Pod) -> None:
        pod.server.is_away = True
        for _ in range(40):
            pod.counts.count("key", WINDOW_S)
        await asyncio.sleep(2 * FLUSH_S)
        assert pod.dropped == 40
        pod.server.is_away = False
        pod.counts.count("key", WINDOW_S)
        await asyncio.sleep(2 * FLUSH_S)
        assert await pod.counts.counted("key", WINDOW_S) == 1

    play(story)


def test_a_pod_that_ends_sends_nothing_more() -> None:
    async def story(pod: Pod) -> None:
        pod.counts.count("key", WINDOW_S)
        pod.counts.close()
        pod.counts.count("another", WINDOW_S)
        await asyncio.sleep(5 * FLUSH_S)
        assert not pod.server.sent

    play(story)


def test_a_key_that_is_no_text_is_refused_where_it_is_counted_and_costs_no_other_key_its_count() -> None:
    async def story(pod: Pod) -> None:
        pod.counts.count("a", WINDOW_S)
        with pytest.raises(TypeError, match="must be a str, not 7"):
            pod.counts.count(7, WINDOW_S)  # type: ignore[arg-type]
        await asyncio.sleep(2 * FLUSH_S)
        assert [sum(sent.values()) for _, sent in pod.server.sent] == [1]

    play(story)
