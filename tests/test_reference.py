"""The reference says what the code says."""

import json
import re
import tomllib
from dataclasses import fields

import pytest

from loadtest import ROOT
from loadtest.cli.reference import BLOCKS, FOLDER, SCHEMA_FILE, block_text, schema_text
from loadtest.figures.run_summary import RunSummary
from loadtest.report.measured_block import parts
from loadtest.workload.scenario import scenario_names


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


def test_the_schema_knows_the_fields_of_the_labs_own_scenarios() -> None:
    known = json.loads(schema_text())["properties"]
    for name in scenario_names():
        stated = tomllib.loads((ROOT / "loadtest" / "scenarios" / f"{name}.toml").read_text(encoding="utf-8"))
        assert stated.keys() <= known.keys(), name


def test_every_figure_of_a_run_is_in_the_reference_and_none_that_there_is_not() -> None:
    page = (FOLDER / "figures.md").read_text(encoding="utf-8").partition("## summary.json")[2]
    cells = [line.split("|")[1] for line in page.splitlines() if line.startswith("| `")]
    told = {name for cell in cells for name in re.findall(r"`(\w+)`", cell)}
    labels = {"scenario", "strategy", "world", "seed", "pods", "loop", "duration_s", "repeat", "trace"}
    between = {"p90_ms", "p95_ms", "p99_ms"}  # told as "p50_ms … p999_ms"
    own = {field.name for field in fields(RunSummary)}
    assert own - told - labels - between == set()
    assert told <= own
