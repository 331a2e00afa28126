"""Libraries in virtual time: always over the wire, refused where they cannot be there, and gone with their run."""

from typing import Any

import pytest
from typer.testing import CliRunner

from app.contender_names import file_of
from app.discovery import discover
from loadtest.cli import app
from loadtest.sim.cluster.simulate import rare_collections, simulate
from loadtest.workload.scenario import read_scenario
from tests.loadtest.sim.drill import workload

pytestmark = pytest.mark.filterwarnings("ignore")  # libraries warn of what they do themselves

CONTENDERS = discover(contenders=True).contenders
ABLE = [name for name, one in CONTENDERS.items() if not one.not_virtual]
FIRST = [*{file_of(name): name for name in reversed(ABLE)}.values()]
"""One setting of each library."""


@pytest.mark.skipif(not ABLE, reason="no library is installed: .venv/bin/pip install .[contenders]")
def test_a_library_leaves_nothing_behind_for_the_next_run_in_its_process() -> None:
    scenario = read_scenario("primer", duration_s=1)
    with rare_collections():
        first = {name: simulate(scenario, CONTENDERS[name], 7).row.trace for name in FIRST}
        again = {name: simulate(scenario, CONTENDERS[name], 7).row.trace for name in reversed(FIRST)}
    assert first == again


@pytest.mark.skipif("cashews_lock" not in ABLE, reason="cashews is not installed: .venv/bin/pip install cashews")
def test_a_library_runs_over_the_wire_whatever_the_scenario_says_and_its_commands_are_counted() -> None:
    scenario = read_scenario("primer", duration_s=4)
    row = simulate(scenario, CONTENDERS["cashews_lock"], 7).row
    assert row.valid
    assert row.commands_per_request is not None
    assert row.commands_per_request > 1  # its lock polls
    assert any("virtual.redis is 0" in note for note in row.notes)
    assert not any("connections to Redis" in note for note in (*row.notes, *row.incidents)), "its pool is its own"
    stated = scenario.model_copy(update={"virtual": scenario.virtual.model_copy(update={"redis": "fixed(1)"})})
    assert not any("virtual.redis" in note for note in simulate(stated, CONTENDERS["cashews_lock"], 7).row.notes)


@pytest.mark.skipif("dogpile_cache" not in CONTENDERS, reason="dogpile.cache is not installed")
def test_a_library_that_needs_threads_is_refused_with_its_reason_or_left_out_beside_others(tmp_path: Any) -> None:
    def sim(names: str) -> Any:
        asked = ["sim", "--scenario", "hot-key", "--duration", "1", "--no-reference", "--workers", "1"]
        return CliRunner().invoke(app, [*asked, "--strategies", names, "--results", str(tmp_path)])

    alone = sim("dogpile_cache")
    assert alone.exit_code == 2
    assert "dogpile_cache is for processes (make bench): it blocks threads" in alone.output
    assert not [*tmp_path.iterdir()]
    beside = sim("dogpile_cache,static")
    assert beside.exit_code == 0
    assert "dogpile_cache is for processes" in beside.output
    with pytest.raises(ValueError, match=r"^dogpile_cache: it blocks threads"):
        simulate(workload(), CONTENDERS["dogpile_cache"], 1)
