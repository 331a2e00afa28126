"""The settings that a pod follows: looked up when they are used, and known while Redis is away."""

import asyncio
from collections.abc import Awaitable, Callable

from app.prefix_settings import PrefixSetting, PrefixSettings, settings_in
from app.strategy import CacheAway
from app.tasks import Tasks
from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualClock

POLL_S, LOOK_S = 1.0, 0.01
KEY = "lab:any:7"


class Pod:
    """A pod's settings, over a table that takes `LOOK_S` to be read."""

    def __init__(self) -> None:
        clock = VirtualClock(asyncio.get_running_loop())
        self.table: list[PrefixSetting] = []
        self.looks, self.is_away = 0, False
        self.tasks = Tasks()
        self.settings = PrefixSettings(self._look, clock.now_s, clock.monotonic_s, self.tasks, POLL_S)

    async def _look(self) -> list[PrefixSetting]:
        self.looks += 1
        table = [*self.table]
        await asyncio.sleep(LOOK_S)
        if self.is_away:
            raise CacheAway("away")
        return table

    def set(self, value: float, until_s: float = 1e9, prefix: str = "lab:any:") -> None:
        self.table = [one for one in self.table if one.prefix != prefix]
        self.table.append(PrefixSetting(prefix, "ttl_s", value, until_s))

    def get(self) -> float | None:
        return self.settings.get(KEY, "ttl_s")


def play(story: Callable[[Pod], Awaitable[None]]) -> None:
    async def main() -> None:
        pod = Pod()
        await story(pod)
        await asyncio.sleep(1)
        assert len(pod.tasks) == 0

    loop.run(main())


def test_a_pod_that_uses_no_setting_looks_nothing_up() -> None:
    async def story(pod: Pod) -> None:
        pod.settings.changed()
        await asyncio.sleep(5 * POLL_S)
        assert pod.looks == 0

    play(story)


def test_one_that_uses_them_often_looks_once_a_poll_and_follows_without_a_notification() -> None:
    async def story(pod: Pod) -> None:
        pod.set(1.0)
        assert pod.get() is None
        await asyncio.sleep(2 * LOOK_S)
        assert pod.get() == 1.0
        pod.set(2.0)
        for _ in range(1_000):
            await asyncio.sleep(5 * POLL_S / 1_000)
            pod.get()
        assert pod.get() == 2.0
        assert 5 <= pod.looks <= 6

    play(story)


def test_a_change_in_the_middle_of_a_look_is_not_missed() -> None:
    async def story(pod: Pod) -> None:
        pod.get()
        await asyncio.sleep(LOOK_S / 2)
        pod.set(1.0)
        pod.settings.changed()
        pod.settings.changed()
        await asyncio.sleep(2 * LOOK_S)
        assert pod.get() == 1.0
        assert pod.looks == 2

    play(story)


def test_while_redis_is_away_the_last_known_value_stands_until_its_own_end() -> None:
    async def story(pod: Pod) -> None:
        pod.set(1.0, prefix="")
        pod.set(2.0, until_s=5.0)
        pod.get()
        await asyncio.sleep(2 * LOOK_S)
        pod.is_away = True
        while (now_s := asyncio.get_running_loop().time()) < 20:
            assert pod.get() == (2.0 if now_s < 5.0 else 1.0)
            await asyncio.sleep(0.1)
        pod.is_away, pod.table = False, []
        await asyncio.sleep(POLL_S)
        pod.get()
        await asyncio.sleep(2 * LOOK_S)
        assert pod.get() is None, "it is looked up again"

    play(story)


def test_what_is_no_setting_of_the_labs_is_left_out() -> None:
    fields = [
        (b"ttl_s lab:any:", b"1.5 2000"),
        (b"ttl_s", b"1.5"),
        (b"ttl_s lab:", b"much 2000"),
        (b"TTL lab:", b"1.5 2000"),
        (b"\xff lab:", b"1.5 2000"),
        (b"ttl_s lab:", b"nan 2000"),
        (b"ttl_s a b", b"1.5 2000"),
    ]
    assert settings_in(fields) == [PrefixSetting("lab:any:", "ttl_s", 1.5, 2.0)]
