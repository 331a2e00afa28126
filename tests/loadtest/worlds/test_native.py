"""A Redis that does not start, in the words of the native world."""

import asyncio
import sys
from pathlib import Path

import pytest

from loadtest.worlds.child_processes import Children
from loadtest.worlds.redis_process import start_redis
from loadtest.worlds.world import WorldFailed


@pytest.mark.parametrize(
    ("last_act", "said"),
    [
        ("sys.exit(1)", "exited with 1"),
        ("os.kill(os.getpid(), 9)", "was ended by SIGKILL"),
        ("sys.exit('no memory')", "exited with 1\nno memory"),
    ],
)
def test_a_redis_that_ends_at_once_is_named_with_how_it_ended(
    last_act: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    server = tmp_path / "server"
    server.write_text(f"#!{sys.executable} -IS\nimport os, sys\n{last_act}\n")
    server.chmod(0o755)
    monkeypatch.setenv("LAB_REDIS_SERVER", str(server))

    async def start() -> None:
        async with Children() as children:
            try:
                await start_redis(children, tmp_path)
            finally:
                assert not children.alive()

    with pytest.raises(WorldFailed) as failed:
        asyncio.run(start())
    assert str(failed.value).startswith(f"Redis did not start: {server} {said}")
