"""`lab break`: refused in one line, or begun and undone by commands of Docker, here a program that writes them down."""

import json
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.relay.control import RelayOrder
from app.troubled_store import PATH
from loadtest import ROOT
from loadtest.cli import app
from loadtest.workload.breaks import BREAKS
from loadtest.workload.fault_worlds import WORLDS
from loadtest.workload.faults import Fault

ENDED_WITHIN_S = 30
CONTAINERS = (
    "a1\tapp\t1\trunning\t8000/tcp", "a2\tapp\t2\tpaused\t8000/tcp", "r1\tredis\t1\trunning\t6379/tcp",
    "v1\tvictoriametrics\t1\trunning\t127.0.0.1:9->8428/tcp", "g1\tgrafana\t1\trunning\t127.0.0.1:3000->3000/tcp",
)  # fmt: skip
"""A stack whose metrics store does not answer: port 9 is nobody's."""
ANSWERS = "exec a1 bash -c exec 3<>/dev/tcp/127.0.0.1/8000"
RELAY = "w1\trelay\t1\trunning\t"
"""What a stack has besides that was started to be broken."""
_DOCKER = """#!/bin/sh
echo "$@" >>{calls}
case "$*" in
*"ps --all"*) printf '%s\\n' {containers} ;;
{more}
esac
"""


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, ["break", *map(str, words)], env={"COLUMNS": "300"})


def said(result: Result) -> str:
    return " ".join(result.stderr.split())


@pytest.fixture
def docker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Callable[[], list[str]]]:
    """Makes a `docker` with these containers, and answers how it was called, but for looks."""

    def make(*containers: str, more: str = "") -> Callable[[], list[str]]:
        calls, program = tmp_path / "calls", tmp_path / "docker"
        listed = " ".join(f"'{one}'" for one in containers) or "''"
        program.write_text(_DOCKER.format(calls=calls, containers=listed, more=more), encoding="utf-8")
        program.chmod(0o755)
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        return lambda: [line for line in calls.read_text().splitlines() if not line.startswith("ps ")]

    return make


@pytest.mark.parametrize("words", [(), ("--list",), ("redis-slow", "--list")])
def test_without_a_kind_it_tells_what_there_is_in_a_line_each(words: tuple[str, ...]) -> None:
    result = lab(*words)
    assert result.exit_code == 0
    assert [line.split()[0] for line in result.stdout.splitlines()] == list(BREAKS)


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["nope"], "there is no fault 'nope': name one of redis-killed, "),
        (["redis-slow", "--ms", 0], "--ms: Input should be greater than 0"),
        (["redis-paused", "--ms", 5], "--ms: redis-paused takes --for"),
        (["redis-flushed", "--for", 5], "--for: redis-flushed is a moment"),
        (["redis-full", "--policy", "lru"], "--policy: Input should be 'allkeys-lru' or 'noeviction'"),
        (["origin-fails", "--share", 2], "--share: Input should be less than or equal to 1"),
        (["redis-killed", "--for", 601], "'--for': Input should be less than or equal to 600"),
        (["pod-killed", "--pod", 0], "'--pod': Input should be greater than or equal to 1"),
    ],
)
def test_what_cannot_be_asked_for_is_said_in_a_line_that_names_what_can(words: list[object], expected: str) -> None:
    result = lab(*words)
    assert result.exit_code == 2, result.output
    assert expected in said(result).replace("Invalid value for ", "")


@pytest.mark.parametrize(
    ("containers", "words", "expected"),
    [
        ((), ["redis-killed"], "no stack runs here: make up"),
        (CONTAINERS[:2], ["redis-killed"], "no redis runs: make up"),
        (CONTAINERS, ["pod-killed", "--pod", 3], "there is no pod 3: there are app-1, app-2"),
        (CONTAINERS, ["pod-paused", "--pod", 2], "app-2 is paused already: docker unpause a2 mends it"),
        (CONTAINERS, ["redis-slow"], "these pods were started without the means for it: make up BREAK=1"),
        (
            CONTAINERS,
            ["origin-hangs"],
            "these pods were started without the means for it: make up BREAK=1",
        ),
    ],
)
def test_what_the_stack_cannot_do_is_refused_before_anything_is_broken(
    docker: Callable[..., Callable[[], list[str]]], containers: tuple[str, ...], words: list[object], expected: str
) -> None:
    calls = docker(*containers)
    result = lab(*words)
    assert (result.exit_code, said(result)) == (2, f"error: {words[0]}: {expected}")
    assert calls() == []


def test_without_docker_it_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("bash", "dirname"):  # all that is needed until Docker is asked
        (tmp_path / name).symlink_to(f"/usr/bin/{name}")
    monkeypatch.setenv("PATH", str(tmp_path))
    result = lab("redis-killed")
    assert (result.exit_code, said(result)) == (2, "error: redis-killed: there is no docker here")


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (["redis-killed"], ["kill r1", "start r1", "exec r1 redis-cli -e ping"]),
        (["redis-paused"], ["pause r1", "unpause r1"]),
        (
            ["redis-readonly"],
            ["exec r1 redis-cli -e replicaof 127.0.0.1 1", "exec r1 redis-cli -e replicaof no one"],
        ),
        (["pod-killed"], ["kill a1", "start a1", ANSWERS]),
        (["pod-terminated", "--pod", 1], ["stop a1", "start a1", ANSWERS]),
        (["redis-flushed"], ["exec r1 redis-cli -e flushall"]),
    ],
)
def test_it_is_begun_and_undone_and_told_at_both_ends(
    docker: Callable[..., Callable[[], list[str]]], words: list[object], expected: list[str]
) -> None:
    calls = docker(*CONTAINERS)
    result = lab(*words, *(("--for", 0.1) if len(expected) > 1 else ()))
    assert result.exit_code == 0, result.output
    done = [call for call in calls() if call.strip()]
    assert [call.partition(" && ")[0] for call in done] == expected
    begins, looks, ends = result.stdout.splitlines()
    assert f"{words[0]}: " in begins
    assert "look at http://127.0.0.1:3000/d/outage: " in looks
    assert f"{words[0]} has ended" in ends
    assert "Grafana shows no mark of it" in said(result)


