"""Every metric that the service and the load export, by the names and labels under which it is stored."""

import re
from collections.abc import Iterator

import pytest
import yaml
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from app.counters import Family
from app.metrics import Metrics
from loadtest.generator import exporter
from tests.stack_config.files import ROOT, Tree, read_yaml

SCRAPER_LABELS = {"job", "instance", "pod"}
OF_THE_TOOLS = {
    "up": SCRAPER_LABELS,
    "lab_fault": {"fault", "does"},  # told by whoever breaks something: loadtest/worlds/fault_marks.py
    "ALERTS": {"alertname", "alertstate", "alertgroup", "severity", "strategy", "pod", "cause"},
}
_BY = re.compile(r"\bby \(([^)]*)\)")
_SAMPLES = {"counter": ("_total",), "gauge": ("",), "histogram": ("_bucket", "_sum", "_count")}


def exported_metrics() -> dict[str, set[str]]:
    """Labels by name, `up` and ALERTS included."""
    registries: list[CollectorRegistry] = [Metrics().registry]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(exporter, "start_http_server", lambda port, registry, addr: registries.append(registry))
        exporter.LoadMetrics(0)
    found = dict(OF_THE_TOOLS)
    for registry in registries:
        found |= dict(_samples(registry))
    return found | recorded_series()


def recorded_series() -> dict[str, set[str]]:
    """What VictoriaMetrics sums up as it comes in and what vmalert records, with their labels."""
    rules = [rule for group in read_yaml("victoriametrics/rules.yml")["groups"] for rule in group["rules"]]
    recorded = {rule["record"]: _labels_of(rule["expr"]) | set(rule.get("labels", {})) for rule in rules}
    sums: list[Tree] = yaml.safe_load((ROOT / "victoriametrics" / "aggregate.yml").read_text(encoding="utf-8"))
    return recorded | {one["name"]: set(one["by"]) for one in sums}


def _labels_of(expr: str) -> set[str]:
    """Of what an expression answers with: those of its first `by`, without the `le` that a quantile uses up."""
    found = _BY.search(expr)
    labels = {label.strip() for label in found[1].split(",")} if found else set()
    return labels - {"le"} if expr.startswith("histogram_quantile(") else labels


def _samples(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    for metric in registry._collector_to_names:
        if isinstance(metric, Family):  # the service's
            name, kind, own = metric.name, metric.kind, metric.label_names
        else:
            assert isinstance(metric, MetricWrapperBase)
            name, kind, own = metric._name, str(metric._type), metric._labelnames
        labels = {*own, *SCRAPER_LABELS}
        for suffix in _SAMPLES[kind]:
            yield f"{name}{suffix}", labels | {"le"} if suffix == "_bucket" else labels
