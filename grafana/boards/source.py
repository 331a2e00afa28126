"""The data source of all panels."""

from typing import Any

Json = dict[str, Any]

SOURCE: Json = {"type": "prometheus", "uid": "victoriametrics"}
