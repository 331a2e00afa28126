"""The page of a replay: whole, small, the same for the same run."""

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner

from loadtest.cli import app
from loadtest.report.replay_page import replay_page
from loadtest.sim.timeline.spans import RequestSpan, Timeline, ToldEvent
from loadtest.workload.toml_writer import as_toml
from tests.loadtest.sim.drill import workload

EVIL = "</script><b>&"


@pytest.fixture
def scenario(tmp_path: Path) -> str:
    path = tmp_path / "drill.toml"
    path.write_text(as_toml(workload(top={"duration_s": 4.0})), encoding="utf-8")
    return str(path)


def drawn(scenario: str, path: Path, *more: str) -> tuple[int, str]:
    named = ["replay", "1", "--strategy", "singleflight", "--scenario", scenario, "--html", str(path), *more]
    said = CliRunner().invoke(app, named)
    return said.exit_code, said.output


def test_the_same_seed_gives_the_same_bytes(scenario: str, tmp_path: Path) -> None:
    for name in ("one.html", "two.html"):
        assert drawn(scenario, tmp_path / name)[0] == 0
    one, two = ((tmp_path / name).read_bytes() for name in ("one.html", "two.html"))
    assert one == two
    assert b"It opens at the first expiry that a load follows" in one
    assert len(one) < 150_000
    assert re.search(rb"(src|href)=|https?://|@import|url\(", one) is None, "it needs no network"


def test_no_text_of_a_run_ends_its_element() -> None:
    shown = Timeline(0.0, 1.0, ["pod-1"], [0], events=[ToldEvent(0.5, "pod-1", EVIL, 1, 1)])
    shown.requests = [RequestSpan(1, "pod-1", 0, 0.5, ended_s=0.6, said=EVIL, why=(EVIL,))]
    page = replay_page(shown, EVIL, EVIL, EVIL, False, [(EVIL, EVIL)])
    assert EVIL not in page
    (data,) = re.findall(r'<script type="application/json" id="run">(.*?)</script>', page)
    run = json.loads(data)
    assert run["texts"][run["events"][0][2]] == EVIL


@pytest.mark.parametrize(
    ("name", "more", "names"),
    [
        ("", [], "it is a folder"),
        ("none/page.html", [], "no such folder"),
        ("drill.toml", [], "nothing that this command has written"),
        ("page.html", ["--keys", "99"], "--keys: '99' is no item"),
        ("page.html", ["--keys", "0,x"], "--keys: 'x' is no item"),
        ("page.html", ["--since", "9", "--until", "3"], "--since"),
    ],
)
def test_bad_input_is_exit_code_2_and_nothing_is_written(
    scenario: str, tmp_path: Path, name: str, more: list[str], names: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    code, output = drawn(scenario, tmp_path / name, *more)
    assert code == 2
    assert names in output
    assert sorted(tmp_path.rglob("*")) == before
