"""`bin/dev` where nothing goes well; with real pods it is in tests/stack/test_edits.py."""

import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.bin.clone import Clone
from tests.stack.waiting import wait_until

CONFIG = "name: this\nservices:\n  app:\n    deploy:\n      replicas: 3\n    image: this/service"
PORTS = {name: str(19_200 + number) for number, name in enumerate((
    "FRONT_PORT", "GRAFANA_PORT", "LOCUST_PORT", "LOCUST_MASTER_PORT", "VICTORIAMETRICS_PORT", "VMALERT_PORT",
))}  # fmt: skip


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    clone = Clone(tmp_path / "a clone")
    (clone.folder / "app").mkdir()
    (clone.folder / "app" / "one.py").touch()
    return clone


@contextmanager
def watching(clone: Clone) -> Iterator[tuple["subprocess.Popen[bytes]", Path]]:
    log = clone.outside / "log"
    with log.open("wb") as said:
        process = subprocess.Popen(
            ["bash", "bin/dev", "--no-up"], cwd=clone.folder, stdin=subprocess.DEVNULL, stdout=said,
            stderr=subprocess.STDOUT, env=clone.surroundings() | PORTS,
        )  # fmt: skip
        try:
            wait_until("it watches", lambda: "Watching" in log.read_text(), within_s=30)
            yield process, log
        finally:
            process.terminate()
            process.wait(60)


@pytest.mark.parametrize("value", ["abc", "0", "1.5", "1000", "a[$(touch hit)]"])
def test_a_bound_that_is_none_is_one_line(clone: Clone, value: str) -> None:
    ended = clone.run("make", "dev", DEV_CHECK_S=value)
    assert ended.stderr.splitlines()[0] == (
        f"error: DEV_CHECK_S={value}: must be a whole number from 1 to 999, in seconds"
    )
    assert not (clone.folder / "hit").exists()
    assert clone.words("docker") == []


def test_of_a_broken_folder_nothing_is_started(clone: Clone) -> None:
    fault = "app/cache.py, line 3: SyntaxError: '(' was never closed"
    clone.spy("docker", version="2.40.0", config=CONFIG, run=fault)
    ended = clone.run("bash", "bin/dev", **PORTS)
    assert ended.returncode == 1
    assert ended.stdout.splitlines()[1:] == [f"app/: {fault}"]
    assert ended.stderr == "error: nothing was started\n"
    assert not [words for words in clone.words("docker") if "up" in words]


def test_an_edit_when_the_stack_is_down_is_one_line_and_the_end(clone: Clone) -> None:
    clone.spy("docker", version="2.40.0", config=CONFIG)
    with watching(clone) as (process, log):
        (clone.folder / "app" / "two two.py").touch()
        assert process.wait(60) == 1
        said = log.read_text().splitlines()
    assert said[1:] == ["edit 1: app/two two.py …", "error: the stack is down; make dev brings it up again"]
    assert not [words for words in clone.words("docker") if "build" in words]


@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGHUP])
def test_its_end_is_said_and_is_no_failure(clone: Clone, how: signal.Signals) -> None:
    clone.spy("docker", version="2.40.0", config=CONFIG)
    with watching(clone) as (process, log):
        process.send_signal(how)
        assert process.wait(60) == 0
        assert log.read_text().splitlines()[1:] == ["Watching has ended. The stack stays up: make down stops it."]


def test_what_an_editor_leaves_beside_a_file_is_no_edit(clone: Clone) -> None:
    clone.spy("docker", version="2.40.0", config=CONFIG)
    with watching(clone) as (process, log):
        for name in (".two.py.swp", ".#two.py", "two.py~", "4913", "two.pyc"):
            (clone.folder / "app" / name).write_text("x")
        (clone.folder / "app" / "__pycache__").mkdir()
        (clone.folder / "app" / "__pycache__" / "two.py").write_text("x")
        (clone.folder / "app" / "one.py").write_text("x = 1\n")
        process.wait(60)
        assert log.read_text().splitlines()[1] == "edit 1: app/one.py …"
