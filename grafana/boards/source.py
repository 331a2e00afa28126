"""Where everything is asked."""

from typing import Any

Json = dict[str, Any]

SOURCE: Json = {"type": "prometheus", "uid": "victoriametrics"}
