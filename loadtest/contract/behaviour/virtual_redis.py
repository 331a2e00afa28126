"""A simulated Redis for a bench in virtual time, over the wire that unmodified clients speak."""

import asyncio
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from redis.asyncio import Redis

from loadtest.contract.behaviour.bench import PODS, KeyHeld
from loadtest.contract.behaviour.keys import keys_held
from loadtest.sim.kernel.loop import VirtualLoop
from loadtest.sim.wire.network import Host, Network, dialling
from loadtest.sim.wire.server import VirtualRedis
from loadtest.sim.wire.surroundings import EPOCH_S
from loadtest.sim.wire.trouble import LinkTrouble

WAY_S = 0.00025
"""The time of a message one way between a pod and Redis."""


class ProbedWireRedis:
    """The Redis of a bench in virtual time. Implements `bench.ProbedRedis`."""

    def __init__(self, seed: int) -> None:
        """Listen in the network of the running loop."""
        running = asyncio.get_running_loop()
        assert isinstance(running, VirtualLoop)
        running.network = network = Network(running)
        self._server = VirtualRedis(network, epoch_s=EPOCH_S, seed=seed)
        self._hosts = [Host(f"pod-{pod}", lambda: WAY_S) for pod in range(PODS)]
        self._own = Redis.from_url(self._server.url)

    async def aclose(self) -> None:
        await self._own.aclose()

    def url_of(self, pod: int) -> str:
        return self._server.url

    @contextmanager
    def at(self, pod: int) -> Iterator[None]:
        before = dialling.set(self._hosts[pod])
        try:
            yield
        finally:
            dialling.reset(before)

    async def flush(self) -> None:
        self._server.flush()

    async def restart(self) -> None:
        self._server.go_away()
        self._server.come_back()

    async def leave(self) -> None:
        self._server.go_away(is_emptied=False)

    async def come_back(self) -> None:
        self._server.come_back()

    async def reset_connections(self) -> None:
        self._server.port.reset_all()

    async def cut_off(self, pod: int) -> None:
        name = self._hosts[pod].name
        self._server.port.reset_all(name)
        self._server.port.set_trouble(LinkTrouble(is_silent=True), name)

    async def keys(self) -> Sequence[KeyHeld]:
        return await keys_held(self._own)

    async def connections(self) -> int:
        return sum(len(self._server.port.connections(host.name)) for host in self._hosts)

    async def commands(self) -> Mapping[str, int]:
        return self._server.counts
