import importlib
import os
import signal
from collections.abc import Generator, Iterator
from contextlib import nullcontext

import pytest
from redis import Redis

from tests.redis_server import RedisServer
from tests.turns import turn

# Needs Docker and nine minutes: only when it is named, as `make test-stack` does.
collect_ignore = ["stack"]


def pytest_configure() -> None:
    if signal.getsignal(signal.SIGINT) == signal.SIG_IGN:
        # as in a shell's background job; whoever is started here would ignore Ctrl-C too
        signal.signal(signal.SIGINT, signal.default_int_handler)
    # A console that is made while COLUMNS is set keeps that width for good: this one is made while it is not.
    os.environ.pop("COLUMNS", None)
    importlib.import_module("loadtest.cli.terminal")


@pytest.hookimpl(wrapper=True, tryfirst=True)  # around the time-out of a test, which shall not count the wait
def pytest_runtest_protocol(item: pytest.Item) -> Generator[None, object, object]:
    """Where tests run in several processes, one that is marked `alone` has the machine for itself."""
    if "PYTEST_XDIST_WORKER" not in os.environ:
        return (yield)
    shared: pytest.TempPathFactory = item.config._tmp_path_factory  # type: ignore[attr-defined]
    with turn(shared.getbasetemp().parent, alone=item.get_closest_marker("alone") is not None):
        return (yield)


@pytest.fixture(autouse=True)
def no_settings_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod's settings come from the test alone, whatever the shell has set."""
    for name in tuple(os.environ):
        if name.startswith("LAB_") and name not in {"LAB_REDIS_SERVER", "LAB_REDIS_URL"}:
            monkeypatch.delenv(name)


@pytest.fixture(scope="session")
def redis_server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RedisServer]:
    with RedisServer(tmp_path_factory.mktemp("redis")) as server:
        yield server


@pytest.fixture
def redis_url(redis_server: RedisServer) -> str:
    """Of an empty Redis."""
    with Redis.from_url(redis_server.url) as client:
        client.flushall()
    return redis_server.url


@pytest.fixture(scope="module")
def one_worker() -> Iterator[None]:
    """One worker of virtual time for all tests of a module: a new one imports everything again, for a second or two."""
    from loadtest.sim.pool import local_workers
    from loadtest.worlds import virtual

    with local_workers(1) as workers, pytest.MonkeyPatch.context() as patch:
        patch.setattr(virtual, "local_workers", lambda _: nullcontext(workers))
        yield
