"""The dashboards, checked without a stack: that Grafana can read them, and that they show what they promise."""

import json
import re
from collections.abc import Callable
from itertools import zip_longest

import pytest

from app.contender_names import contender_names
from app.discovery import discover
from app.strategy import LoadReason, MechanismKind, Status
from app.strategy_groups import CONTENDERS, WRONG
from grafana.boards import kinds, panels
from grafana.boards.__main__ import FOLDER, texts
from grafana.boards.board import TAG
from loadtest.report.colours import colours
from tests.grafana.checks import CHECKS, NO_NEEDLES, SOURCE_UID, Json, charts_of
from tests.grafana.promql import label_values
from tests.grafana.schema import schema_faults
from tests.stack_config.files import read_yaml

BOARDS: list[Json] = [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]
GRAFANA = read_yaml("docker-compose.yml")["services"]["grafana"]
SOURCES = read_yaml("grafana/provisioning/datasources/victoriametrics.yml")
PROVIDERS = read_yaml("grafana/provisioning/dashboards/lab.yml")

every_board = pytest.mark.parametrize("board", BOARDS, ids=[board["uid"] for board in BOARDS])


def test_the_dashboards_are_there() -> None:
    there = {"stampede", "many-keys", "strategy", "coordination", "load", "outage", "ttls"}
    assert {board["uid"] for board in BOARDS} == there


def coloured() -> list[str]:
    """The strategies that there were when the files were written: one that was dropped in since is not among them."""
    charts = [chart for board in BOARDS for chart in charts_of(board) if shows_strategies(chart)]
    patterns = [
        str(rule["matcher"]["options"]) for rule in overrides(charts[0])
        if rule["properties"][0]["id"] == "color" and len(rule["properties"]) == 1
    ]  # fmt: skip
    of_color = [
        found[1].split("|") for pattern in patterns if (found := re.fullmatch(r"/\^\((.+)\)\( \|\$\)/", pattern))
    ]
    return [name for place in zip_longest(*of_color) for name in place if name]


def shows_strategies(chart: Json) -> bool:
    return any(target["legendFormat"].startswith("{{strategy}}") for target in chart["targets"])


def overrides(chart: Json) -> list[Json]:
    rules: list[Json] = chart["fieldConfig"]["overrides"]
    return rules


def test_the_files_are_what_the_code_makes(monkeypatch: pytest.MonkeyPatch) -> None:
    """`make dashboards` writes them again, also for the colour of a strategy that was dropped in."""
    monkeypatch.setattr(panels, "STRATEGY_COLORS", colours(coloured(), coloured()))
    assert {path.name: path.read_text(encoding="utf-8") for path in FOLDER.iterdir()} == texts()


@every_board
def test_it_is_valid_by_grafanas_own_schema(board: Json) -> None:
    assert schema_faults(board) == []


@every_board
@pytest.mark.parametrize("check", CHECKS, ids=lambda check: check.__name__)
def test_it_has_no_faults(board: Json, check: Callable[[Json], list[str]]) -> None:
    assert check(board) == []


def test_every_panel_that_may_look_wider_is_there() -> None:
    assert set(NO_NEEDLES) <= {f"{board['uid']}/{chart['title']}" for board in BOARDS for chart in charts_of(board)}


@every_board
def test_it_shows_two_minutes_that_follow_the_clock(board: Json) -> None:
    assert board["time"] == {"from": "now-2m", "to": "now"}
    assert "1s" in board["timepicker"]["refresh_intervals"]
    assert board["graphTooltip"] == 1


@every_board
def test_it_links_to_the_others(board: Json) -> None:
    assert TAG in board["tags"]
    assert [link["tags"] for link in board["links"] if link["type"] == "dashboards"] == [[TAG]]


@every_board
def test_it_marks_runs_faults_edits_and_alerts(board: Json) -> None:
    asked = {note["name"]: note["target"]["expr"] for note in board["annotations"]["list"]}
    assert "lab_load_scenario_info" in asked["Load"]
    assert "lab_load_target_rate" in asked["Load"]
    assert "lab_cache_away" in asked["Faults"]
    assert 'up{job="app"}' in asked["Faults"]
    assert "lab_fault" in asked["Broken on purpose"]
    assert "lab_code_info" in asked["Edits"]
    assert "ALERTS" in asked["Alerts"]


def test_a_strategy_has_the_reports_colour_everywhere_and_the_baseline_the_first() -> None:
    known = [*discover(wrong=True).choosable, *contender_names()]
    assert coloured() == [name for name in known if name in coloured()]
    assert coloured()[0] == discover().baseline
    for chart in (chart for board in BOARDS for chart in charts_of(board) if shows_strategies(chart)):
        for strategy, color in colours(coloured(), coloured()).items():
            first = next(
                rule for rule in overrides(chart)
                if re.search(str(rule["matcher"]["options"]).strip("/"), f"{strategy} p99")
            )  # fmt: skip
            assert {"id": "color", "value": {"mode": "fixed", "fixedColor": color}} in first["properties"]


def test_a_strategy_whose_name_begins_like_another_does_not_take_its_colour() -> None:
    [rule] = panels.colors({"swr": "#009E73"})
    pattern = re.compile(rule["matcher"]["options"].strip("/"))
    assert [bool(pattern.search(name)) for name in ("swr", "swr p99", "swr-mine", "swrong")] == [
        True,
        True,
        False,
        False,
    ]


