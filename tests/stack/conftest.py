"""The real stack, once for all tests: brought up, driven for a minute, put through faults and taken down.

Each stage is a fixture. Tests are sorted by the stage that they are about, so that whoever kills a pod comes after
whoever counts three; a single test can be chosen and still gets all that it needs. Whatever happens, it all ends.
"""

import signal
from collections.abc import Iterator
from contextlib import closing, contextmanager

import pytest

from app.discovery import discover
from tests.docker_engine import engine_missing
from tests.stack.alarms import RedisAway, Restarted, restart_metrics, take_redis_away
from tests.stack.asked import Asked, ask
from tests.stack.contended import Contended, contend
from tests.stack.edits import Edited, copy_repository, edit
from tests.stack.grafana import Grafana, Window
from tests.stack.project import Project
from tests.stack.stages import Calm, Gone, Killed, Scaled, Stack, flush, kill_a_pod, scale, stay_calm, take_down
from tests.stack.tuned import Tuned, tune
from tests.stack.viewers import Watched, watch
from tests.stack.warmed import Warmed, warm

STAGES = (
    "stack", "calm", "watched", "flushed", "restarted", "redis_away", "killed", "scaled", "warmed", "asked",
    "tuned", "contended", "gone", "edited",
)  # fmt: skip
TIMEOUT_S = 1_200
"""Of one test, the stages before it included; a build without its cache is the most of it."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    ours = [item for item in items if set(STAGES) & set(getattr(item, "fixturenames", ()))]
    for item in ours:
        item.add_marker(pytest.mark.timeout(TIMEOUT_S))
    others = [item for item in items if item not in ours]
    items[:] = others + sorted(ours, key=_stage)


def _stage(item: pytest.Item) -> int:
    names = getattr(item, "fixturenames", ())
    return max(STAGES.index(name) for name in names if name in STAGES)


@contextmanager
def _taken_down(project: Project) -> Iterator[None]:
    """Whatever happens. A CI job that is cancelled is sent SIGTERM, which then ends like Ctrl-C."""
    before = signal.signal(signal.SIGTERM, signal.default_int_handler)
    try:
        yield
    finally:
        project.down()
        signal.signal(signal.SIGTERM, before)


@pytest.fixture(scope="session")
def stack() -> Iterator[Stack]:
    if missing := engine_missing():
        pytest.skip(f"NOTHING OF THE STACK WAS TESTED: {missing}")
    project = Project()
    with _taken_down(project), closing(Grafana(project.url("GRAFANA_PORT"))) as grafana:
        project.build()
        project.up("--no-build")
        yield Stack(project, grafana)


@pytest.fixture(scope="session")
def calm(stack: Stack) -> Calm:
    return stay_calm(stack)


@pytest.fixture(scope="session")
def watched(stack: Stack, calm: Calm) -> Watched:
    found = discover()
    return watch(stack.grafana, "stampede", found.choose(None), found.baseline or "")


@pytest.fixture(scope="session")
def flushed(stack: Stack, calm: Calm) -> Window:
    return flush(stack)


@pytest.fixture(scope="session")
def restarted(stack: Stack, calm: Calm) -> Restarted:
    return restart_metrics(stack)


@pytest.fixture(scope="session")
def redis_away(stack: Stack, calm: Calm) -> RedisAway:
    return take_redis_away(stack)


@pytest.fixture(scope="session")
def killed(stack: Stack, calm: Calm) -> Killed:
    return kill_a_pod(stack)


@pytest.fixture(scope="session")
def scaled(stack: Stack, calm: Calm) -> Scaled:
    return scale(stack)


@pytest.fixture(scope="session")
def warmed(stack: Stack) -> Warmed:
    return warm(stack)


@pytest.fixture(scope="session")
def asked(stack: Stack, tmp_path_factory: pytest.TempPathFactory) -> Asked:
    return ask(stack.project, tmp_path_factory.mktemp("asked"))


@pytest.fixture(scope="session")
def tuned(stack: Stack) -> Tuned:
    return tune(stack)


@pytest.fixture(scope="session")
def contended(stack: Stack) -> Contended:
    return contend(stack)


@pytest.fixture(scope="session")
def gone(stack: Stack) -> Gone:
    return take_down(stack)


@pytest.fixture(scope="session")
def edited(tmp_path_factory: pytest.TempPathFactory) -> Edited:
    """Needs nothing of the stages before it: pods and a Redis of its own, made of a copy of the repository."""
    if missing := engine_missing():
        pytest.skip(f"NOTHING OF make dev WAS TESTED: {missing}")
    folder = copy_repository(tmp_path_factory.mktemp("copy"))
    project = Project(folder)
    with _taken_down(project):
        return edit(project)
