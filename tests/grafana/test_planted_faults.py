"""The checks of the dashboards, by planted faults: each must be found by the check that is there for it."""

from collections.abc import Callable
from copy import deepcopy

import pytest

from grafana.boards import stampede
from grafana.boards.annotations import annotations
from grafana.boards.board import query_variable
from grafana.boards.panels import AXIS
from grafana.boards.story import READS
from tests.grafana.checks import (
    CHECKS,
    Json,
    axis_faults,
    cost_faults,
    identity_faults,
    metric_faults,
    needle_faults,
    panels_of,
    ratio_faults,
    source_faults,
    strategy_name_faults,
    variable_faults,
    wording_faults,
)
from tests.grafana.promql import Window, grouped_by, is_balanced, metrics_of, windows_of
from tests.grafana.schema import schema_faults

Change = Callable[[Json], object]


def panel(board: Json, title: str) -> Json:
    [found] = [one for one in panels_of(board) if one["title"] == title]
    assert isinstance(found, dict)
    return found


def reads(board: Json) -> Json:
    """The panel of the needles."""
    return panel(board, "$strategy: origin reads per second")


def custom(board: Json) -> Json:
    drawn: Json = reads(board)["fieldConfig"]["defaults"]["custom"]
    return drawn


def ask(board: Json, query: str) -> None:
    reads(board)["targets"][0]["expr"] = query


def axis(board: Json) -> Json:
    """The invisible series."""
    [found] = [target for target in reads(board)["targets"] if target["refId"] == AXIS]
    assert isinstance(found, dict)
    return found


def add_override(board: Json, name: str, value: object) -> None:
    rule = {"matcher": {"id": "byName", "options": "x"}, "properties": [{"id": name, "value": value}]}
    reads(board)["fieldConfig"]["overrides"].append(rule)


def show_axis(board: Json) -> None:
    for rule in reads(board)["fieldConfig"]["overrides"]:
        rule["properties"] = [one for one in rule["properties"] if one["id"] != "custom.lineWidth"]


def select(board: Json, name: str, query: str) -> None:
    [found] = [one for one in board["templating"]["list"] if one["name"] == name]
    found["query"] = query


def unused_variable() -> Json:
    return query_variable("job", "Job", "Of the scraper", "label_values(up, job)")


