"""A library behind the lab's seam: statuses, reasons of loads, errors, waits and the end, whatever the library does."""

import asyncio
import contextlib
import gc
import logging
from collections.abc import Awaitable, Callable
from typing import Any, ClassVar, TypeVar

import pytest

import app.sealing
from app.contender import Contender, LoadValue, Site, parameter
from app.contender_strategy import CLOSE_S_MAX, ContenderStrategy, strategy_of
from app.strategy import LoadReason, OriginFailed, Status
from loadtest.contract.origin import ITEMS, ORIGIN_S
from loadtest.contract.world import TTL_S, ContractWorld
from loadtest.sim.kernel import loop

T = TypeVar("T")
Story = Callable[[ContractWorld], Awaitable[T]]


class Library(Contender):
    """Cache-aside in memory that all pods share, as they share a Redis."""

    library = "in-memory"
    serves_s: float = parameter(TTL_S, "how long a value is kept, seconds", low=0.001, high=3_600)
    kept: ClassVar[dict[str, tuple[float, bytes]]] = {}
    sites: ClassVar[list[Site]] = []

    def __init__(self, site: Site) -> None:
        super().__init__(site)
        self.sites.append(site)
        self.closed = 0

    async def get(self, key: str, load: LoadValue) -> bytes:
        return self.found(key) or await self.store(key, load)

    def found(self, key: str) -> bytes | None:
        until_s, value = self.kept.get(key, (0.0, b""))
        return value if asyncio.get_running_loop().time() < until_s else None

    async def store(self, key: str, load: LoadValue) -> bytes:
        value = await load()
        self.kept[key] = asyncio.get_running_loop().time() + self.serves_s, value
        return value


class Collapsing(Library):
    """Holds a lock around the load, which is looked for again behind it."""

    locks: ClassVar[dict[str, asyncio.Lock]] = {}

    async def get(self, key: str, load: LoadValue) -> bytes:
        if (value := self.found(key)) is not None:
            return value
        async with self.locks.setdefault(key, asyncio.Lock()):
            return self.found(key) or await self.store(key, load)


@pytest.fixture(autouse=True)
def _forget() -> None:
    Library.kept.clear()
    Library.sites.clear()
    Collapsing.locks.clear()


def played(library: type[Contender], story: Story[T], **world: Any) -> T:
    """Run a story in pods that ask the library; errors that nobody saw are none of its."""

    async def main() -> T:
        stage = ContractWorld(made(library), **world)
        try:
            return await story(stage)
        finally:
            for runner in stage.runners.values():
                await runner.aclose()

    return loop.run(main())


def made(library: type[Contender]) -> type[ContenderStrategy]:
    return strategy_of("mylib", library)


def reasons(world: ContractWorld) -> list[LoadReason]:
    return [load.reason for load in world.origin.loads]


def test_statuses_and_ages_follow_from_what_was_answered() -> None:
    async def story(world: ContractWorld) -> None:
        first = await world.herd(6)
        assert {reply.status for reply in first} == {Status.MISS, Status.COLLAPSED}
        assert [reply.status for reply in first].count(Status.MISS) == len(world.origin.loads) == 1
        await asyncio.sleep(1)
        answer = await world.runners["pod-2"].answer(0)
        assert answer.status is Status.HIT
        assert answer.age_s == pytest.approx(1)
        assert answer.ttl_s == pytest.approx(TTL_S - 1)
        await asyncio.sleep(TTL_S)
        assert {reply.status for reply in await world.herd(6)} == {Status.MISS, Status.COLLAPSED}

    played(Collapsing, story)


def test_a_library_that_serves_past_the_ttl_answers_stale_and_no_wrong_answers() -> None:
    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(2 * TTL_S)
        reply = await world.ask()
        assert (reply.code, reply.status) == (200, Status.STALE)

    played(Library, story, params={"mylib": {"serves_s": 100}})
    stated = made(Library).stated(TTL_S, {})
    assert stated.oldest_s() == float("inf")
    assert stated.oldest_while_well_s() == TTL_S


def test_the_mechanism_has_what_the_documentation_says_that_is_served_stale() -> None:
    class Stale(Library):
        def serves_stale_s(self, ttl_s: float) -> float:
            return self.serves_s - ttl_s

    assert made(Stale).stated(5.0, {"serves_s": 12}).oldest_while_well_s() == 12.0


def test_an_item_that_does_not_exist_is_cached_as_any_value() -> None:
    async def story(world: ContractWorld) -> None:
        assert [(await world.ask(ITEMS)).code for _ in range(3)] == [404] * 3
        assert len(world.origin.loads) == 1

    played(Library, story)


