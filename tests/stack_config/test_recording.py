"""The recording rules, checked without a stack: named for what they are, one second wide, of what is exported."""

import re
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest

from app.discovery import discover
from tests.grafana.promql import is_balanced, metrics_of, windows_of
from tests.stack_config.exported import exported_metrics
from tests.stack_config.files import ROOT, Tree, read_env, read_yaml, victoria_command

FILE = ROOT / "victoriametrics" / "rules.yml"
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
        (rule(expr="sum by (strategy) (rate(lab_requests_total[5s]))"), "wider than its second"),
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


def test_vmalert_itself_accepts_the_rules() -> None:
    command = victoria_command("vmalert", read_env()["VMALERT_IMAGE"], FILE)
    if isinstance(command, str):
        pytest.skip(f"`vmalert -dryRun` was not run: {command}")
    run, path = command
    ended = subprocess.run([*run, "-dryRun", f"-rule={path}"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
