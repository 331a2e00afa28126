"""The reference says what the code says."""

import json
import re
import tomllib
from dataclasses import fields
from pathlib import Path

import pytest
from jsonschema import Draft202012Validator

from loadtest import ROOT
from loadtest.cli.reference import BLOCKS, FOLDER, block_text, schema_text
from loadtest.figures.run_summary import RunSummary
from loadtest.report.measured_block import parts
from loadtest.workload.scenario import OWN, read_scenario
from loadtest.workload.toml_writer import SCHEMA_FILE, as_toml


@pytest.mark.parametrize("name", BLOCKS)
def test_a_generated_block_is_as_the_code_is(name: str) -> None:
    page, make = BLOCKS[name]
    _, body, _ = parts((FOLDER / page).read_text(encoding="utf-8"), name)
    assert body == block_text(make), "write it anew: .venv/bin/lab reference"


def test_the_schema_is_as_the_code_is_and_has_words_for_every_field() -> None:
    assert SCHEMA_FILE.read_text(encoding="utf-8").strip() == schema_text(), "write it anew: .venv/bin/lab reference"
    schema = json.loads(schema_text())
    silent = [
        f"{table}.{name}"
        for table, inner in schema["$defs"].items()
        for name, field in inner.get("properties", {}).items()
        if "description" not in field and name != "kind"
    ]
    assert silent == []
    assert [name for name, field in schema["properties"].items() if "description" not in field] == []


def test_every_shipped_scenario_names_the_schema_and_keeps_it() -> None:
    """The first line is for editors, and relative to the file; those of lessons are copied to the checkout's folder."""
    judge = Draft202012Validator(json.loads(schema_text()))
    own = [path for path in OWN.rglob("*.toml") if path.parent.name not in ("claims", "steps")]  # of their own kinds
    lessons = list((ROOT / "docs" / "lessons").rglob("*.toml"))
    assert len(own) > 60
    assert len(lessons) > 3
    for path, home in [*((path, path.parent) for path in own), *((path, ROOT) for path in lessons)]:
        text = path.read_text(encoding="utf-8")
        directive, _, where = text.partition("\n")[0].partition(" ")
        assert (directive, (home / where).resolve()) == ("#:schema", SCHEMA_FILE), path
        assert [fault.message for fault in judge.iter_errors(tomllib.loads(text))] == [], path


@pytest.mark.parametrize("slip", [{"nope": 3}, {"cache": {"ttl_s": -5}}, {"schema": 1}, {"load": {"loop": "ajar"}}])
def test_the_schema_refuses_a_slip(slip: dict[str, object]) -> None:
    right = tomllib.loads((OWN / "hot-key.toml").read_text(encoding="utf-8"))
    assert not Draft202012Validator(json.loads(schema_text())).is_valid({**right, **slip})


def test_a_scenario_that_the_lab_writes_into_its_checkout_names_the_schema(tmp_path: Path) -> None:
    scenario = read_scenario("hot-key")
    first = as_toml(scenario, ROOT / "results" / "advice").partition("\n")[0]
    assert first == "#:schema ../../loadtest/scenarios/scenario.schema.json"
    assert as_toml(scenario, tmp_path) == as_toml(scenario)


def test_every_figure_of_a_run_is_in_the_reference_and_none_that_there_is_not() -> None:
    page = (FOLDER / "figures.md").read_text(encoding="utf-8").partition("## summary.json")[2]
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    labels = {"scenario", "strategy", "world", "seed", "pods", "loop", "duration_s", "repeat", "trace"}
    between = {"p90_ms", "p95_ms", "p99_ms"}  # told as "p50_ms … p999_ms"
    own = {field.name for field in fields(RunSummary)}
    assert own - told - labels - between == set()
    assert told <= own
