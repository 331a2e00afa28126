"""What the dashboards ask for: every query of every panel, variables filled in as Grafana does."""

import json
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from grafana.boards.kinds import TITLES, variable_of
from tests.stack_config.files import ROOT

FOLDER = ROOT / "grafana" / "dashboards"
_VARIABLE = re.compile(r"\$(?:\{(\w+)(?::\w+)?\}|(\w+))")
# of a panel that shows one minute at steps of one second
_BUILT_IN = {
    "__interval": "1s", "__interval_ms": "1000", "__rate_interval": "4s", "__rate_interval_ms": "4000",
    "__range": "60s", "__range_s": "60", "__range_ms": "60000",
}  # fmt: skip


@dataclass(frozen=True, slots=True)
class Query:
    """One target of a panel."""

    dashboard: str
    panel: str
    target: str
    expr: str
    instant: bool

    @property
    def name(self) -> str:
        return f"{self.dashboard}/{self.panel}/{self.target}"

    @property
    def is_by_strategy(self) -> bool:
        return "$strategy" in self.expr or "${strategy" in self.expr

    def filled(self, strategies: Sequence[str], baseline: str) -> str:
        """The expression with these strategies chosen. Raises KeyError for a variable that nobody sets."""
        either = "|".join(strategies)
        other = next((name for name in strategies if name != baseline), baseline)
        kinds = {variable_of(kind): either for kind in TITLES}
        variables = _BUILT_IN | kinds | {"strategy": either, "baseline": baseline, "other": other, "pod": ".*"}
        return _VARIABLE.sub(lambda found: variables[found[1] or found[2]], self.expr)


def dashboards() -> list[dict[str, Any]]:
    return [json.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.json"))]


def panels_of(dashboard: dict[str, Any]) -> Iterator[dict[str, Any]]:
    """Rows too, and the panels that a closed row keeps."""
    for panel in dashboard["panels"]:
        yield panel
        yield from panel.get("panels", [])


def queries() -> list[Query]:
    return [
        Query(dashboard["uid"], panel["title"], target["refId"], target["expr"], _is_instant(target))
        for dashboard in dashboards()
        for panel in panels_of(dashboard)
        for target in panel.get("targets", [])
    ]


def annotations() -> list[Query]:
    """What marks moments over all panels."""
    return [
        Query(dashboard["uid"], note["name"], "annotation", note.get("expr") or note["target"]["expr"], False)
        for dashboard in dashboards()
        for note in dashboard.get("annotations", {}).get("list", [])
        if note.get("datasource", {}).get("uid") != "-- Grafana --"
    ]


def _is_instant(target: dict[str, Any]) -> bool:
    return bool(target.get("instant")) and not target.get("range")
