"""A bench in a container asks, beside Docker somebody obeys: what is begun, ended, refused, and left at the end."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from pydantic import TypeAdapter

from loadtest.workload.faults import Fault
from loadtest.worlds.breaker_folder import AskingNemesis
from loadtest.worlds.fault_marks import FaultMarks
from loadtest.worlds.nemesis import CannotBreak
from loadtest.worlds.stack_breaker import StackBreaker

ANSWERED_WITHIN_S = 10
PAUSED = {"kind": "cache-paused", "at_s": 1, "for_s": 5}
FLUSHED = {"kind": "cache-flushed", "at_s": 1}


def fault(stated: dict[str, object]) -> Fault:
    return TypeAdapter[Fault](Fault).validate_python(stated)


class Recorded:
    """A nemesis that only writes down what it is to do, and can be made to refuse."""

    def __init__(self, refuses: str = "") -> None:
        self.done: list[str] = []
        self._refuses = refuses

    async def begin(self, fault: Fault) -> None:
        if self._refuses:
            raise CannotBreak(self._refuses)
        self.done.append(f"begin {fault.kind}")

    async def end(self, fault: Fault) -> None:
        self.done.append(f"end {fault.kind}")


@asynccontextmanager
async def obeyed(folder: Path, nemesis: Recorded) -> AsyncIterator[AskingNemesis]:
    over = asyncio.Event()
    breaker = StackBreaker(folder, nemesis, FaultMarks("http://127.0.0.1:9"))
    obeying = asyncio.create_task(breaker.obey(over))
    try:
        async with asyncio.timeout(ANSWERED_WITHIN_S):
            yield AskingNemesis(folder)
            over.set()
            await obeying
    finally:
        obeying.cancel()


def run(folder: Path, nemesis: Recorded, ask: Callable[[AskingNemesis], object]) -> list[str]:
    async def all_of_it() -> None:
        async with obeyed(folder, nemesis) as asking:
            await ask(asking)  # type: ignore[misc]

    asyncio.run(all_of_it())
    return nemesis.done


async def _begin_and_end(asking: AskingNemesis) -> None:
    await asking.begin(fault(PAUSED))
    await asking.end(fault(PAUSED))


def test_an_order_is_carried_out_and_answered(tmp_path: Path) -> None:
    assert run(tmp_path, Recorded(), _begin_and_end) == ["begin cache-paused", "end cache-paused"]


def test_what_is_on_at_the_end_is_mended(tmp_path: Path) -> None:
    def begin(asking: AskingNemesis) -> object:
        return asking.begin(fault(PAUSED))

    assert run(tmp_path, Recorded(), begin) == ["begin cache-paused", "end cache-paused"]


def test_a_moment_needs_no_end(tmp_path: Path) -> None:
    def begin(asking: AskingNemesis) -> object:
        return asking.begin(fault(FLUSHED))

    assert run(tmp_path, Recorded(), begin)[0] == "begin cache-flushed"


def test_the_reason_why_not_reaches_whoever_asked(tmp_path: Path) -> None:
    with pytest.raises(CannotBreak, match="no such Redis"):
        run(tmp_path, Recorded("no such Redis"), _begin_and_end)


def test_clients_that_leave_are_nobodys_order(tmp_path: Path) -> None:
    asyncio.run(AskingNemesis(tmp_path).begin(fault({"kind": "clients-leave", "at_s": 0, "for_s": 1})))
    assert list(tmp_path.iterdir()) == []
