"""What is recorded, checked without a stack: named for what it is, each second once, of what is exported."""

import re
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest
import yaml

from app.discovery import discover
from tests.grafana.promql import is_balanced, metrics_of, windows_of
from tests.stack_config.exported import exported_metrics
from tests.stack_config.files import ROOT, Tree, read_env, read_yaml, victoria_command

FILE = ROOT / "victoriametrics" / "rules.yml"
SUMS: list[Tree] = yaml.safe_load((ROOT / "victoriametrics" / "aggregate.yml").read_text(encoding="utf-8"))
RULES = read_yaml("victoriametrics/rules.yml")
EXPORTED = exported_metrics()
NAME = re.compile(r"([a-z_]+):(lab_[a-z_]+|up):([a-z]\w*)")
DELAY_S_MIN = 3.0
"""What was scraped can be asked for 2 s later, and a scrape may take most of a second."""


def rules_of(tree: Tree) -> Iterator[tuple[Tree, Tree]]:
    for group in tree["groups"]:
        yield from ((group, rule) for rule in group["rules"])


def faults(tree: Tree) -> list[str]:
    found: list[str] = []
    for group, rule in rules_of(tree):
        name, expr = rule["record"], rule["expr"]
        if not NAME.fullmatch(name):
            found.append(f"{name}: is not level:metric:operation")
        if group.get("interval") != "1s" and (name.endswith("1s") or group.get("interval") != "2s"):
            found.append(f"{name}: is not recorded each second")
        if float(str(group.get("eval_delay", "0s")).removesuffix("s")) < DELAY_S_MIN:
            found.append(f"{name}: is recorded before its samples can be seen")
        if name.endswith("1s"):
            found += [
                f"{name}: is wider than its second"
                for one in windows_of(expr)
                if (one.width_s, one.step_s) != (1, None)
            ]
        if not is_balanced(expr):
            found.append(f"{name}: brackets do not match")
        if named := [strategy for strategy in discover().strategies if re.search(rf"\b{strategy}\b", expr)]:
            found.append(f"{name}: names the strategy {named[0]}")
        for metric, labels in metrics_of(expr):
            found += [f"{name}: nobody exports {metric}"] if metric not in EXPORTED else []
            found += [f"{name}: {metric} has no label {label}" for label in labels - EXPORTED.get(metric, labels)]
    return found


def test_what_is_recorded_is_named_for_what_it_is_one_second_wide_and_of_what_is_exported() -> None:
    assert faults(RULES) == []


def test_every_recorded_series_has_a_name_of_its_own() -> None:
    made = [(rule["record"], *rule.get("labels", {}).items()) for _, rule in rules_of(RULES)]
    assert len(made) == len(set(made))


def rule(**changed: object) -> Callable[[Tree], object]:
    return lambda tree: tree["groups"][0]["rules"][0].update(changed)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (rule(record="lab_requests_1s"), "is not level:metric:operation"),
        (lambda tree: tree["groups"][0].pop("interval"), "is not recorded each second"),
        (lambda tree: tree["groups"][0].update(eval_delay="2s"), "before its samples can be seen"),
        (lambda tree: tree["groups"][0].pop("eval_delay"), "before its samples can be seen"),
        (
            rule(record="strategy:lab_requests:rate1s", expr="sum by (strategy) (rate(lab_requests_total[5s]))"),
            "wider than its second",
        ),
        (rule(expr="sum by (strategy) (increase(lab_requests_total[1s])"), "brackets"),
        (rule(expr='sum(increase(lab_requests_total{strategy="static"}[1s]))'), "names the strategy static"),
        (rule(expr="sum(increase(lab_request_total[1s]))"), "nobody exports lab_request_total"),
        (rule(expr='sum(increase(lab_requests_total{state="miss"}[1s]))'), "has no label state"),
    ],
)
def test_it_finds(change: Callable[[Tree], object], what: str) -> None:
    tree = deepcopy(RULES)
    change(tree)
    found = faults(tree)
    assert any(what in fault for fault in found), f"{what!r} is not among {found}"


def sum_faults(sums: list[Tree]) -> list[str]:
    found: list[str] = []
    for one in sums:
        name, source = one["name"], one["match"]
        level, metric, operation = name.split(":")
        if one["output_relabel_configs"] != [{"target_label": "__name__", "replacement": name}]:
            found.append(f"{name}: is stored under another name")
        if one["interval"] != "1s" or not one.get("enable_windows"):
            found.append(f"{name}: is not put into the second in which it was scraped")
        if one["outputs"] != [{"increase1s": "increase_prometheus", "max": "max"}.get(operation)]:
            found.append(f"{name}: is {one['outputs']}")
        if "_".join(one["by"][:1]) != level.partition("_")[0]:
            found.append(f"{name}: is summed by {one['by']}")
        if source not in EXPORTED or not source.startswith(metric):
            found.append(f"{name}: nobody exports {source}")
        found += [f"{name}: {source} has no label {label}" for label in set(one["by"]) - EXPORTED.get(source, set())]
    return found


def test_what_is_summed_as_it_comes_in_is_each_growth_once() -> None:
    assert sum_faults(SUMS) == []
    assert len({one["name"] for one in SUMS}) == len(SUMS)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        ({"outputs": ["increase"]}, "is ['increase']"),
        ({"outputs": ["total"]}, "is ['total']"),
        ({"enable_windows": False}, "the second in which it was scraped"),
        ({"interval": "5s"}, "the second in which it was scraped"),
        ({"output_relabel_configs": []}, "another name"),
        ({"match": "lab_request_total"}, "nobody exports"),
        ({"by": ["strategy", "state"]}, "has no label state"),
        ({"by": ["pod"]}, "is summed by"),
    ],
)
def test_it_finds_in_a_sum(change: Tree, what: str) -> None:
    sums = deepcopy(SUMS)
    sums[0].update(change)
    assert any(what in fault for fault in sum_faults(sums)), sum_faults(sums)


def test_vmalert_itself_accepts_the_rules() -> None:
    command = victoria_command("vmalert", read_env()["VMALERT_IMAGE"], FILE)
    if isinstance(command, str):
        pytest.skip(f"`vmalert -dryRun` was not run: {command}")
    run, path = command
    ended = subprocess.run([*run, "-dryRun", f"-rule={path}"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
