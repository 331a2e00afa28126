import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from redis.asyncio import Redis

from loadtest.sim.kernel import loop
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.server import VirtualRedis

T = TypeVar("T")

WAY_S = 0.25


def over_the_wire(case: Callable[[VirtualRedis], Awaitable[T]]) -> T:
    """What the case gives, on the host `pod-1`, over a network with a Redis in it."""

    async def main() -> T:
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = network = Network(running)
        dialling.set(Host("pod-1", lambda: WAY_S))
        return await case(VirtualRedis(network, epoch_s=1_700_000_000))

    return loop.run(main())


def test_redis_py_runs_unmodified_in_virtual_time() -> None:
    async def case(server: VirtualRedis) -> None:
        async with Redis.from_url(server.url, protocol=2, socket_timeout=None) as client:
            assert await client.set("key", b"value", px=60_000)
            began_s = asyncio.get_running_loop().time()
            assert await client.get("key") == b"value"
            assert asyncio.get_running_loop().time() - began_s == 2 * WAY_S
            await asyncio.sleep(61)
            assert await client.get("key") is None
            assert (await client.time())[0] == int(server.now_s() - WAY_S)
        assert server.counts["get"] == 2

    over_the_wire(case)
