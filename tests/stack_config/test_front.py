"""The front door: it finds every pod that there may be, where a pod listens, and by a path that a pod answers."""

import re
from pathlib import Path

from app.main import create_app
from app.settings import Settings
from tests.stack_config.files import ROOT, read_yaml

CONFIG = (ROOT / "front" / "haproxy.cfg").read_text(encoding="utf-8")
PREFLIGHT = (ROOT / "bin" / "preflight").read_text(encoding="utf-8")


def found(pattern: str, text: str = CONFIG) -> str:
    match = re.search(pattern, text, re.MULTILINE)
    assert match, f"there is no {pattern}"
    return match[1]


def test_it_has_a_place_for_as_many_pods_as_there_may_be() -> None:
    assert found(r"server-template \S+ (\d+)") == found(r"^check_whole APP_REPLICAS 1 (\d+)", PREFLIGHT)


def test_it_asks_pods_where_they_listen() -> None:
    (listens,) = re.findall(r'"--port", "(\d+)"', (ROOT / "Dockerfile").read_text(encoding="utf-8"))
    assert found(r"server-template \S+ \d+ (\S+)") == f"app:{listens}"


def test_it_asks_by_a_path_that_a_pod_answers(tmp_path: Path) -> None:
    pod = create_app(Settings(origin_path=tmp_path / "origin.sqlite"))
    assert found(r"httpchk GET (\S+)") in {getattr(route, "path", "") for route in pod.routes}


def test_its_port_is_the_one_that_is_published() -> None:
    assert found(r"bind :(\d+)") == found(r":(\d+)$", read_yaml("docker-compose.yml")["services"]["front"]["ports"][0])
