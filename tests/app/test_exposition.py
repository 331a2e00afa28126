"""The text of a scrape: what it holds, and what it costs."""

import sys
from pathlib import Path
from random import Random
from types import FrameType

import pytest
from prometheus_client import Metric, generate_latest
from prometheus_client.parser import text_string_to_metric_families

from app.counters import CounterFamily
from app.discovery import discover
from app.ledger import AskedRead
from app.metrics import Metrics
from app.settings import Settings
from app.strategy import LoadReason, Status

BEFORE = Path(__file__).parent / "data" / "metrics_of_one_strategy.prom"
"""A scrape of a pod with one strategy, as prometheus_client's own counters wrote it, with every value 0."""


class FullPool:
    """A pool that has all that a pool can have."""

    connections, connections_shared, reading, waiting, peak = 16, 4, 3, 2, 9


class Doors:
    """The connections of a pod."""

    open, most = 7, 90


def of_a_pod(strategies: int = 1) -> Metrics:
    """The metrics of a pod with so many strategies, the first of them a real one."""
    metrics, named = Metrics(), discover().strategies["static"]
    names = ["static", *(f"s{number}" for number in range(1, strategies))]
    for name in names:
        metrics.runner(name)
        metrics.origin(name)
        metrics.watch_pool(name, FullPool())
    metrics.watch(Doors())
    metrics.code.labels("0123abcd").set(1)
    metrics.tell(Settings(), dict.fromkeys(names, named))
    metrics.cpu.set(12.5)  # the real one is another at each look
    return metrics


def counted(metrics: Metrics, answers: int, rng: Random) -> Metrics:
    """The metrics after so many answers and reads of all kinds."""
    runner, origin = metrics.runner("static"), metrics.origin("static")
    for _ in range(answers):
        runner.answered(rng.choice(list(Status)), rng.expovariate(10), rng.choice([None, rng.uniform(0, 90)]))
        read = AskedRead(1, "k", "static", "pod", rng.choice(list(LoadReason)), 0.0, 0.0)
        origin.origin_asked(read, again=rng.random() < 0.5)
        origin.origin_ended(read, rng.uniform(0, 9))
        metrics.command_sent("set")
        metrics.batch_read(rng.randint(1, 300))
        runner.lock_asked(rng.random() < 0.5)
    metrics.stood_still(0.625)
    return metrics


def families(text: str) -> dict[str, Metric]:
    return {family.name: family for family in text_string_to_metric_families(text)}


def test_every_metric_is_exported_with_the_names_labels_help_and_buckets_that_it_always_had() -> None:
    before, now = families(BEFORE.read_text(encoding="utf-8")), families(of_a_pod().text().decode())
    assert len(before) > 30
    for name, family in before.items():
        assert (now[name].type, now[name].documentation) == (family.type, family.documentation)
        here = [(sample.name, sample.labels) for sample in now[name].samples]
        assert [sample for sample in family.samples if (sample.name, sample.labels) not in here] == []


def test_the_text_is_byte_for_byte_what_prometheus_client_writes_of_the_same_registry() -> None:
    metrics = of_a_pod(3)
    for answers in (0, 500):
        counted(metrics, answers, Random(7))
        assert metrics.text() == generate_latest(metrics.registry)


def test_a_large_count_is_the_same_number_to_a_reader() -> None:
    metrics = of_a_pod()
    metrics.runner("static")._answers[Status.HIT].number += 12_345_678
    ours, theirs = families(metrics.text().decode()), families(generate_latest(metrics.registry).decode())
    assert ours == theirs


def test_a_child_that_comes_later_is_in_the_next_text_and_its_label_is_escaped() -> None:
    metrics = of_a_pod()
    metrics.text()
    metrics.code.labels('100 %s of "it"\n\\').set(1)
    metrics.task_died("new in town")
    assert metrics.text() == generate_latest(metrics.registry)
    assert b'lab_task_deaths_total{task="new in town"} 1.0\n' in metrics.text()


def test_a_value_on_a_bound_is_counted_below_it_and_one_beyond_all_in_the_last() -> None:
    metrics = of_a_pod()
    for keys in (1, 2, 3, 256, 257):
        metrics.batch_read(keys)
    lines = [line for line in metrics.text().decode().splitlines() if line.startswith("lab_cache_read_batch_keys")]
    by_bound = {line.split('"')[1]: float(line.split()[1]) for line in lines if "_bucket" in line}
    assert [by_bound[bound] for bound in ("1.0", "2.0", "4.0", "128.0", "256.0", "+Inf")] == [1, 2, 3, 3, 4, 5]
    assert "lab_cache_read_batch_keys_sum 519.0" in lines


def test_labels_that_a_family_does_not_have_are_refused() -> None:
    with pytest.raises(ValueError, match=r"lab_x has the labels \('a',\), not 2"):
        CounterFamily("lab_x", "x", ("a",)).labels("1", "2")


def test_a_scrape_at_20_strategies_makes_a_tenth_of_the_calls_that_it_made() -> None:
    """prometheus_client's encoding calls several functions for each line, which took 17 ms; calls do not vary."""
    metrics = of_a_pod(20)
    text = metrics.text()  # laid out
    lines = text.count(b"\n")
    assert lines > 3_000
    assert calls_of(metrics.text) < lines / 3
    assert calls_of(lambda: generate_latest(metrics.registry)) > 3 * lines


def calls_of(work: object) -> int:
    """How many functions of Python are called meanwhile."""
    calls = 0

    def count(_: FrameType, event: str, __: object) -> None:
        nonlocal calls
        calls += event == "call"

    before = sys.getprofile()
    sys.setprofile(count)
    try:
        work()  # type: ignore[operator]
    finally:
        sys.setprofile(before)
    return calls
