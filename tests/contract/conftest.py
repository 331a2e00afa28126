import pytest

from app.discovery import discover
from app.strategies._template import Template
from tests.contract.caches import Caches, MemoryCaches, RedisCaches
from tests.redis_server import RedisServer


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test that takes `strategy` runs for every strategy there is, for the template that new ones begin as, and for
    the bounds, where it is not about keeping anything."""
    if "strategy" in metafunc.fixturenames:
        everything = discover(bounds=True)
        asked_for, found = metafunc.config.getoption("--strategy"), everything.runnable
        if metafunc.definition.get_closest_marker("of_a_cache"):
            found = everything.strategies
        chosen = {name: found[name] for name in asked_for or found if name in found}
        if not asked_for:
            chosen["_template"] = Template
        metafunc.parametrize("strategy", chosen.values(), ids=chosen)


@pytest.fixture(params=["memory", "memory, 2 ms away", "redis"])
def caches(request: pytest.FixtureRequest) -> Caches:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return RedisCaches(server.url)
    return MemoryCaches(0.002 if "away" in request.param else 0.0)
