"""A dashboard: rows of panels, the variables and annotations that all dashboards share, and where each panel goes."""

from collections.abc import Sequence
from typing import Any

Json = dict[str, Any]

TAG = "stampede-lab"
SOURCE: Json = {"type": "prometheus", "uid": "victoriametrics"}
COLUMNS = 24
RUNS_COLOR, ENDS_COLOR, ALERTS_COLOR = "#8AB8FF", "#9FA7B3", "#FF7383"


def make_board(
    uid: str, title: str, description: str, rows: Sequence[tuple[str, Sequence[Json]]], variables: Sequence[Json]
) -> Json:
    """`rows` are titles with their panels; a row without a title has no header."""
    return {
        "uid": uid,
        "title": title,
        "description": description,
        "tags": [TAG],
        "timezone": "browser",
        "editable": True,
        "graphTooltip": 1,  # the crosshair is shared
        "time": {"from": "now-5m", "to": "now"},
        "refresh": "1s",
        "timepicker": {"refresh_intervals": ["1s", "2s", "5s", "10s", "30s", "1m"]},
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
        "panels": _placed(rows),
    }


def _placed(rows: Sequence[tuple[str, Sequence[Json]]]) -> list[Json]:
    """The panels with their ids and places: left to right, and on the next line where they do not fit."""
    placed: list[Json] = []
    x = y = height = 0
    for title, panels in rows:
        x, y, height = 0, y + height, 0
        if title:
            header: Json = {"type": "row", "title": title, "collapsed": False, "panels": []}
            placed.append({"id": len(placed) + 1, **header, "gridPos": {"x": 0, "y": y, "w": COLUMNS, "h": 1}})
            y += 1
        for panel in panels:
            size = panel["gridPos"]
            if x + size["w"] > COLUMNS:
                x, y, height = 0, y + height, 0
            placed.append({"id": len(placed) + 1, **panel, "gridPos": {"x": x, "y": y, **size}})
            x, height = x + size["w"], max(height, size["h"])
    return placed


def query_variable(name: str, label: str, description: str, query: str, **settings: Any) -> Json:
    """A variable whose options are read from the data, again with each refresh: what is new appears by itself."""
    return {
        "type": "query",
        "name": name,
        "label": label,
        "description": description,
        "datasource": SOURCE,
        "query": query,
        "definition": query,
        "refresh": 2,
        "sort": 1,
        **settings,
    }


def several(all_value: str | None = ".+") -> Json:
    """Settings of a variable of which any number may be chosen, all at first."""
    everything: Json = {"multi": True, "includeAll": True, "current": {"text": ["All"], "value": ["$__all"]}}
    return everything | ({"allValue": all_value} if all_value else {})


STRATEGY = query_variable(
    "strategy", "Strategy", "Which to show", "label_values(lab_requests_total, strategy)", **several()
)
POD = query_variable("pod", "Pod", "Of the service", "label_values(lab_requests_total, pod)", **several())


def annotations() -> list[Json]:
    """Where runs of the load begin and end, and where an alert begins to fire.

    Grafana asks for annotations at a step of its own choice, so a moment is what has changed since the step before.
    """
    runs, fires = "max(lab_load_running{}) > 0", 'ALERTS{{alertstate="firing"}}{}'
    return [
        _annotation("Load starts", _change(runs), RUNS_COLOR, "The load starts", ""),
        _annotation("Load ends", _change(runs, backwards=True), ENDS_COLOR, "The load ends", ""),
        _annotation("Alerts", _change(fires), ALERTS_COLOR, "{{alertname}}", "{{strategy}} {{pod}}"),
    ]


def _change(expr: str, backwards: bool = False) -> str:
    """True where `expr` has become true, or backwards: has ceased to be."""
    now, before = expr.format(""), expr.format(" offset $__interval")
    return f"{before} unless {now}" if backwards else f"{now} unless {before}"


def _annotation(name: str, expr: str, color: str, title: str, text: str) -> Json:
    return {
        "name": name,
        "enable": True,
        "hide": False,
        "iconColor": color,
        "datasource": SOURCE,
        "target": {"refId": "Annotation", "expr": expr, "interval": "1s"},
        "titleFormat": title,
        "textFormat": text,
    }
