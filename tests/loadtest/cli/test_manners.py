"""How `lab` behaves at the door: help, versions, bad options, and terminals that cannot show everything."""

import io
import subprocess
import sys
import time
from pathlib import Path

import pytest
from rich.console import Console
from typer.testing import CliRunner, Result

from loadtest import ROOT
from loadtest.cli import COMMANDS, app, running
from loadtest.workload.scenario import read_scenario


def lab(*words: object) -> Result:
    return CliRunner().invoke(app, [str(word) for word in words])


def process(*words: str, module: str = "loadtest", **environment: str) -> subprocess.CompletedProcess[bytes]:
    return subprocess.run(
        [sys.executable, "-m", module, *words], cwd=ROOT, env={"PATH": "/usr/bin:/bin"} | environment,
        capture_output=True, timeout=60, check=False,
    )  # fmt: skip


def test_without_a_command_it_tells_what_there_is() -> None:
    result = lab()
    assert result.exit_code == 0
    assert "Usage:" in result.stdout
    assert "bench" in result.stdout


@pytest.mark.parametrize("option", ["-h", "--help"])
@pytest.mark.parametrize("command", [None, *COMMANDS])
def test_help_is_where_everybody_looks_for_it(command: str | None, option: str) -> None:
    result = lab(*filter(None, (command, option)))
    assert result.exit_code == 0, result.output
    assert "Usage:" in result.stdout


@pytest.mark.parametrize("option", ["--version", "-V"])
def test_it_tells_its_version(option: str) -> None:
    result = lab(option)
    assert result.exit_code == 0
    assert result.stdout.startswith("stampede-lab ")


HEAVY = ("numpy", "scipy", "plotly", "redis", "httpx", "pydantic", "psutil", "fastapi", "locust", "app")
"""What help and version need nothing of."""


@pytest.mark.parametrize("words", [["--help"], ["--version"]])
def test_help_and_version_import_nothing_that_runs(words: list[str]) -> None:
    code = (
        "import atexit, sys; from loadtest.cli import COMMANDS, main; sys.argv = ['lab', *sys.argv[1:]]\n"
        f"modules = {HEAVY!r} + tuple(where.partition(':')[0] for where in COMMANDS.values())\n"
        "atexit.register(lambda: print('loaded:', sorted(sys.modules.keys() & modules)))\n"
        "main()"
    )
    ended = subprocess.run([sys.executable, "-c", code, *words], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.stdout.splitlines()[-1] == b"loaded: []"


@pytest.mark.parametrize("command", ["compare", "gate"])
def test_a_command_that_reads_figures_imports_no_world_and_no_scenario(command: str) -> None:
    code = (
        f"import sys; from loadtest.cli import app; app(['{command}', '-h'], standalone_mode=False)\n"
        "heavy = ('loadtest.sim', 'loadtest.worlds', 'loadtest.workload.scenario', 'redis', 'plotly')\n"
        "print([name for name in sys.modules if name.startswith(heavy)])"
    )
    ended = subprocess.run([sys.executable, "-c", code], cwd=ROOT, capture_output=True, timeout=60, check=False)
    assert ended.stdout.splitlines()[-1] == b"[]", ended.stderr


def test_a_former_name_of_a_command_still_works_and_is_not_listed() -> None:
    former = lab("summarise", "--help").stdout.splitlines()
    assert former[2:] == lab("report", "--help").stdout.splitlines()[2:]
    assert "summarise" not in lab("--help").stdout


@pytest.mark.parametrize(
    ("former", "now"), [("check", "lab verify"), ("hitpath", "make hitpath"), ("loadlimit", "make loadlimit")]
)
def test_a_command_that_moved_says_where_to_whatever_its_options(former: str, now: str) -> None:
    result = lab(former, "--seed", 7)
    assert result.exit_code == 2
    assert f"{former} is now {now}" in " ".join(result.stderr.split())
    assert f"│ {former} " not in lab("--help").stdout


def test_a_pod_tells_its_version_too() -> None:
    ended = process("--version", module="app")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert ended.stdout.startswith(b"stampede-lab ")


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["sim", "--duration", "0"], "'--duration': Input should be greater than or equal to 1"),
        (["bench", "--duration", "3601"], "'--duration': Input should be less than or equal to 3600"),
        (["sim", "--duration", "nan"], "'--duration'"),
        (["try", "swr", "--duration", "inf"], "'--duration'"),
        (["sim", "--pods", "0"], "'--pods': Input should be greater than or equal to 1"),
        (["bench", "--pods", "17"], "pods: 17 are for virtual time (make sim); as processes, at most 16"),
        (["sim", "--seed", "-1"], "'--seed'"),
        (["sim", "--repeats", "1001"], "'--repeats'"),
        (["sim", "--scenario", "[red]x"], "there is no scenario '[red]x'"),
        (["try", "[red]x[/]"], "there is no strategy '[red]x[/]'"),
        (["try", ""], "try takes one strategy"),
        (["try", "swr,static"], "try takes one strategy"),
        (["sim", "--strategies", "\x1b[31mswr"], "there is no strategy"),
        (["new", "a\x1b]0;b"], "a strategy's name is"),
        (["bench", "--world", "[blink]"], "--world: there is no world '[blink]'"),
        (["nope"], "No such command 'nope'"),
        (["sweep", "--cluster", "nonsense"], "--cluster: 'nonsense' is no address: write one as tcp://host:8786"),
        (["sweep", "--cluster", "tcp://h:99999"], "is no address"),
        (["sim", "--nope"], "No such option: --nope"),
    ],
)
def test_a_bad_option_is_named_with_its_bound_and_exits_2(words: list[str], said: str, tmp_path: Path) -> None:
    result = CliRunner().invoke(app, words, env={"COLUMNS": "300"})
    assert result.exit_code == 2, result.output
    assert said in " ".join(result.stderr.split())
    assert "\x1b" not in result.stderr


