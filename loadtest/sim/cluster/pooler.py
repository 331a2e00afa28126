"""The pooler in virtual time: the real protocols of pooler and pods over a simulated connection."""

import asyncio
from collections import deque
from collections.abc import Callable
from random import Random
from typing import Any

from app.latency import Latency
from app.pooler import Member, Pooler
from loadtest.sim.cluster.pod_cpu import PodCpu, outside, sleep_outside


class VirtualPooler:
    """The pooler of all pods; a message takes one way of the network, and none overtakes another."""

    def __init__(self, loop: asyncio.AbstractEventLoop, network: Latency, seed: int) -> None:
        self.pooler = Pooler()
        self._loop, self._network, self._rng = loop, network, Random(f"{seed}/pooler")
        self._is_away = False

    async def connect(self, make: Callable[[], asyncio.Protocol], cpu: PodCpu | None = None) -> object:
        """Implements `app.pooler_client.Connect`, for a pod with that CPU."""
        await sleep_outside(self._way_s() + self._way_s())
        if self._is_away:
            raise ConnectionRefusedError("refused")
        client = _End(self._loop, make(), self._way_s, cpu)
        member = _End(self._loop, Member(self.pooler), self._way_s)
        client.other, member.other = member, client
        for end in (client, member):
            end.protocol.connection_made(end)
        return client

    def go_away(self) -> None:
        """End its process, with its connections and all that it knew."""
        self._is_away = True
        for member in tuple(self.pooler.members):
            member.transport.abort()

    def come_back(self) -> None:
        self._is_away = False

    def left(self, reading: int = 0) -> list[str]:
        """The connections that are held for none of the reads under way, and the waits for one, as texts."""
        held = sum(len(pool.held) for pool in self.pooler.pools.values()) - reading
        waiting = sum(len(pool.waiting) for pool in self.pooler.pools.values())
        counts = {"shared connections held": held, "waits for a shared connection": waiting}
        return [f"the pooler: {count} {what}" for what, count in counts.items() if count > 0]

    def _way_s(self) -> float:
        return self._network.draw_ms(self._rng) / 1000


class _End(asyncio.Transport):
    """One end of a connection, whose writes arrive at the other end in order.

    The transport of the wire draws a latency less where a connection ends: it would change the figures of seeds.
    """

    other: "_End"

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        protocol: asyncio.Protocol,
        way_s: Callable[[], float],
        cpu: PodCpu | None = None,
    ) -> None:
        """Make the end of that protocol, in a pod with a `cpu` or in the pooler."""
        super().__init__()
        self._loop, self.protocol, self._way_s, self._cpu = loop, protocol, way_s, cpu
        self._arriving: deque[Callable[[], None]] = deque()
        self._last_s = 0.0
        self._is_open = True

    def write(self, data: Any) -> None:
        if self._is_open:
            self.other.arrives(lambda: self.other.hears(data))

    def arrives(self, what: Callable[[], None]) -> None:
        """Call `what` after one way of the network, in order of sending, whatever order the loop gives equal timers."""
        self._arriving.append(what)
        self._last_s = max(self._last_s, self._loop.time() + self._way_s())
        outside(self._loop.call_at, self._last_s, self._arrive)

    def _arrive(self) -> None:
        if self._cpu is None:
            self._take_next()
        else:
            self._cpu.call_noticed(self._take_next)

    def _take_next(self) -> None:
        self._arriving.popleft()()

    def hears(self, data: bytes) -> None:
        if self._is_open:
            self.protocol.data_received(data)

    def abort(self) -> None:
        """Close the connection: this end at once, the other after one way of the network."""
        if self._is_open:
            self._is_open = False
            self._loop.call_soon(self.protocol.connection_lost, None)
            self.other.arrives(self.other.abort)

    def close(self) -> None:
        self.abort()

    def is_closing(self) -> bool:
        return not self._is_open
