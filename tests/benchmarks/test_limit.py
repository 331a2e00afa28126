import pytest
from rich.console import Console

from benchmarks.limit.busy import Busy
from benchmarks.limit.ceiling import Limit, RateStep
from benchmarks.limit.search import CLOSE_ENOUGH, Search
from benchmarks.limit.table import print_limit
from loadtest.figures.generator_record import GeneratorRecord

IDLE = Busy(server_share=0.1, machine_share=0.4)


def step(processes: int, rate: float, *faults: str, busy: Busy = IDLE, cpu_share: float = 0.5) -> RateStep:
    generator = GeneratorRecord(
        processes=processes,
        silent=0,
        due=int(5 * rate),
        sent=int(5 * rate),
        not_sent=0,
        in_flight_peak=10,
        in_flight_max=2_000,
        lateness_p50_ms=0.5,
        lateness_p99_ms=1.2,
        lateness_max_ms=5.0,
        cpu_share=cpu_share,
        wall_s=5.0,
    )
    return RateStep(processes, rate, rate, 2.0, generator, list(faults), busy)


@pytest.mark.parametrize("truth", [130.0, 1_900.0, 2_000.0, 5_100.0, 77_000.0])
@pytest.mark.parametrize("first_rate", [500.0, 2_000.0, 9_000.0])
def test_the_search_ends_close_below_what_holds_in_few_tries(truth: float, first_rate: float) -> None:
    search, tries = Search(first_rate), 0
    while search.rate is not None:
        search.found(held=search.rate <= truth)
        tries += 1
    assert truth / CLOSE_ENOUGH <= search.held <= truth
    assert tries <= 13


def test_the_limit_is_the_highest_rate_that_was_a_result() -> None:
    limit = Limit(
        (step(1, 2_000), step(1, 8_000, "late"), step(1, 4_000), step(2, 6_000), step(2, 7_000, "x")), None, 0
    )
    assert limit.honest_rate(1) == 4_000
    assert limit.honest_rate(2) == 6_000
    assert limit.processes == 2


def test_where_more_processes_do_no_better_the_fewer_are_named() -> None:
    assert Limit((step(1, 4_000), step(2, 4_000)), None, 0).processes == 1


@pytest.mark.parametrize(
    ("busy", "cpu_share", "who"),
    [
        (Busy(0.97, 0.8), 0.5, "the server"),
        (Busy(0.3, 0.7), 0.96, "the generator"),
        (Busy(0.2, 0.99), 0.3, "other programs"),
        (IDLE, 0.5, "waiting"),
    ],
)
def test_what_limited_a_rate_is_named(busy: Busy, cpu_share: float, who: str) -> None:
    assert step(1, 4_000, busy=busy, cpu_share=cpu_share).limited_by == ""
    failed = step(1, 8_000, "late", busy=busy, cpu_share=cpu_share)
    assert failed.limited_by == who
    limit = Limit((step(1, 4_000), step(1, 16_000, "later"), failed, step(2, 2_000, "because")), None, 0)
    assert f"At 8,000 requests/s {who} limited it: late." in said(limit)


def said(limit: Limit) -> str:
    console = Console(width=200, record=True, quiet=False, file=None)
    with console.capture() as capture:
        print_limit(console, limit)
    return " ".join(capture.get().split())


def test_a_missing_c_generator_is_said_plainly() -> None:
    told = said(Limit((step(1, 4_000), step(1, 8_000, "because it was late")), None, 0))
    assert "Honest up to 4,000 requests/s" in told
    assert "because it was late" in told
    assert "None of wrk and hey is installed" in told


def test_the_c_generators_rate_is_given_as_a_ratio() -> None:
    assert "wrk gets 60,000 requests/s" in said(Limit((step(1, 4_000),), "wrk", 60_000))
    assert "15.0 times as many" in said(Limit((step(1, 4_000),), "wrk", 60_000))
    assert "Honest up to 0 requests/s" in said(Limit((step(1, 4_000, "late"),), "wrk", 60_000))
