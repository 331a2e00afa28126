import asyncio
import os
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

from loadtest.worlds.child_processes import Child, Children

SLEEP = [sys.executable, "-c", "import time; print('up', flush=True); time.sleep(60)"]
STUBBORN = [
    sys.executable,
    "-c",
    "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)",
]


def _is_alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    return True


async def _up(child: Child) -> Child:
    while "up" not in child.last_words():  # noqa: ASYNC110  the child can only tell by its log
        await asyncio.sleep(0.01)
    return child


def test_children_are_ended_when_their_owner_fails(tmp_path: Path) -> None:
    async def scenario() -> list[int]:
        pids = []
        with pytest.raises(RuntimeError):  # noqa: PT012  the failure has to be inside the block
            async with Children() as children:
                for number in range(3):
                    pids.append((await children.start("child", SLEEP, tmp_path / f"{number}.log")).pid)
                raise RuntimeError
        return pids

    assert not any(_is_alive(pid) for pid in asyncio.run(scenario()))


def test_a_child_that_will_not_end_is_ended(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("loadtest.worlds.child_processes.GRACE_S", 0.1)

    async def scenario() -> Child:
        async with Children() as children:
            return await _up(await children.start("stubborn", STUBBORN, tmp_path / "log"))

    child = asyncio.run(scenario())
    assert child.how_it_ended == "was ended by SIGKILL"
    assert not _is_alive(child.pid)


def test_a_child_is_waited_for_however_often_its_end_is_cancelled(tmp_path: Path) -> None:
    async def scenario() -> Child:
        children = Children()
        child = await _up(await children.start("stubborn", STUBBORN, tmp_path / "log"))
        end = asyncio.create_task(children.end(child))
        await asyncio.sleep(0)
        while not end.done():
            end.cancel()
            await asyncio.sleep(0)
        return child

    assert asyncio.run(scenario()).ended, "else its loop is closed before, and asyncio says so on the terminal"


def test_a_cancelled_owner_still_ends_its_children(tmp_path: Path) -> None:
    async def scenario() -> Child:
        started: asyncio.Future[Child] = asyncio.get_running_loop().create_future()

        async def own() -> None:
            async with Children() as children:
                started.set_result(await _up(await children.start("child", SLEEP, tmp_path / "log")))
                await asyncio.sleep(60)

        owner = asyncio.ensure_future(own())
        child = await started
        owner.cancel()
        with pytest.raises(asyncio.CancelledError):
            await owner
        return child

    assert not _is_alive(asyncio.run(scenario()).pid)


def test_a_child_that_falls_is_seen(tmp_path: Path) -> None:
    async def scenario() -> tuple[list[str], str]:
        async with Children() as children:
            child = await _up(await children.start("redis", SLEEP, tmp_path / "log"))
            assert children.fallen() == []
            os.kill(child.pid, signal.SIGKILL)
            await child.process.wait()
            return [fallen.name for fallen in children.fallen()], child.how_it_ended

    assert asyncio.run(scenario()) == (["redis"], "was ended by SIGKILL")


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux ends the children of a parent that was killed")
def test_children_go_with_a_parent_that_was_killed(tmp_path: Path) -> None:
    program = f"""
import asyncio, pathlib, sys
from loadtest.worlds.child_processes import Children
async def main():
    async with Children() as children:
        child = await children.start("child", {SLEEP!r}, pathlib.Path({str(tmp_path / "log")!r}))
        print(child.pid, flush=True)
        await asyncio.sleep(60)
asyncio.run(main())
"""
    with subprocess.Popen([sys.executable, "-c", program], stdout=subprocess.PIPE) as parent:
        assert parent.stdout is not None
        pid = int(parent.stdout.readline())
        assert _is_alive(pid)
        parent.kill()
    give_up_s = time.monotonic() + 10
    while _is_alive(pid):
        assert time.monotonic() < give_up_s
        time.sleep(0.01)