def test_two_dozen_strategies_are_told_apart_by_colour_and_line(monkeypatch: pytest.MonkeyPatch) -> None:
    names = [f"s{number}" for number in range(24)]
    monkeypatch.setattr(panels, "STRATEGY_COLORS", colours(names, names))
    chart = panels.time_series("t", "d", [panels.target("x", "{{strategy}}")], "s")

    def look(name: str) -> str:
        rules = [rule for rule in overrides(chart) if re.search(rule["matcher"]["options"].strip("/"), name)]
        return str([rule["properties"] for rule in rules])

    assert len({look(name) for name in names}) == len(names)


def test_a_mistake_carries_its_mark_in_legends_of_names() -> None:
    (rule,) = (
        one for one in overrides(panels.time_series("t", "d", [panels.target("x", "{{strategy}}")], "s"))
        if one["properties"] == [{"id": "displayName", "value": "half_lock ✗"}]
    )  # fmt: skip
    assert [
        bool(re.search(rule["matcher"]["options"].strip("/"), name)) for name in ("half_lock", "half_lock p99")
    ] == [
        True,
        False,
    ]
    longer = panels.time_series("t", "d", [panels.target("x", "{{strategy}} p99")], "s")
    assert "displayName" not in str(overrides(longer))


def test_every_status_and_reason_has_a_colour() -> None:
    assert set(panels.STATUS_COLORS) == set(Status)
    assert set(panels.WHY_COLORS) == set(LoadReason)


@every_board
def test_strategies_are_offered_with_the_baseline_first_and_by_name(board: Json) -> None:
    """A panel is repeated in the variable's order, and the first value is what is chosen at first."""
    order = [f"{place:02} {name}" for place, name in enumerate(discover().strategies)]
    for variable in board["templating"]["list"]:
        if "strategy:lab_strategy_info" not in variable["query"]:
            continue
        assert variable["sort"] == 0
        assert label_values(variable["query"])[1] == "ordered"
        pattern = re.compile(variable["regex"].strip("/"))
        found = [pattern.sub(r"\1", one) for one in sorted(order)]
        assert found == list(discover().strategies)
        assert found[0] == discover().baseline


def test_a_column_leads_to_its_strategys_page() -> None:
    [stampede] = [board for board in BOARDS if board["uid"] == "stampede"]
    repeated = [panel for panel in charts_of(stampede) if "repeat" in panel]
    assert repeated
    for panel in repeated:
        assert panel["links"][0]["url"].startswith(f"/d/strategy?var-strategy=${panel['repeat']}&"), panel["title"]


def test_every_kind_of_strategy_has_a_closed_row_and_the_mistakes_the_last() -> None:
    [stampede] = [board for board in BOARDS if board["uid"] == "stampede"]
    closed = {panel["title"]: panel["panels"] for panel in stampede["panels"] if panel.get("collapsed")}
    assert set(kinds.TITLES) == {*MechanismKind, CONTENDERS, WRONG}
    assert [*closed][-1] == kinds.TITLES[WRONG]
    variables = {variable["name"]: variable["query"] for variable in stampede["templating"]["list"]}
    for kind, title in kinds.TITLES.items():
        [variable] = {panel["repeat"] for panel in closed[title]}
        assert f'kind="{kind}"' in variables[variable]


def test_the_first_screen_of_the_first_page_fits_a_laptop() -> None:
    """Grid units of 38 pixels, in 1600 x 1000 with some 150 of Grafana's own on top."""
    [stampede] = [board for board in BOARDS if board["uid"] == "stampede"]
    titles = [panel["title"] for panel in stampede["panels"]]
    story = stampede["panels"][: titles.index("Must be zero, last 5 minutes")]
    assert max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in story) * 38 <= 850


def test_grafana_is_told_of_the_data_source_that_the_dashboards_ask() -> None:
    [source] = SOURCES["datasources"]
    assert SOURCES["apiVersion"] == PROVIDERS["apiVersion"] == 1
    assert (source["uid"], source["type"]) == (SOURCE_UID, "prometheus")
    assert source["jsonData"]["timeInterval"] == "1s"


def test_grafana_finds_the_folder_and_its_first_page() -> None:
    mounts = dict(mount.split(":")[:2][::-1] for mount in GRAFANA["volumes"])
    home = GRAFANA["environment"]["GF_DASHBOARDS_DEFAULT_HOME_DASHBOARD_PATH"]
    [provider] = PROVIDERS["providers"]
    inside = provider["options"]["path"]
    assert provider["type"] == "file"
    assert (FOLDER.parents[1] / mounts[inside]).samefile(FOLDER)
    assert mounts[GRAFANA["environment"]["GF_PATHS_PROVISIONING"]] == "./grafana/provisioning"
    assert home.startswith(f"{inside}/")
    assert (FOLDER / home.removeprefix(f"{inside}/")).is_file()


def test_grafana_allows_to_refresh_every_second() -> None:
    assert GRAFANA["environment"]["GF_DASHBOARDS_MIN_REFRESH_INTERVAL"] == "1s"
