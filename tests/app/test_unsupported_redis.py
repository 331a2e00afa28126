"""A pod that is pointed at a Redis which the lab does not support says so, and does not begin."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from loadtest.worlds.python_server import free_port
from tests.redis_server import RedisServer


@pytest.mark.parametrize(
    ("options", "reason"),
    [
        (("--cluster-enabled", "yes", "--cluster-port", str(free_port())), "cluster mode"),
        (("--replicaof", "127.0.0.1 1"), "replica"),
    ],
    ids=["a cluster", "a replica"],
)
def test_a_pod_refuses_it_in_one_sentence(tmp_path: Path, options: tuple[str, ...], reason: str) -> None:
    with RedisServer(tmp_path, *options) as server:
        environment = os.environ | {
            "LAB_REDIS_URL": server.url,
            "LAB_ORIGIN_PATH": str(tmp_path / "origin.sqlite"),
            "LAB_ITEMS": "10",
            "LAB_KEY_SPACE": "10",
        }
        said = subprocess.run(
            [sys.executable, "-m", "app", "--port", "0"],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
    assert said.returncode == 2, said.stderr
    (sentence,) = said.stderr.splitlines()
    assert sentence.startswith("error: LAB_REDIS_URL: ")
    assert reason in sentence
