"""A pod's event loop in virtual time: what it notices, and when."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from loadtest.sim.cluster.pod_cpu import TURN_S, BusyLoop, PodCpu, sleep_outside
from loadtest.sim.kernel.loop import run_in_steps

SOON_S = 10 * TURN_S
"""Seconds within which things happen in one turn of the pod's loop."""
SHUFFLES = [None, 1, 2, 3]


class Stage:
    """A pod's CPU in a running loop, and what happened when."""

    def __init__(self, loop: BusyLoop) -> None:
        self.loop, self.happened = loop, list[tuple[str, float]]()
        self.late_s: list[float] = []
        self.cpu = PodCpu(loop, service_s=0.01, load_s=0.0, was_late=self.late_s.append)

    def arrives(self, at_s: float, what: str, cost_s: float = 0.0) -> None:
        self.loop.call_at(at_s, lambda: self.cpu.call_noticed(lambda: self.note(what), cost_s))

    def timer(self, at_s: float, what: str) -> asyncio.TimerHandle:
        return self.cpu.run(self.loop.call_at, at_s, lambda: self.note(what))

    def note(self, what: str) -> None:
        self.happened.append((what, self.loop.now_s))

    @property
    def order(self) -> list[str]:
        return [what for what, _ in self.happened]


def play(story: Callable[[Stage], Awaitable[None]], shuffle_seed: int | None = None) -> Stage:
    loop = BusyLoop(60.0, shuffle_seed)
    stages: list[Stage] = []

    async def main() -> None:
        stages.append(Stage(loop))
        await story(stages[0])
        await asyncio.sleep(10)

    for _ in run_in_steps(loop, main()):
        pass
    return stages[0]


def test_an_idle_loop_notices_everything_at_once() -> None:
    async def story(stage: Stage) -> None:
        stage.arrives(1.0, "reply")
        stage.timer(2.0, "timer")

    stage = play(story)
    assert stage.happened == [("reply", 1.0), ("timer", 2.0)]
    assert stage.late_s == []


@pytest.mark.parametrize("shuffle_seed", SHUFFLES)
def test_after_a_long_turn_timers_come_first_though_the_reply_came_long_before(shuffle_seed: int | None) -> None:
    async def story(stage: Stage) -> None:
        stage.arrives(1.0, "blocked", cost_s=0.3)
        stage.arrives(1.0001, "reply")
        stage.timer(1.25, "time-out")

    stage = play(story, shuffle_seed)
    assert stage.order == ["blocked", "time-out", "reply"]
    assert all(at_s == pytest.approx(1.3, abs=SOON_S) for _, at_s in stage.happened)
    assert stage.late_s[0] == pytest.approx(0.2999, abs=SOON_S)


@pytest.mark.parametrize("shuffle_seed", SHUFFLES)
def test_the_next_turn_takes_what_has_arrived_by_its_beginning_and_then_come_its_timers(
    shuffle_seed: int | None,
) -> None:
    async def story(stage: Stage) -> None:
        stage.arrives(1.0, "first turn", cost_s=0.3)
        stage.arrives(1.1, "work", cost_s=0.2)
        stage.arrives(1.2, "reply")
        stage.timer(1.35, "timer")
        stage.arrives(1.4, "for the third turn")

    stage = play(story, shuffle_seed)
    assert stage.order == ["first turn", "work", "reply", "timer", "for the third turn"]
    assert dict(stage.happened)["timer"] == pytest.approx(1.5, abs=SOON_S)


def test_a_timer_that_is_cancelled_while_it_is_late_does_not_fire() -> None:
    async def story(stage: Stage) -> None:
        stage.arrives(1.0, "blocked", cost_s=0.3)
        timer = stage.timer(1.1, "timer")
        stage.loop.call_at(1.2, timer.cancel)

    assert play(story).order == ["blocked"]


def test_what_a_pods_code_begins_is_the_pods_and_the_world_outside_is_on_time() -> None:
    async def story(stage: Stage) -> None:
        async def inside() -> None:
            await asyncio.sleep(0.1)
            stage.note("slept inside")

        async def outside() -> None:
            await sleep_outside(0.1)
            stage.note("the network")

        stage.cpu.take(1.0)
        stage.cpu.run(asyncio.ensure_future, inside())
        stage.cpu.run(asyncio.ensure_future, outside())
        await asyncio.sleep(0.2)
        stage.note("slept elsewhere")

    stage = play(story)
    assert stage.order == ["the network", "slept elsewhere", "slept inside"]
    assert dict(stage.happened)["slept inside"] == pytest.approx(1.0, abs=SOON_S)


def test_a_pod_that_was_stopped_sees_its_timers_when_it_goes_on() -> None:
    async def story(stage: Stage) -> None:
        stage.loop.call_at(1.0, stage.cpu.stop_until, 3.0)
        stage.timer(1.5, "timer")

    assert dict(play(story).happened)["timer"] == pytest.approx(3.0, abs=SOON_S)
