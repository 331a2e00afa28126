"""What a plan does to a system, whatever the system is: begun and ended in time, once, and told with its moments."""

import asyncio
import time

import pytest

from loadtest.figures.incident import Incident
from loadtest.workload.faults import CacheFlushed, CacheSlow, Fault
from loadtest.worlds.nemesis import CannotBreak
from loadtest.worlds.planned_faults import PlannedFaults


class Diary:
    """A nemesis that writes down what it is asked for, and takes its time. Implements `Nemesis`."""

    def __init__(self, takes_s: float = 0.0, cannot: str = "") -> None:
        self.said: list[str] = []
        self._takes_s, self._cannot = takes_s, cannot

    async def begin(self, fault: Fault) -> None:
        await self._act("begin", fault)

    async def end(self, fault: Fault) -> None:
        await self._act("end", fault)

    async def _act(self, what: str, fault: Fault) -> None:
        await asyncio.sleep(self._takes_s)
        self.said.append(f"{what} {fault.kind} {getattr(fault, 'ms', '')}".strip())
        if self._cannot == what:
            raise CannotBreak("it does not want to")


def slow(at_s: float, for_s: float, ms: float = 1.0) -> CacheSlow:
    return CacheSlow(kind="cache-slow", at_s=at_s, for_s=for_s, ms=ms)


async def carried_out(diary: Diary, *faults: Fault) -> list[Incident]:
    incidents: list[Incident] = []
    await PlannedFaults(diary, incidents, time.time()).carry_out(faults)
    return incidents


def test_each_fault_is_an_incident_with_its_real_moments_and_spoils_nothing() -> None:
    diary = Diary(takes_s=0.05)
    slowed, flushed = asyncio.run(carried_out(diary, slow(0.1, 0.2), CacheFlushed(kind="cache-flushed", at_s=0.2)))
    assert diary.said == ["begin cache-slow 1.0", "begin cache-flushed", "end cache-slow 1.0"]
    assert slowed.began_s is not None
    assert slowed.ended_s is not None
    assert slowed.began_s >= 0.1
    assert slowed.ended_s >= 0.3 + 0.05  # once the part is well again, which takes its time
    assert flushed.began_s is not None
    assert flushed.ended_s is None
    assert not slowed.spoils
    assert not flushed.spoils


def test_of_faults_that_overlap_in_one_place_the_last_to_begin_counts_and_the_last_to_end_ends_it() -> None:
    diary = Diary()
    asyncio.run(carried_out(diary, slow(0.0, 0.3, 1), slow(0.1, 0.1, 2)))
    assert diary.said == ["begin cache-slow 1.0", "begin cache-slow 2.0", "begin cache-slow 1.0", "end cache-slow 1.0"]


def test_a_plan_that_is_cancelled_ends_what_it_has_begun_and_begins_nothing_more() -> None:
    diary, incidents = Diary(takes_s=0.02), list[Incident]()

    async def cut_short() -> None:
        plan = asyncio.create_task(
            PlannedFaults(diary, incidents, time.time()).carry_out([slow(0.0, 60), slow(30.0, 1, 2)])
        )
        await asyncio.sleep(0.1)
        plan.cancel()
        await asyncio.gather(plan, return_exceptions=True)

    asyncio.run(cut_short())
    assert diary.said == ["begin cache-slow 1.0", "end cache-slow 1.0"]
    assert [incident.ended_s is not None for incident in incidents] == [True]


def test_an_end_that_has_begun_is_not_cut_short() -> None:
    diary, incidents = Diary(takes_s=0.1), list[Incident]()

    async def cut_short() -> None:
        plan = asyncio.create_task(PlannedFaults(diary, incidents, time.time()).carry_out([slow(0.0, 0.15)]))
        await asyncio.sleep(0.2)
        plan.cancel()
        await asyncio.gather(plan, return_exceptions=True)

    asyncio.run(cut_short())
    assert diary.said == ["begin cache-slow 1.0", "end cache-slow 1.0"]
    assert incidents[0].ended_s is not None


@pytest.mark.parametrize("what", ["begin", "end"])
def test_a_fault_that_cannot_be_done_makes_the_run_no_result_and_is_mended_all_the_same(what: str) -> None:
    diary = Diary(cannot=what)
    incidents = asyncio.run(carried_out(diary, slow(0.0, 0.05)))
    assert diary.said == ["begin cache-slow 1.0", "end cache-slow 1.0"]
    (broken,) = [incident for incident in incidents if incident.spoils]
    verb = {"begin": "begun", "end": "ended"}[what]
    assert broken.what == f"cache-slow could not be {verb}: it does not want to"
