"""The warm-up burst: as much at once as the scenario says, and told where it took longer than the origin needs."""

import asyncio

import pytest

from loadtest.workload.scenario import Scenario, read_scenario
from loadtest.worlds.warm_burst import IN_FLIGHT_MAX, Burst, ask_for_all, origin_time_s
from loadtest.worlds.world import WorldFailed

ANSWER = b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n{}"


class Pod:
    """Answers nobody before `together` requests are there."""

    def __init__(self, together: int, answer: bytes = ANSWER) -> None:
        self._together, self._answer = together, answer
        self._all_there = asyncio.Event()
        self.asked: set[str] = set()
        self._waiting = self.most_waiting = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._serve(reader, writer)
        finally:
            writer.close()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        while head := await reader.readuntil(b"\r\n\r\n"):
            self.asked.add(head.split()[1].decode())
            self._waiting += 1
            self.most_waiting = max(self.most_waiting, self._waiting)
            if len(self.asked) >= self._together:
                self._all_there.set()
            await self._all_there.wait()
            self._waiting -= 1
            writer.write(self._answer)


async def burst_at(pod: Pod, keys: int, at_once: int = IN_FLIGHT_MAX) -> Burst:
    def quietly(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(pod.serve(reader, writer))
        task.add_done_callback(lambda ended: ended.cancelled() or ended.exception())
        served.append(task)

    served: list[asyncio.Task[None]] = []
    server = await asyncio.start_server(quietly, "127.0.0.1", 0)
    try:
        async with server:
            return await ask_for_all(
                [f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"], "static", keys, at_once
            )
    finally:
        for task in served:
            task.cancel()
        await asyncio.gather(*served, return_exceptions=True)


def test_every_key_of_a_burst_is_on_its_way_at_once() -> None:
    pod = Pod(together=300)  # a client of a hundred connections waits for ever
    asyncio.run(burst_at(pod, 300))
    assert len(pod.asked) == 300


def test_a_pod_is_asked_for_no_more_at_once_than_it_lets_in() -> None:
    pod = Pod(together=24)
    asyncio.run(burst_at(pod, 80, at_once=24))
    assert len(pod.asked) == 80
    assert pod.most_waiting == 24


def test_more_than_a_pod_can_hold_leaves_as_answers_come_back() -> None:
    pod = Pod(together=IN_FLIGHT_MAX)
    asyncio.run(burst_at(pod, 3 * IN_FLIGHT_MAX))
    assert len(pod.asked) == 3 * IN_FLIGHT_MAX
    assert pod.most_waiting == IN_FLIGHT_MAX


def test_an_answer_that_is_none_fails_the_world_and_is_named() -> None:
    with pytest.raises(WorldFailed, match=r"id=0: http/1\.1 503"):
        asyncio.run(burst_at(Pod(1, ANSWER.replace(b"200 OK", b"503 Busy")), 1))


@pytest.fixture
def thousand() -> Scenario:
    scenario = read_scenario("bulk-warm")
    return scenario.model_copy(update={"keys": scenario.keys.model_copy(update={"count": 1_000})})


@pytest.mark.parametrize(
    ("took_s", "said"),
    [
        (2.4, ""),
        (4.5, "took 4.5 s, where the origin needs 2.2 s"),
        (15.5, "its first entries had expired (TTL 5 s) before its last were written; the origin alone needs 2.2 s"),
    ],
)
def test_what_a_burst_takes_beyond_the_origin_s_own_time_is_an_event(
    took_s: float, said: str, thousand: Scenario
) -> None:
    assert origin_time_s(thousand) == pytest.approx(2.2)  # 11 rounds of 96 connections, 200 ms each
    incidents = Burst(100.0, 100.2, 100.0 + took_s).incidents(thousand)
    assert said in " ".join(incidents)
    assert bool(incidents) == bool(said)