PLANTED: dict[str, tuple[Callable[[Json], list[str]], Change]] = {
    "a setting that Grafana does not know": (schema_faults, lambda b: b.update(refreshh="1s")),
    "a setting of a panel that Grafana does not know": (schema_faults, lambda b: reads(b).update(titel="x")),
    "a setting of a query that Grafana does not know": (
        schema_faults,
        lambda b: reads(b)["targets"][0].update(legend="x"),
    ),
    "a way of drawing that Grafana does not know": (schema_faults, lambda b: custom(b).update(lineWith=1)),
    "a number for a text": (schema_faults, lambda b: reads(b).update(title=5)),
    "a text for a number": (schema_faults, lambda b: reads(b)["gridPos"].update(h="8")),
    "a text for a list": (schema_faults, lambda b: b.update(tags="stampede-lab")),
    "a number where yes or no is asked": (schema_faults, lambda b: b.update(editable=1)),
    "yes where a number is asked": (schema_faults, lambda b: custom(b).update(lineWidth=True)),
    "a style that there is not": (schema_faults, lambda b: custom(b).update(drawStyle="lines")),
    "a direction that there is not": (schema_faults, lambda b: reads(b).update(repeatDirection="horizontal")),
    "a kind of panel that there is not": (schema_faults, lambda b: reads(b).update(type="graphs")),
    "a kind of variable that there is not": (schema_faults, lambda b: b["templating"]["list"][0].update(type="querry")),
    "panels that are no list": (schema_faults, lambda b: b.update(panels={})),
    "options of another kind": (schema_faults, lambda b: reads(b).update(options="legend")),
    "an override of what there is not": (schema_faults, lambda b: add_override(b, "custom.lineWith", 2)),
    "an override of what no field has": (schema_faults, lambda b: add_override(b, "units", "s")),
    "an override by a wrong value": (schema_faults, lambda b: add_override(b, "custom.lineWidth", "2")),
    "an unknown setting of an annotation": (
        schema_faults,
        lambda b: b["annotations"]["list"][0].update(titel="x"),
    ),
    "a link with a setting that Grafana does not know": (schema_faults, lambda b: reads(b)["links"][0].update(uri="x")),
    "a panel's id twice": (identity_faults, lambda b: reads(b).update(id=1)),
    "a title twice": (identity_faults, lambda b: reads(b).update(title="Miss ratio")),
    "a query's letter twice": (identity_faults, lambda b: axis(b).update(refId="A")),
    "a uid that no link can carry": (identity_faults, lambda b: b.update(uid="Stampede Lab")),
    "a panel on another": (identity_faults, lambda b: panel(b, "Miss ratio")["gridPos"].update(x=4)),
    "a panel beyond the edge": (identity_faults, lambda b: panel(b, "Lock waits")["gridPos"].update(w=13)),
    "a panel without a title": (wording_faults, lambda b: reads(b).update(title="")),
    "a panel without a description": (wording_faults, lambda b: reads(b).pop("description")),
    "a panel that does not say what to expect": (wording_faults, lambda b: reads(b).update(description="Reads.")),
    "numbers without a unit": (wording_faults, lambda b: reads(b)["fieldConfig"]["defaults"].pop("unit")),
    "a query without a legend": (wording_faults, lambda b: axis(b).pop("legendFormat")),
    "a panel of another data source": (source_faults, lambda b: reads(b).update(datasource={"uid": "prometheus"})),
    "a query of another data source": (source_faults, lambda b: axis(b).update(datasource={"uid": "prometheus"})),
    "a variable of another data source": (source_faults, lambda b: b["templating"]["list"][0].pop("datasource")),
    "an annotation of another data source": (source_faults, lambda b: b["annotations"]["list"][0].pop("datasource")),
    "a metric that nobody exports": (metric_faults, lambda b: ask(b, "sum(lab_origin_loads_total)")),
    "a counter without its suffix": (metric_faults, lambda b: ask(b, "sum(increase(lab_origin_reads[1s]))")),
    "a metric in a quotient that nobody exports": (metric_faults, lambda b: ask(b, "sum(up) / sum(lab_pods)")),
    "a label that a metric has not": (metric_faults, lambda b: ask(b, 'sum(lab_cache_commands_total{strategy="x"})')),
    "a label to group by that nothing has": (
        metric_faults,
        lambda b: ask(b, "sum by (strategie) (lab_requests_total)"),
    ),
    "a bracket too few": (metric_faults, lambda b: ask(b, "sum(increase(lab_origin_reads_total[1s])")),
    "a query that asks for nothing": (metric_faults, lambda b: ask(b, "")),
    "a variable of what nobody exports": (
        metric_faults,
        lambda b: select(b, "strategy", "label_values(lab_request_total, strategy)"),
    ),
    "a variable of a label that a metric has not": (
        metric_faults,
        lambda b: select(b, "strategy", "label_values(up, strategy)"),
    ),
    "an annotation of what nobody exports": (
        metric_faults,
        lambda b: b["annotations"]["list"][0]["target"].update(expr="lab_load_runs > 0"),
    ),
    "a variable that is not there": (variable_faults, lambda b: ask(b, 'sum(up{pod="$pods"})')),
    "a variable to repeat by that is not there": (variable_faults, lambda b: reads(b).update(repeat="strategies")),
    "a variable that nobody uses": (variable_faults, lambda b: b["templating"]["list"].append(unused_variable())),
    "five seconds for a needle": (needle_faults, lambda b: ask(b, "sum(rate(lab_origin_reads_total[5s]))")),
    "Grafana's own window for a needle": (
        needle_faults,
        lambda b: ask(b, "sum(rate(lab_origin_reads_total[$__rate_interval]))"),
    ),
    "a mean of seconds": (needle_faults, lambda b: ask(b, "avg_over_time(sum(increase(up[1s]))[5m:1s])")),
    "the worst of every fifth second": (needle_faults, lambda b: ask(b, "max_over_time(sum(increase(up[1s]))[5m:5s])")),
    "a step of five seconds": (needle_faults, lambda b: axis(b).update(interval="5s")),
    "no least step": (needle_faults, lambda b: axis(b).pop("interval")),
    "as many points as pixels": (needle_faults, lambda b: reads(b).pop("maxDataPoints")),
    "fewer points than seconds": (needle_faults, lambda b: reads(b).update(maxDataPoints=119)),
    "a recorded series as it is": (needle_faults, lambda b: ask(b, f"sum by (strategy) ({READS})")),
    "the mean of recorded seconds": (needle_faults, lambda b: ask(b, f"avg_over_time({READS}[$__interval])")),
    "more seconds than points": (needle_faults, lambda b: b["time"].update({"from": "now-90m"})),
    "an axis for each column": (axis_faults, lambda b: reads(b)["targets"].remove(axis(b))),
    "an axis by the column's own strategy": (
        axis_faults,
        lambda b: axis(b).update(expr='max(up{strategy=~"$strategy"})'),
    ),
    "an invisible series that is seen": (axis_faults, show_axis),
    "an axis that begins anywhere": (axis_faults, lambda b: reads(b)["fieldConfig"]["defaults"].pop("min")),
    "more queries than a viewer may cost": (cost_faults, lambda b: reads(b)["targets"].extend([{}, {}])),
    "a refresh each second": (cost_faults, lambda b: b.update(refresh="1s")),
    "a variable that is asked for at each refresh": (
        cost_faults,
        lambda b: b["templating"]["list"][0].update(refresh=2),
    ),
    "a quotient by what may be 0": (ratio_faults, lambda b: ask(b, "sum(up) / sum(lab_requests_total)")),
    "a query by a strategy's name": (strategy_name_faults, lambda b: ask(b, 'sum(lab_requests_total{strategy="swr"})')),
    "a panel for one strategy": (strategy_name_faults, lambda b: reads(b).update(title="static: origin reads")),
    "a legend for one strategy": (strategy_name_faults, lambda b: axis(b).update(legendFormat="of static")),
}


