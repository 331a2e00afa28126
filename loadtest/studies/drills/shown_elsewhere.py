"""Faults that no load shows better than a test: what must hold, and the tests that hold it."""

from typing import NamedTuple


class ShownElsewhere(NamedTuple):
    """A fault of the list that has no drill."""

    number: int
    fault: str
    must_hold: str
    tests: tuple[str, ...]
    """The tests, as pytest names them, from the root of the repository; none where nothing shows it."""
    why: str


_NO_LOAD = "it is about one command or request, and a load would not show it"
SHOWN_ELSEWHERE = (
    ShownElsewhere(
        3,
        "Redis slices its replies, or cuts them off",
        "no reply goes to another caller",
        ("tests/app/test_pipe.py::test_callers_that_go_away_leave_no_reply_behind_for_the_next_however_it_is_sliced",),
        _NO_LOAD,
    ),
    ShownElsewhere(
        6,
        "A connection pool is too small",
        "clients at most pods * pool; 200 or 503, and nobody is stuck",
        (
            "tests/app/test_pipe.py::test_commands_are_answered_in_their_order_on_one_connection",
            "tests/app/test_origin.py::test_one_reader_more_than_may_wait_is_shed",
        ),
        "a pod has one pipelined connection to Redis, and the origin's pool is what `flushed` makes scarce",
    ),
    ShownElsewhere(
        13,
        "An entry of the cache is corrupt",
        "no 5xx; counted, and loaded anew",
        (
            "tests/app/test_cache_outage.py::test_a_corrupt_entry_is_counted_and_loaded_anew",
            "tests/app/test_codec.py::test_every_truncation_is_corrupt",
            "tests/app/test_codec.py::test_a_giant_is_corrupt_before_it_is_looked_at",
        ),
        _NO_LOAD,
    ),
    ShownElsewhere(
        16,
        "A client leaves during a read of the cache",
        "0 wrong values in 100,000 reads",
        ("tests/app/test_reads.py::test_a_hundred_thousand_reads_with_random_cancellations_give_no_wrong_value",),
        "`clients-leave` shows it under load, in fewer reads",
    ),
    ShownElsewhere(
        17,
        "A leader raises, or is cancelled",
        "followers get a new leader or the error once; nobody hangs",
        (
            "tests/app/test_flights_under_faults.py::test_a_failed_load_reaches_its_readers_once_and_leaves_nothing_behind",
            "tests/app/test_flights_under_faults.py::test_when_the_leaders_load_fails_the_next_pod_leads_at_once",
            "tests/app/strategies/test_singleflight.py::test_a_leader_that_goes_away_costs_its_followers_nothing",
        ),
        _NO_LOAD,
    ),
    ShownElsewhere(
        18,
        "Ids that are none",
        "100 % 4xx; nothing written to Redis; 0 reads of the origin",
        (
            "tests/app/test_main.py::test_a_bad_id_is_refused_before_redis_and_the_origin",
            "tests/app/test_endpoint.py::test_any_other_query_is_a_bad_id_and_nothing_else",
        ),
        _NO_LOAD,
    ),
)
"""The faults without a drill, by number."""
