"""The alert rules, checked without a stack: their form, and that they ask for what is exported."""

import re
import subprocess
from collections.abc import Callable, Iterator
from copy import deepcopy

import pytest

from app.discovery import discover
from tests.stack_config.exported import exported_metrics
from tests.stack_config.files import ROOT, Tree, read_env, read_yaml, victoria_command

FILE = ROOT / "victoriametrics" / "alerts.yml"
RULES = read_yaml("victoriametrics/alerts.yml")
EXPORTED = exported_metrics()
_SELECTOR = re.compile(r"(?<![\w:])((?:\w+:)?lab_\w+(?::\w+)?|up|ALERTS)\b(?:\{([^}]*)\})?")
_MATCHER = re.compile(r"(\w+)\s*(?:=~|!~|!=|=)")


def alerts(rules: Tree) -> Iterator[Tree]:
    for group in rules["groups"]:
        yield from group["rules"]


def faults(rules: Tree) -> list[str]:
    found: list[str] = []
    for rule in alerts(rules):
        name, said = rule["alert"], rule.get("annotations", {})
        found += [f"{name}: no {field}" for field in ("summary", "description") if not said.get(field)]
        if rule.get("labels", {}).get("severity") not in {"warning", "critical"}:
            found.append(f"{name}: no severity")
        # In words one may: several are named by words of the language (early, lease).
        if named := [strategy for strategy in discover().strategies if re.search(rf"\b{strategy}\b", rule["expr"])]:
            found.append(f"{name}: names the strategy {named[0]}")
        for metric, matchers in _SELECTOR.findall(rule["expr"]):
            if metric not in EXPORTED:
                found.append(f"{name}: nobody exports {metric}")
                continue
            unknown = set(_MATCHER.findall(matchers)) - EXPORTED[metric]
            found += [f"{name}: {metric} has no label {label}" for label in sorted(unknown)]
        if not _SELECTOR.search(rule["expr"]):
            found.append(f"{name}: asks for no metric")
    return found


def test_every_alert_says_what_it_means_and_asks_for_what_is_exported() -> None:
    assert faults(RULES) == []


def test_every_alert_has_a_name_of_its_own() -> None:
    names = [rule["alert"] for rule in alerts(RULES)]
    assert len(names) == len(set(names))


def rule(**changed: object) -> Callable[[Tree], object]:
    return lambda alert: alert.update(changed)


@pytest.mark.parametrize(
    ("change", "what"),
    [
        (rule(annotations={"summary": "s"}), "no description"),
        (rule(annotations={"description": "d"}), "no summary"),
        (rule(labels={}), "no severity"),
        (rule(expr='sum(increase(lab_requests_total{strategy="static"}[1s])) > 9'), "names the strategy static"),
        (rule(expr="lab_request_total > 0"), "nobody exports lab_request_total"),
        (rule(expr="lab_requests > 0"), "nobody exports lab_requests"),
        (rule(expr='lab_requests_total{state="miss"} > 0'), "lab_requests_total has no label state"),
        (rule(expr="1 > 0"), "asks for no metric"),
    ],
)
def test_it_finds(change: Callable[[Tree], object], what: str) -> None:
    rules = deepcopy(RULES)
    change(next(alerts(rules)))
    found = faults(rules)
    assert any(what in fault for fault in found), f"{what!r} is not among {found}"


def test_vmalert_itself_accepts_the_rules() -> None:
    command = victoria_command("vmalert", read_env()["VMALERT_IMAGE"], FILE)
    if isinstance(command, str):
        pytest.skip(f"`vmalert -dryRun` was not run: {command}")
    run, path = command
    ended = subprocess.run([*run, "-dryRun", f"-rule={path}"], capture_output=True, text=True, timeout=60, check=False)
    assert ended.returncode == 0, ended.stderr