@pytest.mark.parametrize(("check", "change"), PLANTED.values(), ids=PLANTED)
def test_a_planted_fault_is_found(check: Callable[[Json], list[str]], change: Change) -> None:
    board = deepcopy(stampede.board())
    assert check(board) == []
    change(board)
    assert check(board)


def test_every_check_has_a_planted_fault() -> None:
    assert {check for check, _ in PLANTED.values()} == {schema_faults, *CHECKS}


def test_metrics_are_told_from_functions_labels_and_words() -> None:
    query = (
        'max by (strategy) (a_total{pod=~"b|c", le!="d"}) / on (pod) group_left (x) (e offset 1s > 0) unless f[5m:1s]'
    )
    assert list(metrics_of(query)) == [("a_total", {"pod", "le"}), ("e", set()), ("f", set())]
    assert grouped_by(query) == {"strategy", "pod", "x"}


def test_windows_are_told_from_their_steps() -> None:
    assert windows_of("max_over_time(increase(x[1s])[5m:1s])") == [Window(1, None), Window(300, 1)]
    assert windows_of("rate(x[500ms])") == [Window(0.5, None)]
    assert windows_of("rate(x[$__interval])") == [Window(float("inf"), None)]


def test_brackets_in_a_text_do_not_count() -> None:
    assert is_balanced('a{b="(["}[1s]')
    assert not is_balanced("sum(a[1s)]")


def test_a_moment_is_what_was_not_so_one_step_before() -> None:
    load, faults, _, edits, alerts = (note["target"]["expr"] for note in annotations())
    assert alerts == 'ALERTS{alertstate="firing"} unless ALERTS{alertstate="firing"} offset $__interval'
    code = "max by (code) (max_over_time(lab_code_info[5s]{}))"
    assert edits == f"{code.format('')} unless {code.format(' offset $__interval')}"
    away = "max(max_over_time(lab_cache_away[5s]{})) > 0"
    becomes = f"{away.format('')} unless {away.format(' offset $__interval')}"
    assert f'label_set({becomes}, "what", "Redis is away")' in faults
    assert '"what", "A pod is gone"' in faults
    assert '"what", "The load changes"' in load


def test_a_fault_on_purpose_is_a_span_in_a_colour_and_with_a_tag_of_its_own() -> None:
    """Grafana makes one region of the steps at which a query answers, so it must answer at each, and at no other."""
    notes = annotations()
    [broken] = [note for note in notes if "lab_fault" in note["target"]["expr"]]
    assert broken["target"]["expr"] == "max by (fault, does) (max_over_time(lab_fault[$__interval]))"
    assert broken["tagKeys"] == "fault"
    assert [note["iconColor"] for note in notes].count(broken["iconColor"]) == 1
