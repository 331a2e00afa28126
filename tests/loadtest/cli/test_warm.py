"""`lab warm`: beside pods of one's own, with a real Redis, and beside the stack's, by a `docker` that writes down."""

import json
import signal
import subprocess
import sys
from datetime import datetime
from pathlib import Path

import pytest
from redis import Redis
from typer.testing import CliRunner, Result

from loadtest.cli import app
from loadtest.workload.scenario import read_scenario
from loadtest.worlds.lease import KEY

SCENARIO = "bulk-warm"
_DOCKER = """#!{python}
import json, os, sys
words = sys.argv[1:]
with open({calls!r}, "a") as file:
    file.write(json.dumps(words) + "\\n")
if "ps" in words:
    print("a1\\tapp\\t1\\trunning\\t8000/tcp")
elif words[0] == "inspect":
    print("lab/service\\nPATH=/venv/bin\\nLAB_TTL_S=5\\nLAB_REDIS_URL=redis://redis:6379/0")
elif words[0] == "run":
    print("warming static: round 1", flush=True)
    if "--ttl=same" in words:
        sys.exit(1)
    if "--ttl=anchored" in words:
        sys.stdin.read()
        print("interrupted: static: round 1", flush=True)
        sys.exit(130)
    print("ready: static", flush=True)
"""


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, ["warm", *map(str, words)], env={"COLUMNS": "300"})


def said(result: Result) -> str:
    return " ".join(result.stderr.split())


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The calls of a `docker` that knows one pod, a line of JSON each."""
    calls, program = tmp_path / "calls", tmp_path / "docker"
    program.write_text(_DOCKER.format(python=sys.executable, calls=str(calls)), encoding="utf-8")
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
    return calls


def test_it_fills_the_redis_of_ones_own_pods_with_the_keys_of_their_scenario(tmp_path: Path, redis_url: str) -> None:
    words = ["--redis", redis_url, "--origin", tmp_path / "origin.sqlite", "--scenario", SCENARIO]
    result = CliRunner().invoke(
        app, ["warm", *map(str, words), "--strategies=swr", "--rate-per-s=50", "--keys=10"], env={"COLUMNS": "300"}
    )
    assert result.exit_code == 0, result.output
    keys = min(10, read_scenario(SCENARIO).keys.count)
    with Redis.from_url(redis_url) as client:
        assert {key.decode() for key in client.keys("*")} == {f"lab:swr:{number}" for number in range(keys)}


def test_a_mistake_is_warmed_where_it_is_named(tmp_path: Path, redis_url: str) -> None:
    words = ["--redis", redis_url, "--origin", tmp_path / "origin.sqlite", "--scenario", SCENARIO]
    result = lab(*words, "--strategies=pod_mutex", "--keys=2")
    assert result.exit_code == 0, result.output
    with Redis.from_url(redis_url) as client:
        assert {key.decode() for key in client.keys("*")} == {"lab:pod_mutex:0", "lab:pod_mutex:1"}


def test_a_store_in_a_folder_that_is_not_there_is_refused_and_not_made(tmp_path: Path) -> None:
    away = tmp_path / "away"
    result = lab("--redis", "redis://127.0.0.1:1/0", "--origin", away / "origin.sqlite")
    assert result.exit_code == 2
    assert "--origin: there is no folder" in said(result)
    assert not away.exists()


@pytest.mark.parametrize(("key", "why"), [("session:7", "'session:7', which is not the lab's"), (KEY, "a run has")])
def test_a_redis_of_somebody_else_or_of_a_run_is_left_alone(key: str, why: str, redis_url: str) -> None:
    with Redis.from_url(redis_url) as client:
        client.set(key, "theirs")
        result = lab("--redis", redis_url)
        assert result.exit_code == 2
        assert why in said(result)
        assert client.keys("*") == [key.encode()]


@pytest.mark.parametrize(
    ("words", "why"),
    [
        (["--rate-per-s", "0"], "--rate-per-s: Input should be greater than or equal to 1"),
        (["--ttl", "never"], "--ttl: Input should be 'same', 'spread', 'anchored' or 'until'"),
        (["--ttl", "until"], '--until belongs to ttl = "until"'),
        (["--ttl", "until", "--until", "24:00"], "--until: '24:00' is no time of day"),
        (["--origin", "origin.sqlite"], "--origin and --scenario say what the pods of --redis run"),
        (["--redis", "http://somewhere"], "--redis: "),
        (["--redis", "redis://127.0.0.1:1/0", "--scenario", "nothing"], "there is no scenario 'nothing'"),
    ],
)
def test_bad_input_exits_2_and_names_the_bound(words: list[str], why: str) -> None:
    result = lab(*words)
    assert result.exit_code == 2
    assert why in said(result)


def test_without_a_stack_it_says_so(docker: Path) -> None:
    (docker.parent / "docker").write_text("#!/bin/sh\n")
    result = lab()
    assert result.exit_code == 1
    assert "no stack runs here: make up" in said(result)


def test_in_the_stack_it_runs_in_a_container_of_its_own_beside_the_pods_with_their_settings(docker: Path) -> None:
    result = lab("--rate-per-s", 20, "--ttl", "until", "--until", "00:00", "--strategies", "static")
    assert result.exit_code == 0, result.output
    assert "ready: static" in result.stdout
    run = next(words for words in map(json.loads, docker.read_text().splitlines()) if words[0] == "run")
    assert {"--rm", "--read-only", "--network=container:a1", "--env=LAB_TTL_S=5", "--env=LAB_POD=warmer"} <= {*run}
    assert not [word for word in run if "PATH" in word]
    assert run[run.index("lab/service") + 1 :][:3] == ["-m", "app.warming", "--until-eof"]
    assert "--rate-per-s=20" in run
    until_s = float(next(word for word in run if word.startswith("--until-s=")).partition("=")[2])
    assert f"{datetime.fromtimestamp(until_s):%H:%M:%S}" == "00:00:00"
    assert 0 < until_s - datetime.now().timestamp() <= 86_400


def test_what_is_not_ready_exits_1(docker: Path) -> None:
    assert lab("--ttl", "same").exit_code == 1


def test_an_interrupt_lets_the_warmer_tell_how_far_it_came(docker: Path) -> None:
    words = [sys.executable, "-m", "loadtest", "warm", "--ttl", "anchored"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "warming static: round 1\n"
        process.send_signal(signal.SIGINT)
        said, errors = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "interrupted: static: round 1" in said
    assert "Everything that was started has been ended" in errors
