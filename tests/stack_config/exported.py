"""Every metric that the service and the load export, by the names and labels under which it is stored."""

from collections.abc import Iterator

import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics import MetricWrapperBase

from app.metrics import Metrics
from loadtest.drive import exporter

SCRAPER_LABELS = {"job", "instance", "pod"}
OF_THE_TOOLS = {
    "up": SCRAPER_LABELS,
    "ALERTS": {"alertname", "alertstate", "alertgroup", "severity", "strategy", "pod"},
}
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
    return found


def _samples(registry: CollectorRegistry) -> Iterator[tuple[str, set[str]]]:
    for metric in registry._collector_to_names:
        assert isinstance(metric, MetricWrapperBase)
        labels = {*metric._labelnames, *SCRAPER_LABELS}
        for suffix in _SAMPLES[str(metric._type)]:
            yield f"{metric._name}{suffix}", labels | {"le"} if suffix == "_bucket" else labels
