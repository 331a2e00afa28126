"""Nothing of a stack outlives it."""

import pytest

from tests.stack.stages import Gone


@pytest.mark.parametrize("kind", ["containers", "networks", "volumes", "images"])
def test_none_is_left_in_docker(gone: Gone, kind: str) -> None:
    assert gone.left[kind] == ""


def test_no_nameless_volume_is_left(gone: Gone) -> None:
    assert gone.volumes == set()


def test_no_process_is_left(gone: Gone) -> None:
    assert gone.processes == []


def test_nobody_listens_any_more(gone: Gone) -> None:
    assert gone.listening == []
