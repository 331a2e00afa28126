"""Write the dashboards' JSON, where Grafana reads it."""

import json
from pathlib import Path

from grafana.boards import coordination, load, many_keys, outage, stampede, strategy, ttls
from grafana.boards.source import Json

FOLDER = Path(__file__).parent.parent / "dashboards"
BOARDS = (stampede, many_keys, strategy, coordination, load, outage, ttls)


def texts() -> dict[str, str]:
    """The dashboards' files, by name."""
    return {f"{made['uid']}.json": as_text(made) for made in (module.board() for module in BOARDS)}


def as_text(made: Json) -> str:
    return json.dumps(made, indent=2, ensure_ascii=False) + "\n"


if __name__ == "__main__":
    for name, text in texts().items():
        (FOLDER / name).write_text(text)
        print(FOLDER / name)
