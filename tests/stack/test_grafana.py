"""What Grafana serves: the data source, every dashboard, and data for every panel and strategy."""

import math
from typing import Any

import pytest

from app.discovery import discover
from grafana.boards.kinds import TITLES, variable_of
from tests.grafana.promql import label_values
from tests.stack.grafana import Grafana, Series, Window
from tests.stack.panels import Query, annotations, dashboards, panels_of, queries
from tests.stack.stages import Calm, Stack
from tests.stack.tuned import BOARD

STRATEGIES = discover().choose(None)
"""Those that are asked: no others run by default."""
BASELINE = discover().baseline or STRATEGIES[0]
DASHBOARDS = dashboards()
DASHBOARD_NAMES = [dashboard["uid"] for dashboard in DASHBOARDS]

MAY_BE_EMPTY = {
    "Alerts that fire",
    "Broken on purpose, now",
    "Failed answers by code",
    "Retries",
    "Requests given up",
    "Reads that failed or were shed",
    "Answers in which a net had a part",
    "Circuit breakers",
    "Adaptive limit of loads",
    "Seconds since an answer failed",
    "Failed answers, last 5 minutes",
}
"""Panels that say so where there is nothing to show: nothing is broken, or it is off."""
NOT_IN_THIS_RUN = "lab_origin_connections_shared"
"""A line of what the scenario may state, and this one does not."""
SHOWN = [
    query for query in queries()
    if query.panel not in MAY_BE_EMPTY and NOT_IN_THIS_RUN not in query.expr and query.dashboard != BOARD
]  # fmt: skip
"""What has data in this stage; that the board of TTLs has some is seen with a tuner, in `test_tuned`."""
UNUSED_VARIABLES = {variable_of(kind) for kind in TITLES} - {
    variable_of(discover().strategies[name].stated(5.0, {}).mechanism().kind) for name in STRATEGIES
}
"""Variables of kinds of which no strategy is asked."""
EMPTY_FOR_SOME = {
    # no lock, no wait: only strategies that coordinate between pods have any
    "coordination/Waits for another pod/A",
}
"""Panels that are rightly empty for some strategies. Everything else counts, and shows 0 for what did not happen."""


def test_the_data_source_answers_those_who_only_look(stack: Stack) -> None:
    assert stack.grafana.number("1 + 1") == 2


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=DASHBOARD_NAMES)
def test_every_dashboard_file_is_served(stack: Stack, dashboard: dict[str, Any]) -> None:
    uid = dashboard["uid"]
    assert uid in {found["uid"] for found in stack.grafana.get("/api/search", type="dash-db")}
    served = stack.grafana.get(f"/api/dashboards/uid/{uid}")["dashboard"]
    assert served["title"] == dashboard["title"]
    titles = [panel.get("title") for panel in panels_of(dashboard)]
    assert [panel.get("title") for panel in panels_of(served)] == titles


@pytest.mark.parametrize("dashboard", DASHBOARDS, ids=DASHBOARD_NAMES)
def test_its_variables_have_values(stack: Stack, calm: Calm, dashboard: dict[str, Any]) -> None:
    for variable in dashboard.get("templating", {}).get("list", []):
        selector, label = label_values(variable["query"])
        selector = selector.replace("$strategy", BASELINE)
        if variable["name"] in UNUSED_VARIABLES or dashboard["uid"] == BOARD:
            continue
        assert stack.grafana.by(label, f"count by ({label}) (last_over_time({selector}[10s]))", calm.window.end_s)


def _values(grafana: Grafana, query: Query, strategies: list[str], window: Window) -> list[float]:
    """All that a panel would draw in the window, or at its end."""
    expr = query.filled(strategies, BASELINE)
    found: list[Series] = grafana.now(expr, window.end_s) if query.instant else grafana.series(expr, window)
    points = [point for series in found for point in series.get("values") or [series["value"]]]
    return [value for _, text in points if not math.isnan(value := float(text))]


@pytest.mark.parametrize("query", [query for query in SHOWN if query.is_by_strategy], ids=lambda query: query.name)
def test_a_panel_has_data_for_every_strategy(stack: Stack, calm: Calm, query: Query) -> None:
    empty = [name for name in STRATEGIES if not _values(stack.grafana, query, [name], calm.window)]
    if query.name in EMPTY_FOR_SOME:
        assert empty != STRATEGIES
    else:
        assert empty == []


@pytest.mark.parametrize("query", SHOWN, ids=lambda query: query.name)
def test_a_panel_has_data_for_all_together(stack: Stack, calm: Calm, query: Query) -> None:
    assert _values(stack.grafana, query, STRATEGIES, calm.window)


@pytest.mark.parametrize("query", annotations(), ids=lambda query: query.name)
def test_an_annotation_can_be_asked_for(stack: Stack, calm: Calm, query: Query) -> None:
    """Whether something happened in that minute is another matter."""
    stack.grafana.series(query.filled(STRATEGIES, BASELINE), calm.window)


def test_a_panel_that_may_be_empty_says_what_that_means() -> None:
    told = {
        panel["title"]: panel["fieldConfig"]["defaults"].get("noValue", "")
        for dashboard in DASHBOARDS
        for panel in panels_of(dashboard)
        if panel.get("title") in MAY_BE_EMPTY
    }
    assert told.keys() == MAY_BE_EMPTY
    assert [title for title, says in told.items() if not says] == []


def test_there_is_a_query_for_every_panel_that_is_not_text() -> None:
    asked = {(query.dashboard, query.panel) for query in queries()}
    for dashboard in DASHBOARDS:
        for panel in panels_of(dashboard):
            if panel["type"] not in {"row", "text"}:
                assert (dashboard["uid"], panel["title"]) in asked