def test_a_site_is_one_pod_s_and_is_made_at_its_first_request() -> None:
    async def story(world: ContractWorld) -> None:
        assert Library.sites == []
        await world.herd(9)
        assert [site.pod for site in Library.sites] == ["pod-0", "pod-1", "pod-2"]
        site = Library.sites[0]
        assert (site.redis_url, site.ttl_s, site.wait_s_max) == ("redis://10.0.0.1:7000/2", TTL_S, 5.0)
        assert all(key.startswith(site.prefix) for key in Library.kept)

    played(Library, story, redis_url="redis://10.0.0.1:7000/2")


@pytest.mark.parametrize(
    ("serves_s", "after_s", "reason"), [(50.0, 2 * TTL_S, LoadReason.REFRESH), (50.0, 1.0, LoadReason.EARLY)]
)
def test_a_load_behind_an_answer_is_a_refresh_of_what_was_answered(
    serves_s: float, after_s: float, reason: LoadReason
) -> None:
    class Background(Library):
        tasks: ClassVar[set[asyncio.Task[bytes]]] = set()

        async def get(self, key: str, load: LoadValue) -> bytes:
            if (value := self.found(key)) is None:
                return await self.store(key, load)
            self.tasks.add(asyncio.create_task(self.store(key, load)))
            return value

    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(after_s)
        await world.ask()
        await asyncio.sleep(1)
        assert reasons(world) == [LoadReason.MISS, reason]

    played(Background, story, params={"mylib": {"serves_s": serves_s}})


class Wraps(Library):
    async def get(self, key: str, load: LoadValue) -> bytes:
        try:
            return await super().get(key, load)
        except Exception as error:
            raise KeyError(key) from error


class Swallows(Library):
    async def get(self, key: str, load: LoadValue) -> bytes:
        try:
            return await super().get(key, load)
        except OriginFailed:
            return None  # type: ignore[return-value]


class Forgets(Library):
    """Raises an error of its own that says nothing of the load's."""

    async def get(self, key: str, load: LoadValue) -> bytes:
        try:
            return await super().get(key, load)
        except OriginFailed:
            pass
        raise KeyError(key)


@pytest.mark.parametrize("library", [Library, Wraps, Swallows, Forgets])
def test_a_failed_load_is_the_origin_s_failure_whatever_the_library_makes_of_it(library: type[Contender]) -> None:
    async def story(world: ContractWorld) -> None:
        world.origin.fail()
        reply = await world.ask()
        assert (reply.code, reply.status) == (503, Status.ERROR)
        assert reply.body["reason"] == "the origin is down"
        world.origin.recover()
        assert (await world.ask()).code == 200

    played(library, story)


def test_who_waits_for_a_load_that_fails_is_told_so_though_the_library_has_other_words() -> None:
    class Shares(Library):
        running: ClassVar[dict[str, asyncio.Task[bytes]]] = {}

        async def get(self, key: str, load: LoadValue) -> bytes:
            if key not in self.running:
                self.running[key] = asyncio.create_task(self.store(key, load))
            await asyncio.wait([self.running[key]])
            if (value := self.found(key)) is None:
                raise KeyError(key)
            return value

    async def story(world: ContractWorld) -> None:
        world.origin.fail()
        replies = await world.herd(5)
        assert {(reply.code, reply.body["reason"]) for reply in replies} == {(503, "the origin is down")}
        await asyncio.sleep(1)
        assert (await world.ask()).code == 500  # which no load's failure explains

    played(Shares, story, pods=1)


