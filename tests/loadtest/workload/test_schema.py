"""A scenario's file says its schema; a file of another one is refused with the field and what changed."""

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtest.cli import app
from loadtest.stats.rows import why_invalid
from loadtest.stats.saved_run import read_run
from loadtest.studies.claims.published_experiment import read_experiments
from loadtest.workload.scenario import OWN, BadScenario, read_scenario
from loadtest.workload.toml_writer import as_toml
from loadtest.workload.trace import scenario_json
from tests.loadtest.workload.test_scenario import GOOD
from tests.run_directory import repeats, write_run

RENAMED = "and this lab reads 2, in which [tune] is called [params]"
TUNED = GOOD + "[tune.jitter]\nspread = 0.5\n"
REFUSED = [
    ("schema = 1\n" + TUNED, f"schema: is 1, {RENAMED}"),
    ("schema = 3\n" + GOOD, "schema: is 3, and this lab reads 2: a newer lab wrote the file"),
    ('schema = "2"\n' + GOOD, f"schema: is '2', {RENAMED}"),
    ("schema = []\n" + GOOD, f"schema: is [], {RENAMED}"),
    (TUNED, "tune: is called params since schema 2"),
    ("schema = 2\n" + TUNED, "tune: is called params since schema 2"),
]


@pytest.mark.parametrize("text", ["schema = 2\n" + GOOD, GOOD], ids=["stated", "not stated"])
def test_a_file_is_of_the_current_schema_whether_or_not_it_says_so(tmp_path: Path, text: str) -> None:
    (path := tmp_path / "mine.toml").write_text(text)
    assert read_scenario(str(path)).title == "Mine"


@pytest.mark.parametrize(("text", "said"), REFUSED, ids=lambda text: text[-20:])
def test_another_schema_is_refused_with_the_field_and_what_changed(tmp_path: Path, text: str, said: str) -> None:
    (path := tmp_path / "mine.toml").write_text(text)
    with pytest.raises(BadScenario) as caught:
        read_scenario(str(path))
    assert str(caught.value) == f"{path}: {said}"


def test_another_schema_is_exit_code_2_in_one_line(tmp_path: Path) -> None:
    (path := tmp_path / "mine.toml").write_text(TUNED)
    said = CliRunner().invoke(app, ["sim", "--scenario", str(path), "--results", str(tmp_path / "results")])
    assert said.exit_code == 2
    assert "tune: is called params since schema 2" in " ".join(said.stderr.split())
    assert not (tmp_path / "results").exists()


def test_claims_of_another_schema_are_refused_too(tmp_path: Path) -> None:
    (tmp_path / "mine.toml").write_text("schema = 1\n")
    with pytest.raises(BadScenario, match=r"mine\.toml: schema: is 1, and this lab reads 2"):
        read_experiments(tmp_path)


def test_whatever_the_lab_ships_or_writes_says_its_schema(tmp_path: Path) -> None:
    scenario = read_scenario("hot-key")
    shipped = [path.read_text(encoding="utf-8") for path in OWN.rglob("*.toml")]
    assert all("schema = 2" in text.splitlines() for text in (*shipped, as_toml(scenario)))
    written = scenario_json(scenario, tmp_path, tmp_path)
    assert written.splitlines()[1] == '  "schema": 2,'
    (path := tmp_path / "scenario.json").write_text(written)
    assert read_scenario(str(path)) == scenario


def test_runs_of_one_scenario_are_the_same_whether_or_not_their_folders_say_the_schema(tmp_path: Path) -> None:
    runs = [
        read_run(write_run(tmp_path / name, repeats("static"), {"pods": 3} | stated))
        for name, stated in (("older", {}), ("newer", {"schema": 2}))
    ]
    assert runs[0].scenario == runs[1].scenario


@pytest.mark.parametrize("name", ["summary.json", "scenario.json"])
@pytest.mark.parametrize(
    "words", [["gate", "--max", "static.errors <= 0"], ["compare", "{}"]], ids=lambda words: words[0]
)
def test_figures_of_a_newer_lab_are_refused_with_the_field_and_the_known_schema(
    tmp_path: Path, name: str, words: list[str]
) -> None:
    folder = write_run(tmp_path / "newer", repeats("static"), {"pods": 3})
    stated = json.loads((folder / name).read_text()) | {"schema": 3}
    (folder / name).write_text(json.dumps(stated))
    asked = [words[0], str(folder), *(word.format(folder) for word in words[1:])]
    said = CliRunner().invoke(app, asked, env={"COLUMNS": "500"})
    assert said.exit_code == 2
    assert f"{name}: schema: is 3, and this lab reads 2: a newer lab wrote the file" in " ".join(said.stderr.split())


def test_a_summary_of_schema_1_still_tells_its_references_and_why_a_row_is_no_result(tmp_path: Path) -> None:
    (row,) = repeats("nocache", 1, valid=False)
    del row["incidents"]
    row |= {"is_bound": True, "events": ["pod-2 fell"]}
    (tmp_path / "summary.json").write_text(json.dumps([row]))
    run = read_run(tmp_path)
    assert run.references == {"nocache"}
    assert why_invalid(run.rows[0]) == "pod-2 fell"
