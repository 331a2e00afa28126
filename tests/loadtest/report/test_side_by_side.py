"""Several runs in one page: each is named as the folder that it is, and what tells nothing is folded."""

import json
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest

from loadtest.figures.run_summary import RunSummary
from loadtest.report.side_by_side import side_by_side, summaries
from loadtest.report.side_by_side_html import side_by_side_html
from loadtest.stats.saved_run import SavedRun, find_run
from tests.loadtest.report.test_report import TABLE, Page, row


def saved(folder: Path, **scenario: Any) -> SavedRun:
    folder.mkdir()
    own = {field.name for field in fields(RunSummary)}
    figures = {name: value for name, value in row("naive").as_dict().items() if name in own}
    (folder / "summary.json").write_text(json.dumps({"runs": [figures]}))
    (folder / "scenario.json").write_text(json.dumps({**TABLE, **scenario}))
    (folder / "environment.json").write_text(json.dumps({"command": f"lab bench {folder.name}"}))
    return find_run(str(folder), folder.parent)[0]


def test_a_link_is_the_folder_that_it_leads_to(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    saved(tmp_path / "one")
    (tmp_path / "latest").symlink_to("one")
    assert find_run("latest", tmp_path)[0].name == "one"


def test_a_page_says_the_world_of_real_runs_wraps_what_differs_and_folds_what_tells_nothing(tmp_path: Path) -> None:
    one, other = saved(tmp_path / "one"), saved(tmp_path / "other", cache={"ttl_s": 50})
    page = side_by_side([(run, summaries(run), ()) for run in (one, other)])
    assert page.runs[0].facts["world"] == "native"
    source = side_by_side_html(page, ["naive"], tmp_path)
    shown = Page(source)
    assert "not comparable: cache.ttl_s" in shown.text
    assert ("table", {"class": "facts"}) in shown.tags
    assert "<details open>" not in source