@pytest.mark.parametrize(
    ("url", "said"),
    [("http://:hush@h", "must begin with one of redis://"), ("redis://:hush@h:99999/0", "no valid URL")],
)
@pytest.mark.parametrize("command", ["bench", "calibrate"])
def test_a_misspelled_redis_is_bad_input_and_its_secret_is_not_quoted(
    command: str, url: str, said: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_REDIS_URL", url)
    result = lab(command, "--strategies", "static", "--results", tmp_path)
    assert result.exit_code == 2, result.output
    assert f"LAB_REDIS_URL: {said}" in " ".join(result.stderr.split())
    assert "hush" not in result.output


@pytest.mark.parametrize("command", ["bench", "calibrate"])
def test_a_server_that_is_no_program_is_bad_input(
    command: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("LAB_REDIS_SERVER", "/nowhere/valkey-server")
    monkeypatch.delenv("LAB_REDIS_URL", raising=False)
    result = lab(command, "--strategies", "static", "--results", tmp_path)
    assert result.exit_code == 2, result.output
    assert "LAB_REDIS_SERVER: /nowhere/valkey-server is no program" in " ".join(result.stderr.split())


@pytest.mark.parametrize("command", ["sim", "bench", "calibrate"])
def test_a_results_folder_that_cannot_be_is_one_line(command: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    result = lab(command, "--strategies", "static", "--results", tmp_path / "file" / "results")
    assert result.exit_code == 2, result.output
    assert str(tmp_path / "file" / "results") in result.stderr
    assert "Traceback" not in result.output


def test_a_results_folder_may_have_any_name(tmp_path: Path) -> None:
    results = tmp_path / "[red]a[/b] ü%7"
    result = lab("sim", "--strategies", "static", "--duration", "6", "--results", results)
    assert result.exit_code == 0, result.output
    assert f"Report: {results}/" in result.stdout


def test_runs_go_to_the_folder_where_lab_is_called_and_are_found_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = lab("sim", "--strategies", "static", "--duration", "6")
    assert result.exit_code == 0, result.output
    assert (tmp_path / "results" / "latest" / "summary.json").exists()
    assert lab("gate", "--max", "static.errors <= 0").exit_code == 0


@pytest.mark.parametrize("command", [["report"], ["gate", "--max", "static.errors <= 0"], ["compare", "a", "b"]])
def test_where_there_is_no_run_that_is_said(
    command: list[str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    result = lab(*command)
    assert result.exit_code == 2
    assert "no such run directory" in result.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_title_of_a_scenario_is_text_and_no_markup(tmp_path: Path) -> None:
    title = "[bold red]not bold[/] \x1b[31mnot red \u202etxet"
    path = tmp_path / "mine.json"
    path.write_text(read_scenario("hot-key").model_copy(update={"title": title}).model_dump_json())
    result = lab("sim", "--scenario", path, "--strategies", "static", "--duration", "2", "--results", tmp_path / "r")
    assert "\x1b" not in result.output
    assert "\u202e" not in result.output


def test_a_terminal_that_cannot_show_everything_ends_nothing() -> None:
    ended = process("list", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert (ended.returncode, ended.stderr) == (0, b"")
    assert b"hot-key" in ended.stdout
    ended = process("sim", "--strategies", "nopé…", PYTHONIOENCODING="ascii", LC_ALL="C")
    assert ended.returncode == 2
    assert b"there is no strategy" in ended.stderr
    assert b"Traceback" not in ended.stderr


def test_no_color_is_no_colour(tmp_path: Path) -> None:
    ended = process("list", NO_COLOR="1", FORCE_COLOR="1", TERM="xterm")
    assert b"\x1b[3" not in ended.stdout


def test_a_bar_counts_what_is_behind_the_runs_that_have_not_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    shown = io.StringIO()
    monkeypatch.setattr(running, "console", Console(file=shown, force_terminal=True, width=100, color_system=None))
    with running.runs_progress(4, 1, lambda: 0.5) as advance:
        time.sleep(0.3)
        assert advance() == 2
        time.sleep(0.3)
    assert "1 of 4 runs" in shown.getvalue()
    assert " 38%" in shown.getvalue()  # 1.5 of 4
    assert " 62%" in shown.getvalue()


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="Linux has a device that is always full")
@pytest.mark.parametrize(("every_s", "is_quiet", "lines"), [(0.0, False, 2), (60.0, False, 0), (0.0, True, 0)])
def test_without_a_terminal_a_line_now_and_then_tells_how_far_it_is(
    every_s: float, is_quiet: bool, lines: int, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(running, "TOLD_EVERY_S", every_s)
    monkeypatch.setattr(running, "console", Console(file=io.StringIO(), quiet=is_quiet))
    with running.runs_progress(2, 0, lambda: 0.0) as advance:
        advance()
        advance()
    told = capsys.readouterr().err.splitlines()
    assert [line.partition(" after ")[0] for line in told] == ["1 of 2 runs", "2 of 2 runs"][:lines]


def test_a_disk_that_is_full_is_one_line() -> None:
    with open("/dev/full", "wb") as full:
        ended = subprocess.run(
            [sys.executable, "-m", "loadtest", "list"], cwd=ROOT, stdout=full, stderr=subprocess.PIPE,
            timeout=60, check=False,
        )  # fmt: skip
    assert ended.returncode == 1
    assert ended.stderr.splitlines() == [b"error: [Errno 28] No space left on device"]


def test_the_virtual_world_of_a_bench_is_the_sims_to_the_byte(tmp_path: Path) -> None:
    words = ["--scenario", "hot-key", "--strategies", "static,swr", "--duration", "6", "--repeats", "2", "--seed", "9"]
    for command, world in (("bench", ["--world", "virtual"]), ("sim", [])):
        said = lab(command, *words, *world, "--results", tmp_path / command)
        assert said.exit_code == 0, said.output
    bench, sim = ((tmp_path / name / "latest" / "summary.json").read_bytes() for name in ("bench", "sim"))
    assert bench == sim
