"""A library runs in the stack beside the lab's own strategies, counted as they are, and is in no image without need."""

from tests.stack.contended import CONTENDER, EXPIRIES, OWN, Contended

READS_PER_EXPIRY_MAX = 4
"""Of two keys with a lock: one for each, and twice that for a lock that was late."""


def test_a_contender_that_is_asked_for_brings_its_library_into_the_pods(contended: Contended) -> None:
    assert contended.load.code == 0, contended.load.errors
    assert contended.served[CONTENDER]["library"].startswith("cashews ")
    assert contended.kinds.keys() >= {CONTENDER}
    assert OWN not in contended.kinds


def test_its_requests_and_loads_are_counted_as_those_of_the_lab_s_own(contended: Contended) -> None:
    asked, reads = contended.requests, contended.reads
    assert 0.8 < asked[CONTENDER] / asked[OWN] < 1.25, asked
    for name in (OWN, CONTENDER):
        assert 1 <= reads[name] <= READS_PER_EXPIRY_MAX * (EXPIRIES + 1), reads
    assert contended.wrong == 0


def test_its_row_of_the_board_has_data(contended: Contended) -> None:
    assert contended.row
    assert contended.empty == []


def test_where_it_is_not_asked_any_more_the_pods_serve_it_no_more(contended: Contended) -> None:
    assert contended.without.code == 0, contended.without.errors
    assert contended.served_without == {}
