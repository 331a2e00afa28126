"""`--live` where there is nothing to watch, and on a port that another program has: exit 2, before anything starts."""

import socket
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loadtest.cli import app


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (("sim", "--live"), "virtual time takes seconds for a minute"),
        (("bench", "--world", "virtual", "--live"), "virtual time takes seconds for a minute"),
        (("bench", "--world", "stack", "--live-port", 8100), "the stack is watched in Grafana"),
    ],
)
def test_a_world_without_a_page_says_why(words: tuple[object, ...], reason: str, tmp_path: Path) -> None:
    result = lab(*words, "--results", tmp_path / "results")
    assert result.exit_code == 2
    assert reason in result.output
    assert not (tmp_path / "results").exists()


def test_a_port_that_is_taken_ends_the_bench_before_it_begins(tmp_path: Path) -> None:
    with socket.create_server(("127.0.0.1", 0)) as other:
        port = other.getsockname()[1]
        result = lab("bench", "--live-port", port, "--results", tmp_path / "results")
    assert result.exit_code == 2
    assert f"--live-port: port {port} of 127.0.0.1 cannot be had" in result.output
    assert not (tmp_path / "results").exists()
