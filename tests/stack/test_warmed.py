"""`lab warm` fills the running stack's cache, and pods behind Docker's DNS ask each other for their keys."""

from tests.stack.warmed import ROUTED_IDS, Warmed


def test_what_was_warmed_answers_at_once(warmed: Warmed) -> None:
    assert warmed.said.code == 0, warmed.said.errors
    assert [status.split("; ")[1] for status in warmed.answers] == ["hit", "hit"]


def test_keys_are_loaded_by_the_pods_that_they_belong_to(warmed: Warmed) -> None:
    assert {*warmed.routed} <= {200, 404}
    assert len(warmed.routed) == len(ROUTED_IDS)
    assert warmed.hops["answered"] > 0
    assert sum(warmed.hops.values()) == warmed.hops["answered"], "no pod was away, and no load failed"
