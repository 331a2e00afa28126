"""Panels in the house's style: one point a second, one colour per strategy, a legend that tells the maximum."""

from collections.abc import Sequence
from typing import Any

from app.contender_names import contender_names
from app.discovery import discover
from app.strategy_groups import CONTENDER_MARK
from grafana.boards.board import COLUMNS
from grafana.boards.source import SOURCE, Json
from loadtest.report.colours import colours, rounds
from loadtest.report.marks import marked

_FOUND = discover(wrong=True)
STRATEGY_COLORS = colours(_FOUND.strategies, [*_FOUND.choosable, *contender_names()])
"""The report's colours. A strategy that came after these files were written gets one of Grafana's, by its name."""
LINE_STYLES: tuple[Json, ...] = ({"fill": "solid"}, {"fill": "dash", "dash": [10, 5]}, {"fill": "dot", "dash": [1, 5]})
"""The style of lines for each round of strategies through the palette: of one colour, one is dashed and one dotted."""
STATUS_COLORS = {
    "hit": "#3D4A5C",
    "stale": "#F0E442",
    "collapsed": "#56B4E9",
    "miss": "#D55E00",
    "shed": "#CC79A7",
    "error": "#FFFFFF",
}
WHY_COLORS = {"miss": "#D55E00", "refresh": "#009E73", "early": "#CC79A7", "warm": "#56B4E9"}
BOUND_COLOR = "#9FA7B3"

POINTS_MAX = 3600
"""The most points of a series: an hour of seconds. Grafana's default, the panel's width, would drop needles."""
PER_ROW_MAX = 6
SHARES_AND_SECONDS = ("percent", "percentunit", "s")
AXIS = "Axis"


def target(expr: str, legend: str, ref: str = "A") -> Json:
    return {"refId": ref, "datasource": SOURCE, "expr": expr, "legendFormat": legend, "range": True, "interval": "1s"}


def axis_target(expr: str) -> Json:
    """An invisible line as high as the highest of all panels side by side, which makes their axes the same."""
    return target(expr, "axis", AXIS)


def _frame(kind: str, title: str, description: str, width: int, height: int) -> Json:
    """The fields that every panel of data has."""
    return {
        "type": kind,
        "title": title,
        "description": description,
        "datasource": SOURCE,
        "gridPos": {"w": width, "h": height},
    }


def time_series(
    title: str,
    description: str,
    targets: Sequence[Json],
    unit: str,
    width: int = 8,
    height: int = 8,
    overrides: Sequence[Json] = (),
    defaults: Json | None = None,
    custom: Json | None = None,
    legend: Json | None = None,
) -> Json:
    """A panel of lines over time, from 0 upwards; `custom` is their style, `defaults` are settings of all fields."""
    drawn: Json = {"lineWidth": 1, "fillOpacity": 8, "showPoints": "never", "spanNulls": False}
    if unit not in SHARES_AND_SECONDS:
        drawn["axisSoftMax"] = 1  # of nothing but zeros Grafana would make an axis up to 100
    return {
        **_frame("timeseries", title, description, width, height),
        "maxDataPoints": POINTS_MAX,
        "targets": list(targets),
        "fieldConfig": {
            "defaults": {
                "unit": unit,
                "min": 0,
                "color": {"mode": "palette-classic-by-name"},
                "custom": drawn | (custom or {}),
                **(defaults or {}),
            },
            "overrides": [*_strategy_overrides(targets), *overrides, *_axis_overrides(targets)],
        },
        "options": {
            "legend": {"showLegend": True, "displayMode": "list", "placement": "bottom", "calcs": ["max"]}
            | (legend or {}),
            "tooltip": {"mode": "multi", "sort": "desc"},
        },
    }


def stat(
    title: str,
    description: str,
    targets: Sequence[Json],
    unit: str,
    width: int = 4,
    height: int = 4,
    overrides: Sequence[Json] = (),
    defaults: Json | None = None,
    options: Json | None = None,
) -> Json:
    """A panel with the newest value of each target, in large type."""
    return {
        **_frame("stat", title, description, width, height),
        "targets": [{**one, "range": False, "instant": True} for one in targets],
        "fieldConfig": {
            "defaults": {"unit": unit, "color": {"mode": "fixed", "fixedColor": "text"}, **(defaults or {})},
            "overrides": [*_strategy_overrides(targets), *overrides],
        },
        "options": {
            "reduceOptions": {"calcs": ["lastNotNull"], "fields": "", "values": False},
            "colorMode": "value",
            "graphMode": "none",
            "textMode": "value",
            "justifyMode": "center",
            **(options or {}),
        },
    }


