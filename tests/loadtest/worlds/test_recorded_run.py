"""The whole lab as a user runs it: real Redis, real pods, real Locust, short runs."""

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import psutil
import pytest
from redis import Redis

pytestmark = pytest.mark.alone

SHORT = """
title = "Short"
duration_s = 4
pods = 2
[load]
loop = "closed"
users = 10
think_s = 0.05
[keys]
count = 5
hot_share = 0.8
[cache]
ttl_s = 1
[origin]
latency = "fixed(50)"
connections = 16
"""


@pytest.fixture
def short(tmp_path: Path) -> Path:
    path = tmp_path / "short.toml"
    path.write_text(SHORT)
    return path


BENCH = ("bench", "--no-reference", "--scenario")


class Lab:
    """One `lab` command under way; ended by its id, whatever happens."""

    def __init__(self, *words: str | Path) -> None:
        self.process = subprocess.Popen(
            [sys.executable, "-m", "loadtest", *(str(word) for word in words)],
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, "COLUMNS": "200"},
        )

    def family(self) -> list[psutil.Process]:
        return psutil.Process(self.process.pid).children(recursive=True)

    def wait_for_child(self, *words: str) -> psutil.Process:
        """The child whose command line has all the words."""
        give_up_s = time.monotonic() + 60
        while time.monotonic() < give_up_s and self.process.poll() is None:
            for child in self.family():
                try:
                    line = " ".join(child.cmdline())
                except psutil.Error:
                    continue
                if all(word in line for word in words):
                    return child
            time.sleep(0.05)
        raise AssertionError(f"no child with {words}: {self.process.communicate()[0]}")

    def wait_for_load(self, results: Path, label: str) -> psutil.Process:
        """The process that sends the load of a run, once it has begun to; its records bear its id."""
        give_up_s = time.monotonic() + 60
        while time.monotonic() < give_up_s and self.process.poll() is None:
            for path in results.glob(f"*/raw/{label}/answers-*.csv"):
                return psutil.Process(int(path.stem.removeprefix("answers-")))
            time.sleep(0.02)
        raise AssertionError(f"no load of {label}: {self.process.communicate()[0]}")

    def end(self, within_s: float = 90) -> tuple[int, str]:
        said, _ = self.process.communicate(timeout=within_s)
        return self.process.returncode, said

    def __enter__(self) -> "Lab":
        return self

    def __exit__(self, *_: object) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.communicate()


def run(*words: str | Path) -> tuple[int, str]:
    with Lab(*words) as lab:
        return lab.end()


