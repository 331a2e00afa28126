"""The fingerprint of a pod's code changes with the code and with nothing else, and the pod tells it."""

import asyncio
import re
from pathlib import Path

import pytest

from app.fingerprint import fingerprint
from tests.pod import pod_settings, running_pod


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "app"
    (folder / "strategies").mkdir(parents=True)
    (folder / "main.py").write_text("x = 1\n")
    (folder / "strategies" / "swr.py").write_text("y = 2\n")
    return folder


def test_an_edit_a_new_file_and_a_new_name_change_it_and_an_undone_edit_changes_it_back(folder: Path) -> None:
    seen = [fingerprint(folder)]
    swr = folder / "strategies" / "swr.py"
    swr.write_text("y = 3\n")
    seen.append(fingerprint(folder))
    (folder / "strategies" / "mine.py").touch()
    seen.append(fingerprint(folder))
    (folder / "strategies" / "mine.py").rename(folder / "strategies" / "yours.py")
    seen.append(fingerprint(folder))
    assert len(set(seen)) == 4
    assert all(re.fullmatch(r"[0-9a-f]{8}", one) for one in seen)
    (folder / "strategies" / "yours.py").unlink()
    swr.write_text("y = 2\n")
    assert fingerprint(folder) == seen[0]


def test_what_came_of_running_the_code_and_an_editors_files_are_no_code(folder: Path) -> None:
    before = fingerprint(folder)
    (folder / "__pycache__").mkdir()
    (folder / "__pycache__" / "main.cpython-313.pyc").write_bytes(b"x")
    (folder / ".#main.py").symlink_to("somebody@somewhere.1")
    (folder / ".main.py").write_text("half a fi")
    (folder / "main.py~").write_text("x = 0\n")
    assert fingerprint(folder) == before


def test_a_pod_tells_which_code_it_runs(redis_url: str, tmp_path: Path) -> None:
    async def scenario() -> tuple[str, str]:
        async with running_pod(pod_settings(redis_url, tmp_path)) as client:
            strategies, metrics = await client.get("/strategies"), await client.get("/metrics")
        return strategies.json()["code"], metrics.text

    code, metrics = asyncio.run(scenario())
    assert code == fingerprint()
    assert f'lab_code_info{{code="{code}"}} 1.0' in metrics.splitlines()
