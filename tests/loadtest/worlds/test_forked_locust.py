"""The fork server of Locust: runs that are processes of their own, and nothing that outlives their owner."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import psutil
import pytest

from loadtest import ROOT
from loadtest.worlds.child_processes import Child, Children
from loadtest.worlds.forked_locust import CAN_FORK, ForkServer
from loadtest.worlds.world import WorldFailed

pytestmark = [pytest.mark.skipif(not CAN_FORK, reason="this system has no descriptors of processes"), pytest.mark.alone]
WAITING = """
from locust import User, events, task
@events.init.add_listener
def say(environment, **_):
    print("it is up", flush=True)
class Idle(User):
    @task
    def idle(self): pass
"""


async def up(child: Child) -> Child:
    while not child.log.exists() or "up\n" not in child.log.read_text():
        assert not child.ended, child.last_words()
        await asyncio.sleep(0.01)
    return child


def test_each_run_is_a_process_of_its_own_and_ends_with_its_server(tmp_path: Path) -> None:
    (tmp_path / "waiting.py").write_text(WAITING)
    waiting = ["-f", str(tmp_path / "waiting.py"), "--headless", "-u", "0"]

    async def story() -> list[Child]:
        async with Children() as children:
            server = await ForkServer.start(children, tmp_path)
            told = await server.fork("told", ["--version"], tmp_path / "told.log", {})
            assert await told.process.wait() == 0
            assert "locust 2" in told.last_words()
            wrong = await server.fork("wrong", ["--no-such-option"], tmp_path / "wrong.log", {})
            assert await wrong.process.wait() == 1
            ended = await up(await server.fork("ended", waiting, tmp_path / "ended.log", {"LAB_TOLD": "yes"}))
            assert psutil.Process(ended.pid).cwd() == str(tmp_path)
            await children.end(ended)
            with pytest.raises(ProcessLookupError):
                ended.process.send_signal(signal.SIGTERM)
            left = await up(await server.fork("left", waiting, tmp_path / "left.log", {}))
            (its_server,) = (child for child in children.alive() if child.name == "fork-server")
            os.kill(its_server.pid, signal.SIGKILL)
            assert await left.process.wait() == -signal.SIGKILL
            with pytest.raises(WorldFailed, match="fork-server was ended by SIGKILL"):
                await server.fork("late", ["--version"], tmp_path / "late.log", {})
            return [told, wrong, ended, left]

    runs = asyncio.run(story())
    assert len({run.pid for run in runs}) == 4
    gone = [psutil.Process(run.pid) for run in runs if psutil.pid_exists(run.pid)]
    _, alive = psutil.wait_procs(gone, timeout=10)  # the one without a server is buried by the system
    assert not alive


def test_a_run_that_is_forked_imports_no_library() -> None:
    code = (
        "import sys, loadtest.worlds.fork_server as server, importlib\n"
        "for name in server.PRELOADED: importlib.import_module(name)\n"
        "known = set(sys.modules)\n"
        "import loadtest.locustfile\n"
        "print(*{name.partition('.')[0] for name in set(sys.modules) - known})"
    )
    ended = subprocess.run(
        [sys.executable, "-c", code], cwd=ROOT, capture_output=True, text=True, timeout=60, check=False
    )
    assert ended.returncode == 0, ended.stderr
    assert set(ended.stdout.split()) == {"loadtest"}
