"""What is drawn while a run goes on is what its report draws, once all of it is there."""

from collections.abc import Iterator
from itertools import pairwise

import numpy as np

from loadtest.figures.history import Chunk, Ending
from loadtest.figures.records import LOAD_REASONS, OK, STATUSES, Answers, Reads
from loadtest.figures.summarise import summarise
from loadtest.live.growing_course import GrowingCourse
from loadtest.live.run_feed import RunFeed
from loadtest.workload.planned_run import PlannedRun
from loadtest.workload.scenario import read_scenario

START_S, DURATION_S = 1_000.0, 20
RUN = PlannedRun(read_scenario("hot-key", duration_s=DURATION_S), "static", seed=1)


def answers() -> Answers:
    """A request every 10 ms; those of each fifth second take 300 ms, and one takes six seconds."""
    intended_s = START_S + np.arange(0, DURATION_S, 0.01)
    latency_s = np.where((intended_s - START_S).astype(int) % 5 == 0, 0.3, 0.002)
    latency_s[500] = 6.0
    kinds = np.zeros(len(intended_s), dtype=np.int64)
    nothing = np.full(len(intended_s), np.nan)
    return Answers(
        intended_s,
        intended_s + latency_s,
        nothing,
        kinds + 200,
        kinds + STATUSES.index("hit"),
        kinds,
        {},
        kinds + 1,
        kinds > 0,
    )


def reads() -> Reads:
    """A herd of 40 within 200 ms at every fifth second, each read of 200 ms."""
    asked_s = np.concatenate([START_S + second + np.arange(40) / 200 for second in range(0, DURATION_S, 5)])
    kinds = np.zeros(len(asked_s), dtype=np.int64)
    return Reads(asked_s, asked_s, asked_s + 0.2, kinds, kinds + LOAD_REASONS.index("miss"), kinds + OK)


def ended_within(since_s: float, until_s: float) -> Answers | None:
    """The answers that ended in that span of the load; None for none."""
    told = answers()
    now = (told.ended_s > START_S + since_s) & (told.ended_s <= START_S + until_s)
    if not now.any():
        return None
    return Answers(
        told.intended_s[now], told.ended_s[now], told.age_s[now], told.code[now], told.status[now], told.key[now], {},
        told.attempts[now], told.gave_up[now],
    )  # fmt: skip


class Recorded:
    """The history of the whole run."""

    run, world, start_s, oldest_s = RUN, "native", START_S, None

    def chunks(self) -> Iterator[Chunk]:
        yield from (answers(), reads())

    def ending(self) -> Ending:
        return Ending()


def fed(every_s: float = 1.0) -> RunFeed:
    """The feed after the run: records came in as they ended, look by look, those of the second pod first."""
    feed, read = RunFeed(RUN), reads()
    for since_s, until_s in pairwise(np.arange(0, DURATION_S + 8, every_s)):
        if (told := ended_within(since_s, until_s)) is not None:
            feed.add_answers(told)
        ended = np.flatnonzero((read.ended_s > START_S + since_s) & (read.ended_s <= START_S + until_s))
        for pod in (1, 0):
            if len(of_pod := ended[ended % 2 == pod]):
                feed.add_reads(read.only(of_pod))
    return feed


def test_a_run_that_has_ended_has_the_course_and_the_peaks_of_its_report() -> None:
    feed = fed()
    feed.end()
    found, (summary, series) = feed.so_far(), summarise(Recorded())
    assert found is not None
    for name in ("time_s", "origin_reads", "p50_ms", "p99_ms"):
        np.testing.assert_array_equal(getattr(found.series, name), getattr(series, name))
    for name in (
        "requests",
        "origin_reads",
        "steady_peak_1s",
        "cold_peak_1s",
        "p50_ms",
        "p99_ms",
        "errors",
        "achieved_rate",
    ):
        assert getattr(found.summary, name) == getattr(summary, name), name


def test_no_order_in_which_pods_are_asked_changes_a_peak() -> None:
    (summary, _), found = summarise(Recorded()), fed(every_s=0.25).so_far()
    assert summary.steady_peak_1s == 40
    assert found is not None
    assert found.summary.steady_peak_1s == 40


def test_only_bins_that_have_changed_are_sent_and_a_late_answer_changes_an_early_one() -> None:
    feed, course, sizes = RunFeed(RUN), GrowingCourse(), []
    page: dict[str, list[float | None]] = {"reads": [], "p50": [], "p99": []}
    for until_s in range(1, DURATION_S + 8):
        if (told := ended_within(until_s - 1, until_s)) is not None:
            feed.add_answers(told)
        if (found := feed.so_far()) is not None:
            course.take(found.series)
        gained = course.gained(place=0)
        assert gained is not None
        sizes.append(len(gained["reads"]))
        for name, values in page.items():
            values[gained["from"] :] = gained[name]
    assert page == {name: values for name, values in (course.all(0) or {}).items() if name in page}
    assert sorted(sizes)[len(sizes) // 2] <= 3
    assert max(sizes) >= 12  # six seconds later the bins since are sent anew


def test_a_rate_so_far_counts_the_time_so_far() -> None:
    feed, early = RunFeed(RUN), ended_within(0, 4)
    assert early is not None
    feed.add_answers(early)
    found = feed.so_far()
    assert found is not None
    assert 90 <= found.summary.achieved_rate <= 110