@pytest.fixture(scope="module")
def finished(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A bench of three strategies; the results folder and what was printed."""
    folder = tmp_path_factory.mktemp("bench")
    (folder / "short.toml").write_text(SHORT)
    code, said = run(
        "bench", "--scenario", folder / "short.toml", "--strategies", "static,singleflight,swr",
        "--results", folder / "results", "--seed", "5",
    )  # fmt: skip
    assert code == 0, said
    return folder / "results", said


def _rows(results: Path) -> dict[str, dict[str, Any]]:
    rows = json.loads((results / "latest" / "summary.json").read_text())["runs"]
    return {row["strategy"]: row for row in rows}


def test_a_bench_leaves_figures_records_and_reports(finished: tuple[Path, str]) -> None:
    results, said = finished
    run_folder = (results / "latest").resolve()
    assert run_folder.parent == results
    assert run_folder.name.endswith("-short")
    assert str(results) in said
    for name in ("report.md", "report.html", "environment.json", "scenario.json"):
        assert (run_folder / name).stat().st_size > 100
    for strategy in ("static", "singleflight", "swr", "nocache"):
        raw = run_folder / "raw" / strategy
        assert {"run.json", "ledger.csv", "metrics-pod-1.prom", "metrics-pod-2.prom", "locust.log"} <= {
            path.name for path in raw.iterdir()
        }
        assert not list(raw.glob("*.sqlite"))
        assert strategy in said


def test_every_row_has_the_promised_fields(finished: tuple[Path, str]) -> None:
    promised = [
        "scenario",
        "strategy",
        "world",
        "seed",
        "pods",
        "duration_s",
        "requests",
        "target_rate",
        "achieved_rate",
        "hit_ratio",
        "origin_reads",
        "origin_peak_1s",
        "p50_ms",
        "p95_ms",
        "p99_ms",
        "age_p99_s",
        "statuses",
        "errors",
        "wrong_answers",
    ]
    for row in _rows(finished[0]).values():
        assert set(promised) <= row.keys()
        assert (row["scenario"], row["world"], row["seed"], row["pods"]) == ("short", "native", 5, 2)
        assert row["requests"] == sum(row["statuses"].values()) > 100
        assert row["service_us"] > 0
        assert row["errors"] == row["wrong_answers"] == 0
        assert row["valid"]


def test_the_herd_is_there_and_singleflight_ends_it(finished: tuple[Path, str]) -> None:
    rows = _rows(finished[0])
    herd, one = (rows[name]["stampedes"]["hot"]["mean"] for name in ("static", "singleflight"))
    assert herd > 2 * one
    assert rows["static"]["origin_reads"] > 1.3 * rows["singleflight"]["origin_reads"]  # cold keys are most of both
    assert rows["singleflight"]["origin_peak_1s"] <= 2 * 5  # five keys, at most two expiries of each in a second
    assert rows["swr"]["statuses"]["stale"] > 0


def test_redis_killed_in_mid_run_is_no_error_and_no_result(short: Path, tmp_path: Path) -> None:
    with Lab(*BENCH, short, "--strategies", "singleflight", "--results", tmp_path / "results") as lab:
        lab.wait_for_load(tmp_path / "results", "singleflight")
        time.sleep(1.5)
        lab.wait_for_child("valkey-server").kill()
        code, said = lab.end()
    assert code == 3, said
    row = _rows(tmp_path / "results")["singleflight"]
    assert row["errors"] == 0
    assert row["wrong_answers"] == 0
    assert not row["valid"]
    assert "redis was ended by SIGKILL" in row["incidents"][0]
    assert "redis was ended by SIGKILL" in said


def test_a_pod_that_is_stopped_and_a_redis_that_is_emptied_in_mid_run_are_events_and_no_result(
    short: Path, tmp_path: Path
) -> None:
    short.write_text(SHORT.replace("duration_s = 4", "duration_s = 3"))
    with Lab(*BENCH, short, "--strategies", "static", "--results", tmp_path / "results") as lab:
        lab.wait_for_load(tmp_path / "results", "static")
        listening = lab.wait_for_child("valkey-server").net_connections()
        port = next(one.laddr.port for one in listening if one.status == psutil.CONN_LISTEN)
        pod = lab.wait_for_child("-m app")
        time.sleep(0.5)
        pod.suspend()
        with Redis(host="127.0.0.1", port=port) as client:
            client.flushall()
            client.flushall()
        time.sleep(1.2)
        pod.resume()
        code, said = lab.end()
    assert code == 3, said
    row = _rows(tmp_path / "results")["static"]
    assert not row["valid"]
    assert any(event.startswith("pods stood still: ") for event in row["incidents"]), row["incidents"]
    assert "Redis was emptied during the run (FLUSHALL, 2 times)" in row["incidents"]
    code, said = run("report", (tmp_path / "results" / "latest").resolve())
    assert code == 3, said
    assert _rows(tmp_path / "results")["static"]["incidents"] == row["incidents"]


def test_a_mistake_that_is_named_is_served_by_real_pods_too(short: Path, tmp_path: Path) -> None:
    words = ("--strategies", "pod_mutex", "--duration", "2", "--results", tmp_path / "results")
    code, said = run(*BENCH, short, *words)
    assert code == 0, said
    assert "pod_mutex ✗" in said
    assert _rows(tmp_path / "results")["pod_mutex"]["errors"] == 0


def test_a_strategy_whose_generator_is_killed_is_a_row_and_the_bench_goes_on(short: Path, tmp_path: Path) -> None:
    with Lab(*BENCH, short, "--strategies", "static,swr", "--results", tmp_path / "results") as lab:
        lab.wait_for_load(tmp_path / "results", "static").kill()
        code, said = lab.end()
    assert code == 3, said
    rows = _rows(tmp_path / "results")
    assert not rows["static"]["valid"]
    assert "locust was ended by SIGKILL" in " ".join(rows["static"]["incidents"])
    assert rows["swr"]["valid"], rows["swr"]["incidents"]


def test_a_bench_that_is_killed_leaves_figures_and_no_child_and_can_be_summarised(short: Path, tmp_path: Path) -> None:
    with Lab(*BENCH, short, "--strategies", "static,swr", "--results", tmp_path / "results") as lab:
        lab.wait_for_load(tmp_path / "results", "swr")
        family = lab.family()
        lab.process.kill()
        lab.end()
    (folder,) = (tmp_path / "results").iterdir()
    assert [row["strategy"] for row in json.loads((folder / "summary.json").read_text())["runs"]] == ["static"]
    _, alive = psutil.wait_procs(family, timeout=10)
    assert alive == []
    code, said = run("report", folder)
    assert code == 3, said
    rows = {row["strategy"]: row for row in json.loads((folder / "summary.json").read_text())["runs"]}
    assert list(rows) == ["static"], "a run that was cut short gives no figure"
    assert rows["static"]["valid"]
    assert "swr" in said


def test_a_results_folder_that_may_not_be_written_is_one_line_before_anything_runs(tmp_path: Path) -> None:
    (tmp_path / "results").write_text("a file")
    for command in ("bench", "sim", "sweep"):
        code, said = run(command, "--results", tmp_path / "results")
        assert code == 2, said
        assert "can be kept in" in said
        assert "Traceback" not in said


def test_a_run_shorter_than_its_ttl_has_its_figures(tmp_path: Path) -> None:
    code, said = run("sim", "--scenario", "bulk-warm", "--duration", "3", "--results", tmp_path / "results")
    assert code == 0, said
    assert set(_rows(tmp_path / "results")) >= {"static", "jitter", "singleflight", "swr", "xfetch"}


@pytest.mark.parametrize("sign", [signal.SIGINT, signal.SIGTERM, signal.SIGHUP])
def test_an_interrupted_bench_leaves_nothing_running_and_says_what_was_kept(
    short: Path, tmp_path: Path, sign: signal.Signals
) -> None:
    with Lab(
        "bench",
        "--scenario",
        short,
        "--no-reference",
        "--strategies",
        "static,swr",
        "--results",
        tmp_path / "results",
        "--duration",
        "3",
    ) as lab:
        lab.wait_for_load(tmp_path / "results", "swr")
        family = lab.family()
        assert len(family) >= 4  # Redis, two pods, Locust
        lab.process.send_signal(sign)
        code, said = lab.end()
    assert code == 130, said
    assert "Kept: figures of static" in said
    assert list(_rows(tmp_path / "results")) == ["static"]
    _, alive = psutil.wait_procs(family, timeout=0)
    assert alive == []


def test_a_bench_that_is_interrupted_while_its_processes_start_leaves_nothing(short: Path, tmp_path: Path) -> None:
    with Lab(*BENCH, short, "--strategies", "static", "--results", tmp_path / "results") as lab:
        lab.wait_for_child("fork_server")
        family = lab.family()
        lab.process.send_signal(signal.SIGTERM)
        code, said = lab.end()
    assert code == 130, said
    _, alive = psutil.wait_procs(family, timeout=0)
    assert alive == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["bench", "--scenario", "nope"], "there is no scenario 'nope'; `lab list` names all"),
        (["bench", "--strategies", "static,nope"], "there is no strategy 'nope'; "),
        (["bench", "--duration", "0"], "--duration"),
        (["bench", "--pods", "17"], "pods: 17 are for virtual time (make sim); as processes, at most 16"),
        (["bench", "--seed", "-1"], "--seed"),
        (["new", "static"], "app/strategies/static.py is there already"),
        (["new", "Bad Name"], "lower case"),
        (["try", "nope"], "there is no strategy 'nope'"),
        (["nonsense"], "No such command 'nonsense'"),
    ],
)
def test_bad_input_is_named_and_exits_with_2(words: list[str], said: str, tmp_path: Path) -> None:
    if words[0] == "bench":
        words = [*words, "--results", str(tmp_path / "results")]
    code, printed = run(*words)
    assert code == 2, printed
    assert said in " ".join(printed.split())
    assert not (tmp_path / "results").exists()


def test_a_redis_that_does_not_answer_is_named(short: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", "redis://127.0.0.1:1/0")
    code, said = run("bench", "--scenario", short, "--results", tmp_path / "results")
    assert code == 1
    assert "Redis at redis://127.0.0.1:1/0 does not answer" in said
    assert "Traceback" not in said


def test_the_list_names_every_strategy_and_scenario() -> None:
    code, said = run("list")
    assert code == 0
    for name in ("static", "jitter", "singleflight", "swr", "xfetch", "hot-key", "bulk-warm", "many-keys"):
        assert name in said
