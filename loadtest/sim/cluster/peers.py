"""The questions of pods to each other in virtual time: the service's own policy over a simulated network."""

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from random import Random
from typing import Any, Protocol

from app.latency import Latency
from app.peers.peers import AskPeer, PeerQuestion
from app.peers.reply import read_reply, with_signs
from app.strategy import Lookup, PeerAway
from loadtest.sim.cluster.pause_gate import PauseGate
from loadtest.sim.cluster.pod_cpu import PodCpu, outside, sleep_outside


class PeerPod(Protocol):
    """A pod that asks others, and is asked by them."""

    gate: PauseGate
    cpu: PodCpu | None
    is_listening: bool

    def run(self, function: Callable[..., Any], *arguments: Any) -> Any: ...

    def answer_peer(self, question: PeerQuestion, sign: Callable[[], Awaitable[None]]) -> asyncio.Task[bytes]:
        """Begin to answer a question; the task is cancelled when the pod ends."""
        ...


class VirtualPeers:
    """The network between the pods of a cluster; a question takes one way of it, and so does the reply."""

    def __init__(
        self,
        loop: asyncio.AbstractEventLoop,
        network: Latency,
        seed: int,
        timeout_s: float,
        find: Callable[[str], PeerPod],
    ) -> None:
        """`find` gives the pod that has a name at the moment; `timeout_s` is after how long silence means away."""
        self._loop, self._network, self._rng = loop, network, Random(f"{seed}/peers")
        self._timeout_s, self._find = timeout_s, find

    def way_from(self, asker: PeerPod) -> AskPeer:
        """The way on which that pod asks the others."""
        return partial(self._ask, asker)

    async def _ask(self, asker: PeerPod, name: str, question: PeerQuestion, heard: Callable[[], None]) -> Lookup:
        await asker.gate.passed()
        await self._travel()
        pod = self._find(name)
        if not pod.is_listening:
            await self._travel()
            raise PeerAway(f"{name} refuses")

        async def sign() -> None:
            await pod.gate.passed()
            outside(self._loop.call_later, self._way_s(), asker.run, heard)

        async def keep() -> None:
            heard()

        answering = pod.answer_peer(question, sign)
        await asyncio.wait({answering})  # which goes on, should the one who asks go away
        await self._travel()
        await with_signs(asker.gate.passed(), self._timeout_s, keep)  # what has come is seen when a paused pod goes on
        if asker.cpu is not None:
            await asker.cpu.notice()
        if answering.cancelled():
            raise PeerAway(f"{name} hung up")
        if (error := answering.exception()) is not None:
            raise PeerAway(f"{name} answers 500") from error
        heard()
        return read_reply(answering.result())

    async def _travel(self) -> None:
        await sleep_outside(self._way_s())

    def _way_s(self) -> float:
        return self._network.draw_ms(self._rng) / 1000
