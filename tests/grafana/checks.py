"""What must hold for a dashboard: each check answers with the faults that it finds."""

import math
import re
from collections.abc import Iterator
from typing import Any

from app.discovery import discover
from tests.grafana.promql import grouped_by, is_balanced, label_values, metrics_of, windows_of
from tests.stack_config.exported import SCRAPER_LABELS, exported_metrics

Json = dict[str, Any]

SOURCE_UID = "victoriametrics"
STRATEGIES_SHOWN = 5
QUERIES_MAX = 52
"""Of the costliest dashboard at each refresh, with five strategies."""
REFRESHES = ("2s", "5s")
GRID_COLUMNS = 24
POINTS_PER_S = 1
NO_NEEDLES = {
    "load/Achieved of the target": "whether the last minute counts",
    "load/Lateness, p99": "of the last minute",
    "load/Busiest sender's CPU": "of the last minute",
    "outage/Broken on purpose, now": "whether it is there",
}
"""Panels that may look through a window of more than a second, and why."""
_EXPORTED = exported_metrics()
_VARIABLE = re.compile(r"\$\{?(\w+)")
_RECORDED = re.compile(r"(?:max_over_time|last_over_time)\(\w+:\w+:\w+(?:\{[^}]*\})?\[[^\]]+\]\)")
"""The worst, or the newest, of seconds that are recorded already: as wide as one likes, it loses no needle."""
_DURATION_S = re.compile(r"now-(\d+)m")


def panels_of(board: Json) -> Iterator[Json]:
    """Rows too, and the panels that a closed row keeps."""
    for panel in board["panels"]:
        yield panel
        yield from panel.get("panels", [])


def charts_of(board: Json) -> Iterator[Json]:
    """The panels that show numbers."""
    yield from (panel for panel in panels_of(board) if panel["type"] not in {"row", "text"})


def queries_of(board: Json) -> Iterator[tuple[str, str]]:
    """Every query, of panels, annotations and variables, with the name of who asks."""
    for panel in charts_of(board):
        yield from ((panel["title"], target["expr"]) for target in panel["targets"])
    for note in board["annotations"]["list"]:
        yield note["name"], note["target"]["expr"]
    for variable in board["templating"]["list"]:
        yield f"${variable['name']}", label_values(variable["query"])[0]


def identity_faults(board: Json) -> list[str]:
    """Ids, references and places are there once."""
    faults = [] if re.fullmatch(r"[a-z-]{1,40}", board["uid"]) else [f"uid {board['uid']!r}"]
    panels = list(panels_of(board))
    faults += _twice("panel id", [panel.get("id") for panel in panels])
    faults += _twice("title", [panel["title"] for panel in panels])
    for panel in charts_of(board):
        faults += _twice(f"{panel['title']}: query", [target["refId"] for target in panel["targets"]])
    taken: dict[tuple[int, int], str] = {}
    for panel in panels:
        place = panel["gridPos"]
        if place["x"] + place["w"] > GRID_COLUMNS:
            faults.append(f"{panel['title']}: beyond the right edge")
        for x in range(place["x"], place["x"] + place["w"]):
            for y in range(place["y"], place["y"] + place["h"]):
                if (other := taken.setdefault((x, y), panel["title"])) != panel["title"]:
                    faults.append(f"{panel['title']}: lies on {other}")
    return sorted(set(faults))


def _twice(what: str, values: list[Any]) -> list[str]:
    return [f"{what} {value!r} is there twice" for value in set(values) if values.count(value) > 1]


def wording_faults(board: Json) -> list[str]:
    """Every panel says what it is, what to expect and in which unit."""
    faults = [f"no {field}" for field in ("title", "description", "tags") if not board.get(field)]
    for panel in panels_of(board):
        fields = ("title",) if panel["type"] == "row" else ("title", "description")
        faults += [f"panel {panel['id']}: no {field}" for field in fields if not panel.get(field)]
    for chart in charts_of(board):
        if not chart["fieldConfig"]["defaults"].get("unit"):
            faults.append(f"{chart['title']}: no unit")
        if chart["type"] == "timeseries" and "Expect " not in chart.get("description", ""):
            faults.append(f"{chart['title']}: does not say what to expect")
        if any(not target.get("legendFormat") for target in chart["targets"]):
            faults.append(f"{chart['title']}: a query without a legend")
    return faults


def source_faults(board: Json) -> list[str]:
    """Everything asks the one data source."""
    asking = [(variable["name"], variable) for variable in board["templating"]["list"]]
    asking += [(note["name"], note) for note in board["annotations"]["list"]]
    for panel in charts_of(board):
        asking += [(panel["title"], panel), *((panel["title"], target) for target in panel["targets"])]
    return [
        f"{name}: another data source" for name, one in asking if one.get("datasource", {}).get("uid") != SOURCE_UID
    ]


def metric_faults(board: Json) -> list[str]:
    """Every metric and label that is asked for is exported by somebody."""
    faults: list[str] = []
    for name, query in queries_of(board):
        if not is_balanced(query):
            faults.append(f"{name}: brackets do not match in {query}")
        known: set[str] = set()
        for metric, labels in metrics_of(query):
            if metric not in _EXPORTED:
                faults.append(f"{name}: nobody exports {metric}")
                continue
            known |= _EXPORTED[metric]
            faults += [f"{name}: {metric} has no label {label}" for label in labels - _EXPORTED[metric]]
        if not known:
            faults.append(f"{name}: asks for nothing")
        faults += [f"{name}: groups by {label}, which nothing has" for label in grouped_by(query) - known]
    for variable in board["templating"]["list"]:
        selector, label = label_values(variable["query"])
        having = [_EXPORTED.get(metric, SCRAPER_LABELS) for metric, _ in metrics_of(selector)]
        if any(label not in labels for labels in having):
            faults.append(f"${variable['name']}: values of {label!r}, which nothing has")
    return faults


