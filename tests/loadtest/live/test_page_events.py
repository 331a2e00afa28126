"""A viewer gets what it lacks: the events since its last one, or the whole state, and never a queue of its own."""

import pytest

from loadtest.live.page_events import KEPT_MAX, NONE_SEEN, PageEvents, as_sent


def grown(log: PageEvents, times: int) -> None:
    for _ in range(times):
        log.add_grown("part", lambda: "whole")


def named(log: PageEvents, seen: int) -> list[tuple[str, str]]:
    return [(event.name, event.data) for event in log.after(seen)]


def test_a_new_viewer_gets_the_whole_state_and_then_each_event_once() -> None:
    log = PageEvents("a")
    log.add_figure("figure")
    grown(log, 3)
    events = log.after(NONE_SEEN)
    assert [(event.name, event.data) for event in events] == [("figure", "figure"), ("grown", "whole")]
    seen = events[-1].number
    assert log.after(seen) == []
    grown(log, 2)
    assert named(log, seen) == [("grown", "part")] * 2


def test_a_viewer_who_comes_back_gets_what_it_missed() -> None:
    log = PageEvents("a")
    log.add_figure("figure")
    grown(log, KEPT_MAX)
    assert named(log, log.seen_by("a-2")) == [("grown", "part")] * (KEPT_MAX - 1)


@pytest.mark.parametrize("last_id", ["", "b-2", "a-", "a-x", "a-99", "a--1", "a-" + "9" * 5_000, "a-²"])
def test_an_id_of_another_bench_or_of_none_is_a_new_viewers(last_id: str) -> None:
    log = PageEvents("a")
    log.add_figure("figure")
    grown(log, 2)
    assert named(log, log.seen_by(last_id)) == [("figure", "figure"), ("grown", "whole")]


def test_who_reads_slowly_gets_the_latest_state_and_not_all_that_it_missed() -> None:
    log = PageEvents("a")
    log.add_figure("figure")
    grown(log, 1)
    seen = log.number
    grown(log, 1_000)
    assert named(log, seen) == [("figure", "figure"), ("grown", "whole")]


def test_behind_a_new_figure_no_earlier_event_counts() -> None:
    log = PageEvents("a")
    log.add_figure("old")
    grown(log, 2)
    seen = log.number
    log.add_figure("new")
    grown(log, 1)
    assert named(log, seen) == [("figure", "new"), ("grown", "whole")]


def test_the_end_is_told_to_who_comes_then_too() -> None:
    log = PageEvents("a")
    log.add_figure("figure")
    grown(log, 1)
    log.add_finished("end")
    assert named(log, NONE_SEEN) == [("figure", "figure"), ("grown", "whole"), ("finished", "end")]
    assert named(log, log.number - 1) == [("finished", "end")]


def test_an_event_has_its_id_and_one_line_of_data() -> None:
    log = PageEvents("a")
    log.add_figure('{"text":"two\\nlines"}')
    (event,) = log.after(NONE_SEEN)
    assert as_sent(event, log.id_of(event)) == b'id: a-1\nevent: figure\ndata: {"text":"two\\nlines"}\n\n'
