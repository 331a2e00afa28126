"""The policy of asking other pods, in virtual time: shared questions, silence, marks, probes and bounds."""

import asyncio
from collections import Counter
from collections.abc import Awaitable, Callable
from typing import TypeVar

import pytest

from app.budget import Budget, current
from app.peers.peers import PeerBounds, PeerOutcome, PeerQuestion, PodPeers, came_by_hop
from app.strategy import Entry, Lookup, OriginFailed, PeerAway, Shed, Status
from loadtest.sim.kernel import loop

T = TypeVar("T")
TIMEOUT_S, PAUSE_S, WAIT_S, LOAD_S = 1.0, 2.0, 5.0, 0.2
BOUNDS = PeerBounds(TIMEOUT_S, PAUSE_S, WAIT_S, asks_max=2, flights_max=50, cache_s=0.25)
ENTRY = Entry(b"item", 0.0, 5.0, 5.0, LOAD_S)
KEY = "lab:any:7"


class Others:
    """Two other pods as the network shows them; each may refuse, be silent, be slow but alive, or fail to load."""

    def __init__(self) -> None:
        self.asked: list[tuple[str, PeerQuestion]] = []
        self.ends: dict[str, BaseException] = {}
        self.is_silent = False
        self.load_s = LOAD_S
        self.outcomes: Counter[PeerOutcome] = Counter()
        running = asyncio.get_running_loop()
        self.peers = PodPeers("here", BOUNDS, running.time, self._ask, ["here", "near", "far"])

    def peer_asked(self, outcome: PeerOutcome) -> None:
        self.outcomes[outcome] += 1

    async def load(self, pod: str = "near", key: str = KEY) -> Lookup:
        return await self.peers.load_at(pod, "any", key, self)

    async def _ask(self, pod: str, question: PeerQuestion, heard: Callable[[], None]) -> Lookup:
        self.asked.append((pod, question))
        if pod in self.ends:
            raise self.ends[pod]
        if self.is_silent:
            await asyncio.sleep(100)
        ends_s = asyncio.get_running_loop().time() + self.load_s
        while (left_s := ends_s - asyncio.get_running_loop().time()) > 1e-9:
            await asyncio.sleep(min(left_s, TIMEOUT_S / 3))
            heard()
        return Lookup(Status.MISS, ENTRY)


def play(story: Callable[[Others], Awaitable[T]]) -> T:
    async def main() -> T:
        others = Others()
        told = await story(others)
        await others.peers.aclose()
        assert len(others.peers) == 0
        return told

    return loop.run(main())


def key_of(others: Others, pod: str) -> str:
    """A key that belongs to that pod."""
    return next(key for key in (f"lab:any:{n}" for n in range(99)) if others.peers.ranked(key)[0] == pod)


def test_all_requests_for_a_key_share_one_question_and_one_of_them_had_the_miss() -> None:
    async def story(others: Others) -> None:
        asking = [asyncio.create_task(others.load()) for _ in range(20)]
        await asyncio.sleep(LOAD_S / 2)
        asking[0].cancel()
        lookups = await asyncio.gather(*asking[1:])
        assert [question for _, question in others.asked] == [PeerQuestion("any", 7, 0.25)]
        assert {lookup.status for lookup in lookups} == {Status.COLLAPSED}  # who had begun it has gone
        assert (await others.load()).status is Status.MISS

    play(story)


def test_who_has_spent_the_time_for_the_cache_waits_for_none_of_another_question() -> None:
    async def story(others: Others) -> None:
        first = asyncio.create_task(others.load())
        await asyncio.sleep(0)
        current.set(Budget(0.0))
        await asyncio.gather(first, others.load(), others.load())
        assert [question.cache_s for _, question in others.asked] == [0.25, 0.0]

    play(story)


