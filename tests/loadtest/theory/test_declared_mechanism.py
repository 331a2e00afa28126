"""Theory reads what a strategy declares, whatever its parameters are called."""

import ast
from pathlib import Path
from typing import Any

import pytest

import app.strategies
from app.discovery import discover
from app.strategies import swr
from loadtest import ROOT
from loadtest.theory.predict import predict
from loadtest.workload.scenario import Scenario

TABLE: dict[str, Any] = {
    "name": "cold-keys", "title": "most expiries outlast a short stale window", "duration_s": 60, "pods": 3,
    "load": {"loop": "open", "rate_per_s": 250}, "keys": {"count": 500}, "cache": {"ttl_s": 2},
    "origin": {"latency": "fixed(200)", "connections": 64},
}  # fmt: skip


def test_a_copy_with_another_name_for_its_parameter_is_predicted_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.strategies, "__path__", [*app.strategies.__path__, str(tmp_path)])
    source = Path(swr.__file__).read_text()
    (tmp_path / "graceful.py").write_text(source.replace("stale_s", "grace_s"))
    found = discover().strategies
    checked_params = {"swr": {"stale_s": 0.1}, "graceful": {"grace_s": 0.1}}
    scenario = Scenario.model_validate(TABLE | {"params": checked_params})
    original, copy = (predict(scenario, found[name], 250, 60) for name in ("swr", "graceful"))
    assert copy is not None
    assert copy == original
    untuned = predict(Scenario.model_validate(TABLE), found["graceful"], 250, 60)
    assert untuned is not None
    assert untuned.stale_share > 3 * copy.stale_share, "the window's length matters here"


def test_no_code_outside_reads_a_parameter_by_its_name() -> None:
    names = {name for found in discover(references=True).runnable.values() for name in found.parameters()}
    found = []
    for path in (path for room in ("app", "loadtest", "grafana", "benchmarks") for path in (ROOT / room).rglob("*.py")):
        if path.is_relative_to(ROOT / "app" / "strategies"):
            continue
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            keys = [node.slice] if isinstance(node, ast.Subscript) else []
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute) and node.func.attr == "get":
                keys += node.args[:1]
            found += [f"{path}: {key.value}" for key in keys if isinstance(key, ast.Constant) and key.value in names]
    assert found == []
