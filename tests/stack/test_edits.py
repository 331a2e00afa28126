"""`make dev`: an edit is in all pods, or in none, and then it is said why."""

import re

import pytest

from tests.stack.edits import BROKEN, CRASHING, EDITS, HANGING, Edit, Edited

GOOD = [number for number in range(1, EDITS + 1) if number not in {BROKEN, HANGING}]


def _one(edited: Edited, number: int) -> Edit:
    return edited.edits[number - 1]


@pytest.mark.parametrize("number", GOOD)
def test_after_a_good_edit_three_of_three_pods_run_it(edited: Edited, number: int) -> None:
    edit = _one(edited, number)
    assert [pod.is_healthy for pod in edit.pods] == [True] * 3
    assert {pod.code for pod in edit.pods} == {edit.code}
    assert re.fullmatch(rf"edit {number}: 3 of 3 pods run it \(code {edit.code}\), \d+ s", edit.said[-1])


@pytest.mark.parametrize("number", [1, 2, 5, 9, 10])
def test_what_was_written_is_what_they_say(edited: Edited, number: int) -> None:
    for pod in _one(edited, number).pods:
        assert str(pod.strategies["swr"]["doc"]).startswith(f"Edit {number}. ")


@pytest.mark.parametrize("number", [BROKEN, HANGING])
def test_after_a_bad_edit_the_old_pods_go_on(edited: Edited, number: int) -> None:
    before, after = _one(edited, number - 1), _one(edited, number)
    assert after.pods == before.pods
    assert after.said[-1] == f"edit {number}: the pods are as they were: 3 of 3"


def test_where_new_pods_crash_the_old_ones_come_back(edited: Edited) -> None:
    before, after = _one(edited, EDITS), _one(edited, CRASHING)
    assert [(pod.is_healthy, pod.code) for pod in after.pods] == [(True, before.code)] * 3
    assert re.fullmatch(rf"edit {CRASHING}: app-\d ends as it begins; its last words:", after.said[1])
    assert after.said[-1] == f"edit {CRASHING}: the old ones are back: 3 of 3"


def test_a_broken_edit_is_told_with_its_file_its_line_and_why(edited: Edited) -> None:
    told = _one(edited, BROKEN).said[1]
    assert re.fullmatch(rf"edit {BROKEN}: app/cache\.py, line \d+: SyntaxError: '\(' was never closed", told)


def test_a_hang_is_told_with_its_file_and_its_line(edited: Edited) -> None:
    told = _one(edited, HANGING).said[1]
    assert told == f"edit {HANGING}: app/cache.py, line 3: not imported after 8 s: it hangs"


def test_a_file_of_ones_own_has_a_route_until_it_is_deleted(edited: Edited) -> None:
    has = {number: {pod.status_of_mine for pod in _one(edited, number).pods} for number in (2, 3, 5, 6)}
    assert has == {2: {404}, 3: {200}, 5: {200}, 6: {404}}
    assert all("mine" in pod.strategies for pod in _one(edited, 3).pods)


def test_the_end_of_the_watching_leaves_the_stack_up_and_nothing_else(edited: Edited) -> None:
    assert edited.exit_code == 0
    assert edited.last_said == "Watching has ended. The stack stays up: make down stops it."
    assert edited.containers_after == ["app-1", "app-2", "app-3", "redis-1"]


def test_no_old_build_is_left(edited: Edited) -> None:
    assert len(edited.images) == 1