def test_a_pod_that_gives_signs_is_waited_for_beyond_its_time_out_and_shed_at_the_bound() -> None:
    async def story(others: Others) -> None:
        others.load_s = 3 * TIMEOUT_S
        assert (await others.load()).entry == ENTRY
        others.load_s = 2 * WAIT_S
        with pytest.raises(Shed, match=r"within 5 s \(wait_ms_max\)"):
            await others.load()
        assert "near" in others.peers.ranked(key_of(others, "near")), "a slow pod is not away"
        assert others.outcomes == {PeerOutcome.ANSWERED: 1, PeerOutcome.GAVE_UP: 1}

    play(story)


def test_a_silent_pod_is_away_after_its_time_out_and_all_questions_to_it_fail_together() -> None:
    async def story(others: Others) -> None:
        key, other = key_of(others, "near"), key_of(others, "far")
        others.is_silent = True
        first = asyncio.create_task(others.load(key=key))
        await asyncio.sleep(TIMEOUT_S / 2)
        second = asyncio.create_task(others.load(key="lab:any:8"))
        running = asyncio.get_running_loop()
        for asking in (first, second):
            with pytest.raises(PeerAway, match=r"silent for 1 s \(peer_timeout_ms\)"):
                await asking
        assert running.time() == pytest.approx(TIMEOUT_S)
        assert "near" not in others.peers.ranked(key)
        assert others.peers.ranked(other)[0] == "far", "keys of others stay"

    play(story)


@pytest.mark.parametrize("comes_back", [True, False])
def test_after_the_pause_one_question_tries_and_the_others_leave_the_pod_out_until_it_answers(comes_back: bool) -> None:
    async def story(others: Others) -> None:
        key = key_of(others, "near")
        others.ends["near"] = PeerAway("refused")
        with pytest.raises(PeerAway):
            await others.load(key=key)
        await asyncio.sleep(PAUSE_S)
        assert others.peers.ranked(key)[0] == "near"
        if comes_back:
            del others.ends["near"]
        probe = asyncio.create_task(others.load(key=key))
        await asyncio.sleep(0)
        assert "near" not in others.peers.ranked(key), "it is tried by one"
        await asyncio.gather(probe, return_exceptions=True)
        assert ("near" in others.peers.ranked(key)) == comes_back
        assert len(others.asked) == 2

    play(story)


def test_the_wait_for_a_connection_is_no_silence() -> None:
    async def story(others: Others) -> None:
        others.load_s = 0.9 * TIMEOUT_S
        asking = [others.load(key=f"lab:any:{number}") for number in range(3 * BOUNDS.asks_max)]
        lookups = await asyncio.gather(*asking)
        assert len(lookups) == others.outcomes[PeerOutcome.ANSWERED] == len(asking)

    play(story)


def test_more_keys_than_may_be_in_flight_are_shed() -> None:
    async def story(others: Others) -> None:
        others.is_silent = True
        asking = [asyncio.create_task(others.load(key=f"lab:any:{number}")) for number in range(BOUNDS.flights_max)]
        await asyncio.sleep(0)
        with pytest.raises(Shed, match="flights_max"):
            await others.load(key="lab:any:99")
        for one in asking:
            one.cancel()

    play(story)


def test_a_load_that_failed_there_is_no_pod_that_is_away() -> None:
    async def story(others: Others) -> None:
        others.ends["near"] = OriginFailed("it is down")
        with pytest.raises(OriginFailed, match="it is down"):
            await others.load()
        assert "near" in others.peers.ranked(key_of(others, "near"))
        assert others.outcomes == {PeerOutcome.FAILED: 1}

    play(story)


def test_who_is_asked_by_another_pod_asks_nobody() -> None:
    async def story(others: Others) -> None:
        key = key_of(others, "far")
        came_by_hop.set(True)
        assert others.peers.ranked(key) == ("here",)

    play(story)


def test_pods_that_come_and_go_are_ranked_from_then_on_and_this_one_always_is() -> None:
    async def story(others: Others) -> None:
        others.peers.meet(["new"])
        assert {pod for n in range(50) for pod in others.peers.ranked(f"lab:any:{n}")} == {"here", "new"}
        others.peers.meet([])
        assert others.peers.ranked(KEY) == ("here",)

    play(story)
