"""The sizes of items: as they are stated, the same for each item in every world, and within their bounds."""

import json
import sqlite3
from contextlib import closing
from pathlib import Path
from statistics import mean, median

import pytest

from app.discovery import discover
from app.payload import BYTES_MAX, BYTES_MIN, Payload, stated
from app.settings import Settings
from app.store_file import create_store
from app.strategy import Loaded
from loadtest.report.workload_in_words import sentence
from loadtest.sim.cluster.events import OriginAnswered, Subscriber
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.scenario import read_scenario

SKEWED = "lognormal(800, 1)"


def sizes(text: str, seed: int = 1, items: int = 4_000) -> list[int]:
    payload = Payload.parse(text)
    return [payload.bytes_of(seed, number) for number in range(items)]


def test_sizes_follow_their_distribution_and_stay_within_the_bounds() -> None:
    assert set(sizes("fixed(700)")) == {700}
    even = sizes("uniform(100, 300)")
    assert (min(even), max(even)) == (100, 300)
    assert mean(even) == pytest.approx(200, rel=0.02)
    skewed = sizes(SKEWED)
    assert median(skewed) == pytest.approx(800, rel=0.06)
    assert mean(skewed) == pytest.approx(800 * 1.6487, rel=0.08)
    wide = sizes("lognormal(16, 3)") + sizes("lognormal(1000000, 3)")
    assert (min(wide), max(wide)) == (BYTES_MIN, BYTES_MAX)


def test_an_item_has_its_size_by_seed_and_id_alone() -> None:
    assert sizes(SKEWED, items=50) == sizes(SKEWED)[:50]
    assert sizes(SKEWED) != sizes(SKEWED, seed=2)


@pytest.mark.parametrize(
    ("given", "text"),
    [("", "fixed(512)"), (700, "fixed(700)"), (" 700 ", "fixed(700)"), ("uniform(16, 20)", "uniform(16,20)")],
)
def test_a_number_is_a_fixed_size_and_nothing_the_default(given: object, text: str) -> None:
    assert stated(given) == text


@pytest.mark.parametrize(
    "text", ["fixed(15)", "fixed(1000001)", "uniform(30,20)", "lognormal(99,4)", "many", "fixed()"]
)
def test_what_is_no_payload_is_refused_with_what_is_allowed(text: str) -> None:
    with pytest.raises(ValueError, match=r"is not a payload: fixed\(bytes\), uniform"):
        Payload.parse(text)


def stored(path: Path) -> list[int]:
    with closing(sqlite3.connect(path)) as store:
        return [size for (size,) in store.execute("SELECT length(text) FROM item ORDER BY id")]


def test_the_store_and_virtual_time_have_the_same_sizes(tmp_path: Path) -> None:
    hot = read_scenario("hot-key", duration_s=5).model_dump() | {"payload": {"bytes": SKEWED}}
    scenario = type(read_scenario("hot-key")).model_validate(hot)
    settings = scenario.pod_settings(3, "pod-1").model_copy(update={"origin_path": tmp_path / "origin.sqlite"})
    create_store(settings)
    expected = sizes(SKEWED, seed=3, items=scenario.keys.count)
    assert stored(settings.origin_path) == expected
    read: dict[int, Loaded] = {}
    seen = Subscriber({OriginAnswered: lambda event: read.update({event.item_id: event.loaded})})
    assert simulate(scenario, discover().strategies["static"], 3, observers=[seen]).row.valid
    assert {number: len(json.loads(loaded.body)["text"]) for number, loaded in read.items()} == {
        number: expected[number] for number in read
    }
    assert len(read) == scenario.keys.count
    assert "; items of lognormal(800,1) bytes; " in sentence(scenario)


def test_a_store_of_other_sizes_is_made_anew_and_one_of_the_same_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "origin.sqlite"
    made = []
    for text in ("512", SKEWED, SKEWED):
        create_store(Settings(origin_path=path, items=20, payload_bytes=text))
        made.append((stored(path), path.stat().st_mtime_ns))
    assert made[0][0] == [512] * 20
    assert made[1][0] == sizes(SKEWED, items=20)
    assert made[2] == made[1]
