"""The tuner changes TTLs in the running stack, seen in the data soon; without it pods go by their own again."""

from app.prefixes import prefixes_of
from tests.stack.tuned import STRATEGY, Tuned

SEEN_WITHIN_S = 30.0
"""Of a machine that is busy with these tests; on a quiet one it is less than 10 s."""


def test_a_strategy_that_reads_ttls_brings_the_tuner_with_it(tuned: Tuned) -> None:
    assert tuned.load.code == 0, tuned.load.errors
    assert tuned.first.keys() == {*prefixes_of(STRATEGY)}


def test_the_tuner_changes_ttls_seen_in_the_data(tuned: Tuned) -> None:
    assert tuned.seen_after_s <= SEEN_WITHIN_S
    hot = max(tuned.rates, key=lambda prefix: tuned.rates[prefix])
    assert tuned.again[hot] > 2 * tuned.own_s
    assert max(ttl_s for prefix, ttl_s in tuned.again.items() if prefix != hot) < tuned.own_s


def test_without_the_tuner_every_ttl_is_the_runs_own_again(tuned: Tuned) -> None:
    assert {*tuned.without.values()} == {tuned.own_s}


def test_its_board_has_data_for_every_line(tuned: Tuned) -> None:
    assert tuned.empty == []
