"""The front door: one port of the host, behind which pods come and go."""

from tests.stack.door import CALLERS, ask_often
from tests.stack.stages import PODS_MANY, Calm, Killed, Scaled, Stack
from tests.stack.waiting import wait_until

TURNS = 10


def test_it_gives_each_pod_its_turn(stack: Stack, calm: Calm) -> None:
    asked = ask_often(stack.project.url("FRONT_PORT"), TURNS * len(calm.pods))
    assert asked.failed == []
    assert sorted(asked.answered.values()) == [TURNS] * len(calm.pods)


def test_a_pod_that_dies_costs_what_it_was_working_on_at_most(killed: Killed) -> None:
    door = killed.through_the_door
    assert len(door.failed) <= CALLERS, door.failed
    assert len(door.answered) >= len(killed.others)


def test_new_pods_get_their_turn(stack: Stack, scaled: Scaled) -> None:
    url = stack.project.url("FRONT_PORT")
    wait_until(
        f"{PODS_MANY} pods answer", lambda: len(ask_often(url, 2 * PODS_MANY).answered) == PODS_MANY, within_s=60
    )
