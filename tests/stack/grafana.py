"""The stack as a person sees it: through Grafana, without logging in."""

from dataclasses import dataclass
from typing import Any

import httpx

SOURCE = "victoriametrics"
LOOK_BACK = "10s"
"""For the newest sample. An alert is written every five seconds; a scrape of this very second may be on its way."""

Series = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Window:
    """Whole seconds since the epoch, both ends included."""

    start_s: int
    end_s: int


class Grafana:
    """Asks Grafana's API, and VictoriaMetrics through Grafana's proxy."""

    def __init__(self, url: str) -> None:
        self._http = httpx.Client(base_url=url, timeout=20.0, trust_env=False)

    def close(self) -> None:
        self._http.close()

    def get(self, path: str, **query: str) -> Any:
        """The JSON at a path, as a viewer gets it: there is no other user."""
        answer = self._http.get(path, params=query)
        assert answer.status_code == 200, f"{path}: {answer.status_code} {answer.text[:500]}"
        return answer.json()

    def series(self, query: str, window: Window) -> list[Series]:
        """Of each second of the window."""
        times = {"start": window.start_s, "end": window.end_s, "step": "1s"}
        return self._query("query_range", {"query": query, **times})

    def now(self, query: str, at_s: float | None = None) -> list[Series]:
        """At one moment; without one, as new as it gets. A series that has ended is not among them."""
        moment = {} if at_s is None else {"time": at_s}
        return self._query("query", {"query": query, "step": LOOK_BACK, **moment})

    def number(self, query: str, at_s: float | None = None) -> float:
        """Of a query that answers with one series, or with none: 0."""
        found = self.now(query, at_s)
        assert len(found) <= 1, f"{query} answers with {len(found)} series"
        return float(found[0]["value"][1]) if found else 0.0

    def by(self, label: str, query: str, at_s: float | None = None) -> dict[str, float]:
        """The values of a query, by one of its labels."""
        return {series["metric"][label]: float(series["value"][1]) for series in self.now(query, at_s)}

    def _query(self, kind: str, form: dict[str, Any]) -> list[Series]:
        answer = self._http.post(f"/api/datasources/proxy/uid/{SOURCE}/api/v1/{kind}", data=form)
        assert answer.status_code == 200, f"{form['query']}: {answer.status_code} {answer.text[:500]}"
        data = answer.json()["data"]
        if data["resultType"] == "scalar":
            return [{"metric": {}, "value": data["result"], "values": [data["result"]]}]
        return list(data["result"])
