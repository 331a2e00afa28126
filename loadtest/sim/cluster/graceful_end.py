"""The end of a simulated pod by SIGTERM, as the service ends."""

import asyncio

from app.draining import LOOK_EVERY_S, Draining
from app.strategy_runner import Answer
from loadtest.sim.cluster.pod import SimulatedPod
from loadtest.sim.cluster.traffic import Traffic


class GracefulEnd:
    """The end of one pod: it answers what still comes, stops to listen, and finishes what is in flight in its grace."""

    def __init__(self, pod: SimulatedPod, traffic: Traffic) -> None:
        self._pod, self._traffic = pod, traffic
        self._requests = 0
        self._answer = pod.answer

    async def carry_out(self) -> None:
        """End the pod; one that is paused begins to end when it goes on, and one that is killed meanwhile has ended."""
        pod, clock = self._pod, asyncio.get_running_loop().time
        await pod.gate.passed()
        pod.answer = self._counted_answer
        cut_s = clock() + pod.grace_s
        draining = Draining(pod.grace_s, clock(), self._received)
        while pod.is_up and not draining.is_over(clock(), self._received, pod.is_at_work):  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        pod.is_listening = False
        while pod.is_up and pod.is_at_work and clock() < cut_s:  # noqa: ASYNC110
            await asyncio.sleep(LOOK_EVERY_S)
        await pod.gate.passed()
        if pod.is_up:
            self._traffic.lose(pod)
            await pod.aclose()

    @property
    def _received(self) -> int:
        """The requests that have come, those of other pods too."""
        return self._requests + self._pod.peers_answered

    async def _counted_answer(self, item_id: int) -> Answer:
        self._requests += 1
        return await self._answer(item_id)
