"""The scenarios that tell of outages: each says what it shows, and has a gate for it."""

import pytest

from app.discovery import discover
from loadtest import ROOT
from loadtest.sim.cluster.simulate import simulate
from loadtest.workload.gate import EACH, parse_gate
from loadtest.workload.scenario import OWN, read_scenario, scenario_names

STORIES = [name for name in scenario_names() if read_scenario(name).gates]


def test_every_story_has_a_sentence_in_the_docs() -> None:
    page = "\n".join(path.read_text() for path in (ROOT / "docs").rglob("*.md"))
    told = [name for name in STORIES if f"`{name}`" in page or f"`-{name.rpartition('-')[2]}`" in page]
    assert told == STORIES
    assert len(STORIES) >= 15


@pytest.mark.parametrize("name", STORIES)
def test_a_story_begins_with_what_it_is_about_and_its_gates_name_strategies(name: str) -> None:
    schema, about, *_ = (OWN / f"{name}.toml").read_text().splitlines()
    assert schema.startswith("#:schema ")
    assert about.startswith("# ")
    terms = [term for gate in read_scenario(name).gates for term in parse_gate(gate).terms]
    assert {term.strategy for term in terms} <= {*discover().strategies, EACH}


def test_five_slow_seconds_are_the_end_of_the_baseline_and_nets_make_them_none() -> None:
    strategy = discover().strategies["static"]
    for name, is_lost in (("death-spiral", True), ("death-spiral-nets", False)):
        row = simulate(read_scenario(name, duration_s=35), strategy, seed=1).row
        assert (row.recovers_after_s == float("inf")) is is_lost
        assert (row.errors == 0) is not is_lost