@pytest.mark.parametrize(
    ("words", "begins", "ends"),
    [
        (["redis-slow", "--ms", 80], {"kind": "delay", "ms": 80.0}, "delay"),
        (["redis-silent"], {"kind": "silence", "arrive": False}, "silence"),
        (["redis-reset"], {"kind": "resets", "share": 0.5}, "resets"),
    ],
)
def test_what_is_done_on_the_way_is_what_the_relay_takes(
    docker: Callable[..., Callable[[], list[str]]], words: list[object], begins: dict[str, object], ends: str
) -> None:
    calls = docker(*CONTAINERS, RELAY)
    assert lab(*words, "--for", 0.1).exit_code == 0
    orders = [
        RelayOrder.model_validate_json(call.removeprefix("exec w1 python -m app.relay.tell ")) for call in calls()
    ]
    assert orders[0].begin is not None
    assert orders[0].begin.model_dump() == begins
    assert orders[0].for_s > 0.1  # it ends by itself, should nothing be left to end it
    assert orders[1].end == ends


@pytest.mark.parametrize(
    ("words", "begins", "ends"),
    [
        (["origin-fails", "--share", 0.5], {"kind": "fails", "share": 0.5}, "fails"),
        (["origin-slow", "--times", 3], {"kind": "slow", "times": 3.0}, "slow"),
        (["origin-hangs"], {"kind": "hangs"}, "hangs"),
    ],
)
def test_an_origin_is_broken_in_every_pod_that_runs(
    docker: Callable[..., Callable[[], list[str]]], words: list[object], begins: dict[str, object], ends: str
) -> None:
    calls = docker(*CONTAINERS, RELAY, "a3\tapp\t3\trunning\t")
    assert lab(*words, "--for", 0.1).exit_code == 0
    told = "\n".join(calls())
    bodies = [json.loads(line) for line in told.splitlines() if line.startswith("{")]
    assert [body | {"for_s": 0} for body in bodies] == 2 * [begins | {"for_s": 0}]
    assert told.count(f"DELETE {PATH}/{ends} HTTP/1.0") == 2
    assert {pod for pod in ("a1", "a2", "a3") if f"exec {pod} bash" in told} == {"a1", "a3"}  # a2 is paused


def test_a_full_redis_gets_back_the_memory_and_the_policy_that_it_had(
    docker: Callable[..., Callable[[], list[str]]],
) -> None:
    answers = """
*"config get"*) printf 'maxmemory\\n67108864\\nmaxmemory-policy\\nallkeys-lru\\n' ;;
*info*) printf '# Memory\\r\\nused_memory:1500000\\r\\nused_memory_dataset:500000\\r\\n' ;;"""
    calls = docker(*CONTAINERS, more=answers)
    assert lab("redis-full", "--policy", "allkeys-lru", "--share", 0.5, "--for", 0.1).exit_code == 0
    assert calls()[-2:] == [
        "exec r1 redis-cli -e config set maxmemory 1250000 maxmemory-policy allkeys-lru",
        "exec r1 redis-cli -e config set maxmemory 67108864 maxmemory-policy allkeys-lru",
    ]


def test_a_beginning_that_fails_is_undone_too(docker: Callable[..., Callable[[], list[str]]]) -> None:
    calls = docker(*CONTAINERS, more="kill*) echo 'no such thing' >&2; exit 1 ;;")
    result = lab("redis-killed")
    assert (result.exit_code, said(result)) == (1, "error: redis-killed: docker kill r1 ended with 1: no such thing")
    assert calls() == ["kill r1", "start r1", "exec r1 redis-cli -e ping"]


def test_what_cannot_be_undone_says_what_would_undo_it(docker: Callable[..., Callable[[], list[str]]]) -> None:
    docker(*CONTAINERS, more="unpause*) exit 1 ;;")
    result = lab("redis-paused", "--for", 0.1)
    assert result.exit_code == 1
    assert "by hand: docker unpause r1" in said(result)


@pytest.mark.parametrize("signs", [(signal.SIGINT, signal.SIGINT), (signal.SIGTERM,)])
def test_ctrl_c_undoes_it_however_often_it_comes(
    docker: Callable[..., Callable[[], list[str]]], signs: tuple[signal.Signals, ...]
) -> None:
    calls = docker(*CONTAINERS, more="unpause*) sleep 0.3 ;;")
    with subprocess.Popen(
        [sys.executable, "-m", "loadtest", "break", "redis-paused", "--for", "600"],
        cwd=ROOT, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        assert process.stdout is not None
        process.stdout.readline()
        for sign in signs:
            process.send_signal(sign)
            time.sleep(0.1)  # for the first to be heard as one of its own
        told, _ = process.communicate(timeout=ENDED_WITHIN_S)
    assert process.returncode == 130
    assert calls() == ["pause r1", "unpause r1"]
    assert "redis-paused has ended after" in told


def test_every_fault_by_hand_is_one_that_a_scenario_can_state() -> None:
    faults: list[Fault] = [one.fault(one.for_s, {}) for one in BREAKS.values()]
    assert {fault.variant for fault in faults} <= WORLDS.keys()
