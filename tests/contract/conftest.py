import pytest

from tests.contract.caches import Caches, RedisCaches, SimulatedCaches, WireCaches
from tests.redis_server import RedisServer


@pytest.fixture(params=["memory", "memory, 2 ms away", "redis", "simulated wire"])
def caches(request: pytest.FixtureRequest) -> Caches:
    if request.param == "redis":
        server: RedisServer = request.getfixturevalue("redis_server")
        return RedisCaches(server.url)
    if request.param == "simulated wire":
        return WireCaches(0.001)
    return SimulatedCaches(0.002 if "away" in request.param else 0.0)
