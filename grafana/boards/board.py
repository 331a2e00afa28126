"""A dashboard: rows of panels, the variables that all dashboards share, and where each panel goes."""

from collections.abc import Sequence
from typing import Any

from grafana.boards.annotations import annotations
from grafana.boards.source import SOURCE, Json

__all__ = ["COLUMNS", "POD", "SOURCE", "STRATEGY", "TAG", "Json", "make_board"]

TAG = "stampede-lab"
COLUMNS = 24
REFRESH = "2s"
REFRESHES = ("1s", "2s", "5s", "10s", "30s", "1m")
SHOWN = "now-2m"
DELAY = "5s"
"""The delay of recorded series behind the present."""
More = tuple[str, Sequence[Json], bool]


def make_board(
    uid: str,
    title: str,
    description: str,
    rows: Sequence[tuple[str, Sequence[Json]]],
    variables: Sequence[Json],
    more: Sequence[tuple[str, Sequence[Json]]] = (),
) -> Json:
    """The JSON of a dashboard from its rows, each a title with its panels; a row without a title has no header.

    The rows of `more` are closed: their panels ask for nothing until they are opened.
    """
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,  # the crosshair is shared
        "time": {"from": SHOWN, "to": "now"},
        "refresh": REFRESH,
        "timepicker": {"refresh_intervals": list(REFRESHES), "nowDelay": DELAY},
        "schemaVersion": 41,
        "links": [
            {
                "title": "Stampede Lab",
                "type": "dashboards",
                "tags": [TAG],
                "asDropdown": False,
                "includeVars": True,
                "keepTime": True,
                "targetBlank": False,
                "icon": "dashboard",
                "tooltip": "The lab's other dashboards, for the same time and strategies",
                "url": "",
            }
        ],
        "templating": {"list": list(variables)},
        "annotations": {"list": annotations()},
        "panels": _placed([*((*row, False) for row in rows), *((*row, True) for row in more)]),
    }


def _placed(rows: Sequence[More]) -> list[Json]:
    """The panels with their ids and places, from left to right; a panel that does not fit begins a line."""
    placed: list[Json] = []
    number = x = y = height = 0
    for title, panels, is_closed in rows:
        x, y, height = 0, y + height, 0
        inside = placed
        if title:
            number += 1
            header: Json = {"type": "row", "title": title, "collapsed": is_closed, "panels": []}
            placed.append({"id": number, **header, "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
            inside = placed[-1]["panels"] if is_closed else placed
            y += 1
        for panel in panels:
            size = panel["gridPos"]
            if x + size["w"] > COLUMNS:
                x, y, height = 0, y + height, 0
            number += 1
            inside.append({"id": number, **panel, "gridPos": {"x": x, "y": y, **size}})
            x, height = x + size["w"], max(height, size["h"])
    return placed


def query_variable(name: str, label: str, description: str, query: str, **settings: Any) -> Json:
    """A variable whose options are read from the data when the page is loaded."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": SOURCE,
        "query": query,
        "definition": query,
        "refresh": 1,
        "sort": 1,
        **settings,
    }


def strategy_variable(name: str, label: str, description: str, where: str = "", **settings: Any) -> Json:
    """A variable of strategies that are asked, the baseline first: what sorts them stands before their names."""
    selected = f"strategy:lab_strategy_info:asked{{{where}}}" if where else "strategy:lab_strategy_info:asked"
    query = f"label_values({selected}, ordered)"
    return query_variable(name, label, description, query, sort=0, regex=r"/^\d+ (.+)$/", **settings)


def several() -> Json:
    """Settings of a variable of which any number may be chosen, all at first."""
    return {"multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}


STRATEGY = strategy_variable(
    "strategy", "Strategy", "Which to show; a new one is among them when the page is loaded again", **several()
)
BASELINE = strategy_variable("baseline", "Baseline", "What the others are compared with")
POD = query_variable(
    "pod", "Pod", "Of the service", "label_values(pod:lab_requests:increase1s, pod)", **several(), allValue=".+"
)
