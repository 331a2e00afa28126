"""`python -m app` as a process: what it says when it cannot start."""

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest


def _start(folder: Path, *options: str, **settings: str) -> subprocess.CompletedProcess[str]:
    environment = {**os.environ, "LAB_ORIGIN_PATH": str(folder / "origin.sqlite"), **settings}
    command = [sys.executable, "-m", "app", *options]
    return subprocess.run(command, env=environment, capture_output=True, text=True, timeout=60, check=False)


@pytest.mark.parametrize(
    ("name", "value", "bound"),
    [
        ("LAB_TTL_S", "-1", "greater than or equal to 0.05"),
        ("LAB_ORIGIN_LATENCY", "slow", "fixed(ms), uniform(low, high) or lognormal(median, sigma)"),
        ("LAB_ITEMS", "2000", "items (2000) must be at most key_space (1024)"),
        ("LAB_PARAMS", '{"xfetch": {"beta": 1000}}', "xfetch.beta: must be a number from 0 to 100, not 1000"),
    ],
)
def test_a_bad_setting_is_named_with_its_bound(tmp_path: Path, name: str, value: str, bound: str) -> None:
    ended = _start(tmp_path, **{name: value})
    assert ended.returncode == 2
    assert bound in ended.stderr
    assert "Traceback" not in ended.stderr


def test_somebodys_file_is_not_taken_for_the_store(tmp_path: Path) -> None:
    diary = tmp_path / "diary.txt"
    diary.write_text("my diary")
    ended = _start(tmp_path, LAB_ORIGIN_PATH=str(diary))
    assert ended.returncode == 2
    assert f"{diary} is there and not the lab's own" in ended.stderr
    assert "Traceback" not in ended.stderr
    assert diary.read_text() == "my diary"


def test_a_port_in_use_is_named(tmp_path: Path) -> None:
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        ended = _start(tmp_path, "--port", str(port))
    assert ended.returncode == 2
    assert f"cannot listen on 127.0.0.1:{port}: Address already in use" in ended.stderr
    assert "Traceback" not in ended.stderr