def test_an_item_beyond_the_bound_of_what_is_cached_is_the_origin_s_failure(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(app.sealing, "BODY_BYTES_MAX", 10)

    async def story(world: ContractWorld) -> None:
        reply = await world.ask()
        assert reply.code == 503
        assert "of at most 10" in reply.body["reason"]
        assert not world.events["values corrupt"]

    played(Library, story)


class Raises(Library):
    async def get(self, key: str, load: LoadValue) -> bytes:
        raise ConnectionResetError("104, its words")


class Garbage(Library):
    async def get(self, key: str, load: LoadValue) -> bytes:
        return b"\x80\x04" + await load()


class Nothing(Library):
    async def get(self, key: str, load: LoadValue) -> bytes:
        return None  # type: ignore[return-value]


class CannotBegin(Library):
    def __init__(self, site: Site) -> None:
        raise ValueError(f"no option in {site.redis_url}, nor is hunter2 one")


class CancelsOthers(Library):
    async def get(self, key: str, load: LoadValue) -> bytes:
        raise asyncio.CancelledError


@pytest.mark.parametrize(
    ("library", "words", "corrupt"),
    [
        (Raises, "in-memory raised ConnectionResetError('104, its words')", 0),
        (Garbage, "in-memory answered wrong version or checksum", 5),
        (Nothing, "in-memory answered NoneType, not bytes", 5),
        (
            CannotBegin,
            "in-memory raised ValueError('no option in redis://***@127.0.0.1:6379/0, nor is *** one')",
            0,
        ),
        (CancelsOthers, "in-memory raised CancelledError()", 0),
    ],
)
def test_a_library_s_own_error_is_an_answer_500_that_is_logged_sparingly(
    library: type[Contender], words: str, corrupt: int, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(world: ContractWorld) -> None:
        for _ in range(5):
            reply = await world.ask()
            assert (reply.code, reply.status, reply.body["reason"]) == (500, Status.ERROR, words)
        assert world.events["values corrupt"] == corrupt

    with caplog.at_level(logging.WARNING):
        played(library, story, redis_url="redis://user:hunter2@127.0.0.1:6379/0")
    own = [record.message for record in caplog.records if record.name == "app.contender_strategy"]
    assert own == [words.replace("in-memory", "mylib")]


def test_another_key_s_value_is_answered_as_it_is_for_the_answer_check_to_see() -> None:
    class Mixes(Library):
        async def get(self, key: str, load: LoadValue) -> bytes:
            return await super().get("the only key", load)

    async def story(world: ContractWorld) -> None:
        await world.ask(1)
        assert (await world.ask(2)).body["id"] == 1

    played(Mixes, story)


@pytest.mark.parametrize("swallows", [0, 2])
def test_a_wait_without_end_ends_at_the_bound_and_the_loads_of_one_s_own_do_not_count(swallows: int) -> None:
    class Hangs(Library):
        async def get(self, key: str, load: LoadValue) -> bytes:
            await load()
            for _ in range(swallows):
                with contextlib.suppress(asyncio.CancelledError):
                    await asyncio.Event().wait()
            await asyncio.Event().wait()
            raise AssertionError

    async def story(world: ContractWorld) -> None:
        reply = await world.ask()
        assert (reply.code, reply.status) == (503, Status.SHED)
        assert "wait_ms_max" in reply.body["reason"]
        assert reply.took_s == pytest.approx(ORIGIN_S + 2 * (1 + swallows), abs=0.01)
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    played(Hangs, story, wait_ms_max=2_000)


@pytest.mark.parametrize("wait_ms_max", [ORIGIN_S * 500, ORIGIN_S * 1_500])
def test_who_waits_for_another_is_cut_off_at_the_bound_and_the_loader_is_not(wait_ms_max: float) -> None:
    async def story(world: ContractWorld) -> None:
        replies = await world.herd(5)
        late = wait_ms_max < ORIGIN_S * 1_000
        assert sorted(reply.code for reply in replies) == [200] + [503 if late else 200] * 4
        task = asyncio.current_task()
        assert task is not None
        assert not task.cancelling()

    played(Collapsing, story, wait_ms_max=wait_ms_max)


def test_a_caller_that_is_cancelled_is_cancelled_in_the_library() -> None:
    seen: list[type[BaseException]] = []

    class Watches(Library):
        async def get(self, key: str, load: LoadValue) -> bytes:
            try:
                return await super().get(key, load)
            except BaseException as error:
                seen.append(type(error))
                raise

    async def story(world: ContractWorld) -> None:
        caller = asyncio.create_task(world.ask())
        await asyncio.sleep(ORIGIN_S / 2)
        caller.cancel()
        with pytest.raises(asyncio.CancelledError):
            await caller

    played(Watches, story)
    assert seen == [asyncio.CancelledError]


def test_every_contender_that_was_asked_is_closed_and_one_that_hangs_in_it_is_left(
    caplog: pytest.LogCaptureFixture,
) -> None:
    class HangsAtTheEnd(Library):
        async def aclose(self) -> None:
            await asyncio.Event().wait()

    async def story(world: ContractWorld) -> None:
        await world.ask()
        began_s = world.clock.now_s()
        for runner in world.runners.values():
            await runner.aclose()
        assert world.clock.now_s() - began_s == pytest.approx(CLOSE_S_MAX)

    played(HangsAtTheEnd, story)
    assert "could not be closed" in caplog.text


def test_tasks_that_a_library_leaves_behind_load_nothing_for_nobody() -> None:
    """A background load that begins when its pod has gone is refused by the origin, as every load is."""

    class LeavesTasks(Library):
        async def get(self, key: str, load: LoadValue) -> bytes:
            self.left = asyncio.create_task(self.later(key, load))
            return await super().get(key, load)

        async def later(self, key: str, load: LoadValue) -> bytes:
            await asyncio.sleep(30)
            return await self.store(key, load)

    async def story(world: ContractWorld) -> None:
        await world.ask()
        await asyncio.sleep(40)
        assert reasons(world) == [LoadReason.MISS, LoadReason.EARLY]

    played(LeavesTasks, story)
    gc.collect()