def heatmap(title: str, description: str, expr: str, unit: str, width: int = 8, height: int = 8) -> Json:
    """A panel of a histogram's observations over time; `expr` gives its buckets by `le`.

    The buckets are cumulative, and Grafana takes them apart.
    """
    return {
        **_frame("heatmap", title, description, width, height),
        "maxDataPoints": POINTS_MAX,
        "targets": [{**target(expr, "{{le}}"), "format": "heatmap"}],
        "fieldConfig": {
            "defaults": {"unit": unit, "custom": {"scaleDistribution": {"type": "linear"}}},
            "overrides": [],
        },
        "options": {
            "calculate": False,
            "cellGap": 0,
            "color": {
                "mode": "scheme",
                "scheme": "Oranges",
                "scale": "exponential",
                "exponent": 0.5,
                "steps": 64,
                "fill": "dark-orange",
                "reverse": False,
            },
            "filterValues": {"le": 0.5},
            "rowsFrame": {"layout": "auto"},
            "yAxis": {"unit": unit},
            "tooltip": {"mode": "single", "yHistogram": True},
            "legend": {"show": False},
        },
    }


def link(title: str, url: str) -> Json:
    """A link in a panel's corner to another page, for the same time range."""
    return {
        "title": title,
        "type": "link",
        "url": f"{url}&${{__url_time_range}}",
        "icon": "",
        "tooltip": "",
        "tags": [],
        "asDropdown": False,
        "includeVars": False,
        "keepTime": False,
        "targetBlank": False,
    }


def steps(*at: tuple[float | None, str]) -> Json:
    """The setting for colours by value, each from its number upwards."""
    colored = [{"value": value, "color": color} for value, color in at]
    return {"color": {"mode": "thresholds"}, "thresholds": {"mode": "absolute", "steps": colored}}


def text(title: str, content: str, height: int, width: int = COLUMNS) -> Json:
    return {
        "type": "text",
        "title": title,
        "description": "What this dashboard shows, and what to look for.",
        "gridPos": {"w": width, "h": height},
        "options": {"mode": "markdown", "content": content},
    }


def per_strategy(panel: Json, of: str = "strategy") -> Json:
    """The panel once for each strategy that `of` chooses, side by side, with a link to the strategy's own page."""
    panel["gridPos"]["w"] = COLUMNS
    page = link(f"${of} alone, with what it costs", f"/d/strategy?var-strategy=${of}")
    return panel | {"repeat": of, "repeatDirection": "h", "maxPerRow": PER_ROW_MAX, "links": [page]}


def override(regexp: str, **properties: Any) -> Json:
    """Settings for the series whose names match; `custom_lineWidth` is the setting custom.lineWidth."""
    settings = [{"id": name.replace("_", ".", 1), "value": value} for name, value in properties.items()]
    return {"matcher": {"id": "byRegexp", "options": f"/{regexp}/"}, "properties": settings}


def colors(by_name: dict[str, str]) -> list[Json]:
    """Fixed colours for series, by the first word of their names."""
    return [override(_first_word(name), color=_fixed(color)) for name, color in by_name.items()]


def _first_word(*names: str) -> str:
    return f"^({'|'.join(names)})( |$)"


def bound(name: str, **more: Any) -> Json:
    """The settings for a line that is a limit of the data."""
    dashed = {"fill": "dash", "dash": [8, 6]}
    return override(
        f"^{name}$",
        color=_fixed(BOUND_COLOR),
        custom_lineStyle=dashed,
        custom_lineWidth=2,
        custom_fillOpacity=0,
        **more,
    )


def _strategy_overrides(targets: Sequence[Json]) -> list[Json]:
    legends = [one["legendFormat"] for one in targets]
    if not any(legend.startswith("{{strategy}}") for legend in legends):
        return []
    return [*_strategy_colors(), *_line_styles(), *(_marks() if "{{strategy}}" in legends else ())]


def _strategy_colors() -> list[Json]:
    """A rule for each colour, with the names of all that have it: one for each strategy would be thousands of lines."""
    names: dict[str, list[str]] = {}
    for name, color in STRATEGY_COLORS.items():
        names.setdefault(color, []).append(name)
    return [override(_first_word(*of_color), color=_fixed(color)) for color, of_color in names.items()]


def _marks() -> list[Json]:
    """The signs of mistakes and of contenders, in legends that are a strategy's name."""
    contenders = "|".join(contender_names())
    return [
        *(override(f"^{name}$", displayName=marked(name)) for name in _FOUND.wrong),
        override(f"^({contenders})$", displayName=f"${{__field.labels.strategy}} {CONTENDER_MARK}"),
    ]


def _line_styles() -> list[Json]:
    styled = zip(rounds(STRATEGY_COLORS), LINE_STYLES, strict=False)
    return [
        override(_first_word(*names), custom_lineStyle=style) for names, style in styled if style["fill"] != "solid"
    ]


def _axis_overrides(targets: Sequence[Json]) -> list[Json]:
    if all(one["refId"] != AXIS for one in targets):
        return []
    hidden = {
        "custom.lineWidth": 0,
        "custom.fillOpacity": 0,
        "custom.hideFrom": {"legend": True, "tooltip": True, "viz": False},  # drawn, or it would not count
    }
    properties = [{"id": name, "value": value} for name, value in hidden.items()]
    return [{"matcher": {"id": "byFrameRefID", "options": AXIS}, "properties": properties}]


def _fixed(color: str) -> Json:
    return {"mode": "fixed", "fixedColor": color}
