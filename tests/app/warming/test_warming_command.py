"""`python -m app.warming` as a process: it fills a Redis inside its rate, and says how it ended."""

import csv
import os
import signal
import subprocess
import sys
import time
from bisect import bisect_left
from pathlib import Path

import pytest
from redis import Redis

from app.warming.__main__ import main
from app.warming.progress import NOT_READY

KEYS, RATE = 60, 60


def settings(folder: Path, redis_url: str) -> dict[str, str]:
    return {
        "LAB_ORIGIN_PATH": str(folder / "origin.sqlite"),
        "LAB_REDIS_URL": redis_url,
        "LAB_ITEMS": str(KEYS),
        "LAB_TTL_S": "60",
        "LAB_ORIGIN_LATENCY": "fixed(20)",
    }


def command(folder: Path, redis_url: str, *options: str) -> tuple[list[str], dict[str, str]]:
    environment = {**os.environ, **settings(folder, redis_url)}
    return [sys.executable, "-m", "app.warming", "--strategies", "swr", *options], environment


def warm(folder: Path, redis_url: str, *options: str) -> subprocess.CompletedProcess[str]:
    words, environment = command(folder, redis_url, *options)
    return subprocess.run(words, env=environment, capture_output=True, text=True, timeout=60, check=False)


def test_it_fills_what_is_missing_inside_its_rate_and_then_has_nothing_left_to_do(
    tmp_path: Path, redis_url: str
) -> None:
    ledger = tmp_path / "ledger.csv"
    ended = warm(tmp_path, redis_url, f"--rate-per-s={RATE}", "--batch=20", "--ledger", str(ledger))
    assert (ended.returncode, ended.stderr) == (0, "")
    assert ended.stdout.splitlines()[-1].startswith(
        f"ready: swr: round 1, {KEYS} of {KEYS} keys looked at, {KEYS} loaded"
    )
    with ledger.open(newline="", encoding="utf-8") as file:
        rows = [*csv.DictReader(file)]
    asked_s = sorted(float(row["asked_s"]) for row in rows)
    assert {(row["reason"], row["pod"], row["outcome"]) for row in rows} == {("warm", "warmer", "ok")}
    assert max(bisect_left(asked_s, at_s + 1) - place for place, at_s in enumerate(asked_s)) <= RATE
    with Redis.from_url(redis_url) as client:
        assert {key.decode() for key in client.keys("*")} == {f"lab:swr:{number}" for number in range(KEYS)}
        lives_ms = sorted(client.pttl(f"lab:swr:{number}") for number in range(KEYS))
        client.delete("lab:swr:7", "lab:swr:8")
    assert lives_ms[0] < 0.75 * lives_ms[-1], "they expire apart"
    again = warm(tmp_path, redis_url)
    assert again.returncode == 0
    assert f"2 loaded, {KEYS - 2} there already" in again.stdout


def test_too_few_fresh_keys_in_the_end_exit_1_and_say_how_many(tmp_path: Path, redis_url: str) -> None:
    ended = warm(
        tmp_path,
        redis_url,
        "--keys=20",
        "--rate-per-s=100",
        "--rounds-max=2",
        "--ttl=until",
        f"--until-s={time.time() - 9}",
    )
    assert ended.returncode == 1
    assert "not ready: swr: round 2, 20 of 20 keys looked at, 0 loaded, 0 there already, 40 not stored" in ended.stdout
    assert "0 % fresh at the last check" in ended.stdout


def test_a_cache_that_is_away_is_waited_for_aloud(tmp_path: Path) -> None:
    ended = warm(tmp_path, "redis://127.0.0.1:1/0", "--within-s=1.5")
    assert ended.returncode == NOT_READY
    assert "waiting for the cache, which is away" in ended.stdout.splitlines()[0], ended.stdout + ended.stderr


def test_an_interrupt_ends_it_with_a_line_of_progress_and_leaves_no_lock(tmp_path: Path, redis_url: str) -> None:
    words, environment = command(tmp_path, redis_url, "--rate-per-s=10", "--batch=5")
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline().startswith("warming swr: round 1, 5 of 60")
        process.send_signal(signal.SIGINT)
        said = process.stdout.read()
        assert process.wait(20) == 130
    assert said.splitlines()[-1].startswith("interrupted: swr: round 1, ")
    with Redis.from_url(redis_url) as client:
        assert not [key for key in client.keys("*") if key.endswith(b":lock")]


@pytest.mark.parametrize(
    ("options", "said"),
    [
        (["--rate-per-s=0"], "--rate-per-s: Input should be greater than or equal to 1"),
        (["--hit-ratio=2"], "--hit-ratio: Input should be less than or equal to 1"),
        (["--ttl=until"], 'until_s belongs to ttl = "until"'),
        (["--keys=61"], "keys (61) must be at most the store's items (60)"),
        (["--strategies=nobody"], "--strategies: there is no strategy 'nobody'"),
        (["--part=3/2"], "--part: '3/2' must be a number of several"),
    ],
)
def test_bad_input_exits_2_and_names_the_bound(
    options: list[str], said: str, tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in settings(tmp_path, "redis://127.0.0.1:1/0").items():
        monkeypatch.setenv(name, value)
    assert main(options) == 2
    assert said in capsys.readouterr().err


def test_somebody_elses_file_is_not_taken_for_the_origin(
    tmp_path: Path, redis_url: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "origin.sqlite").write_text("my diary")
    for name, value in settings(tmp_path, redis_url).items():
        monkeypatch.setenv(name, value)
    assert main([]) == 2
    assert "is there and not the lab's own" in capsys.readouterr().err
    with Redis.from_url(redis_url) as client:
        assert not client.keys("*")