def variable_faults(board: Json) -> list[str]:
    """Every variable that is used is there, and the other way round."""
    there = {variable["name"] for variable in board["templating"]["list"]}
    texts = [query for _, query in queries_of(board)]
    texts += [panel["title"] for panel in panels_of(board)]
    texts += [target["legendFormat"] for chart in charts_of(board) for target in chart["targets"]]
    texts += [panel["options"]["content"] for panel in panels_of(board) if panel["type"] == "text"]
    used = {name for text in texts for name in _VARIABLE.findall(text) if not name.startswith("__")}
    used |= {panel["repeat"] for panel in panels_of(board) if "repeat" in panel}
    return [f"${name} is not there" for name in used - there] + [f"${name} is not used" for name in there - used]


def needle_faults(board: Json) -> list[str]:
    """A needle that lasts a second shows: one second wide, at every second, however narrow the panel."""
    faults: list[str] = []
    minutes = _DURATION_S.fullmatch(board["time"]["from"])
    shown_s = int(minutes[1]) * 60 if minutes else math.inf
    for panel in charts_of(board):
        title, is_exempt = panel["title"], f"{board['uid']}/{panel['title']}" in NO_NEEDLES
        for target in panel["targets"]:
            if target.get("interval") != "1s":
                faults.append(f"{title}: the least step is not 1 s")
            if not is_exempt:
                faults += [f"{title}: {fault}" for fault in _blurs(target["expr"])]
        if panel["type"] in {"timeseries", "heatmap"} and panel.get("maxDataPoints", 0) < shown_s * POINTS_PER_S:
            faults.append(f"{title}: fewer points than seconds, every other needle would be lost")
    return faults


def _blurs(query: str) -> Iterator[str]:
    rest = _RECORDED.sub("", query)
    if re.search(r"\b\w+:\w+:\w+", rest):
        yield "a recorded series as it is, which repeats a second where the next one is missing"
    for window in windows_of(rest):
        if window.step_s is None and window.width_s > 1:
            yield f"a window of {window.width_s:g} s"
        if window.step_s is not None and (window.step_s != 1 or "max_over_time(" not in query):
            yield "looks at many seconds, and not for the worst of them"


def axis_faults(board: Json) -> list[str]:
    """Panels side by side have the same axis: a fixed one, or one made by the same invisible series in each."""
    return [
        f"{panel['title']}: side by side on axes of their own"
        for panel in charts_of(board)
        if "repeat" in panel and panel["type"] == "timeseries" and not _has_shared_axis(panel)
    ]


def _has_shared_axis(panel: Json) -> bool:
    defaults = panel["fieldConfig"]["defaults"]
    if defaults.get("min") is None:
        return False
    if defaults.get("max") is not None or defaults["custom"].get("stacking", {}).get("mode") == "percent":
        return True
    return any(_is_shared_and_hidden(panel, target) for target in panel["targets"])


def _is_shared_and_hidden(panel: Json, target: Json) -> bool:
    """One series, the same in each copy of the panel, which counts for the axis and is not seen."""
    expr = target["expr"]
    if not expr.startswith("max(") or f"${panel['repeat']}" in expr:
        return False
    own = {"id": "byFrameRefID", "options": target["refId"]}
    look = {
        one["id"]: one["value"]
        for rule in panel["fieldConfig"]["overrides"]
        if rule["matcher"] == own
        for one in rule["properties"]
    }
    hidden = {"legend": True, "tooltip": True, "viz": False}
    return look.get("custom.lineWidth") == 0 and look.get("custom.hideFrom") == hidden


def cost_faults(board: Json) -> list[str]:
    """What a viewer of the first screen asks for at each refresh is bounded; closed rows ask for nothing."""
    asked = 0
    for panel in board["panels"]:
        copies = STRATEGIES_SHOWN if "repeat" in panel else 1
        asked += copies * len(panel.get("targets", ()))
    faults = [] if asked <= QUERIES_MAX else [f"{asked} queries at each refresh"]
    faults += [] if board["refresh"] in REFRESHES else [f"a refresh each {board['refresh']}"]
    faults += [
        f"${one['name']} is asked for at each refresh" for one in board["templating"]["list"] if one["refresh"] != 1
    ]
    return faults


def ratio_faults(board: Json) -> list[str]:
    """Nothing is divided by zero: a mean of "Infinity" in a legend."""
    return [
        f"{asker}: divides by what may be 0"
        for asker, query in queries_of(board)
        for divisor in query.split(" / ")[1:]
        if not re.match(r"(?:on \(\w*\) (?:group_left \(\w*\) )?)?(?:\(|sum\().+ > 0\)", divisor)
    ]


def strategy_name_faults(board: Json) -> list[str]:
    """Strategies are discovered: no query, title or legend names one; only a colour and a first choice may.

    A kind of mechanism may have a strategy's name.
    """
    texts = list(queries_of(board))
    texts += [(panel["title"], panel["title"]) for panel in panels_of(board)]
    texts += [(chart["title"], target["legendFormat"]) for chart in charts_of(board) for target in chart["targets"]]
    names = "|".join(discover().strategies)
    return [
        f"{asker}: names a strategy: {text}" for asker, text in texts if re.search(rf"(?<!kind=\")\b({names})\b", text)
    ]


CHECKS = (
    identity_faults,
    wording_faults,
    source_faults,
    metric_faults,
    variable_faults,
    needle_faults,
    axis_faults,
    cost_faults,
    ratio_faults,
    strategy_name_faults,
)
