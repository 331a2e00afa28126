"""The checkers of the lesson's exercises: they pass the answers, and fail what the exercises begin with."""

import re
import shlex
import shutil
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from loadtest import ROOT
from loadtest.cli import app as commands

LESSONS = ROOT / "docs" / "lessons"
ANSWERS = LESSONS / "answers"
CHECKER = re.compile(r"<!-- checker: ([\w-]+) -->\n```sh\n(.*?)```", re.DOTALL)
CHECKERS = {
    name: body.strip().splitlines() for page in LESSONS.glob("*.md") for name, body in CHECKER.findall(page.read_text())
}


@pytest.fixture(scope="module")
def checkout(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A checkout in which the answers, and what the exercise begins with, lie among the strategies."""
    folder = tmp_path_factory.mktemp("checkout")
    for name in ("app", "loadtest"):
        shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
    strategies = folder / "app" / "strategies"
    shutil.copy(strategies / "_template.py", strategies / "begins.py")
    for answer in ANSWERS.glob("*.py"):
        shutil.copy(answer, strategies)
    return folder


def lab(*words: str) -> Result:
    return CliRunner().invoke(commands, list(words))


def python(checkout: Path, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, *words], cwd=checkout, text=True, capture_output=True, check=False)


def words_of(checker: str) -> list[list[str]]:
    """The words of the last run of a checker, and of its verdict."""
    return [shlex.split(line.removeprefix(".venv/bin/lab ")) for line in CHECKERS[checker][-2:]]


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize(
    ("checker", "begins", "answer"),
    [
        ("storm", LESSONS / "storm.toml", ANSWERS / "storm.toml"),
        ("calm", ANSWERS / "storm.toml", ANSWERS / "calm.toml"),
        ("knee", LESSONS / "knee.toml", ANSWERS / "knee.toml"),
    ],
)
def test_a_scenario_passes_its_checker_once_it_is_the_answer(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, checker: str, begins: Path, answer: Path
) -> None:
    monkeypatch.chdir(tmp_path)
    simulate, judge = words_of(checker)
    for scenario, code in ((begins, 1), (answer, 0)):
        shutil.copy(scenario, tmp_path / "mine.toml")
        ran = lab(*simulate, "--no-reference")
        assert ran.exit_code == 0, ran.output
        assert lab(*judge).exit_code == code, scenario.name


def test_each_remedy_passes_its_own_level(checkout: Path) -> None:
    simulate, judge = words_of("remedy")
    _, judge_waiting = words_of("remedy-without-waiting")
    levels = {"begins": (1, 1), "remedy": (0, 1), "remedy_without_waiting": (0, 0)}
    simulate[simulate.index("static,mine")] = ",".join(["static", *levels])
    ran = python(checkout, "-m", "loadtest", *simulate, "--no-reference", "--results", str(checkout / "results"))
    assert ran.returncode == 0, ran.stderr
    for name, codes in levels.items():
        own = [[word.replace("mine.", f"{name}.") for word in words] for words in (judge, judge_waiting)]
        judged = [lab("gate", str(checkout / "results" / "latest"), *words[1:]) for words in own]
        assert tuple(one.exit_code for one in judged) == codes, [name, *(one.output for one in judged)]


def test_the_remedies_keep_the_contract(checkout: Path) -> None:
    names = sorted(answer.name for answer in ANSWERS.glob("*.py"))
    code = (
        "from pathlib import Path; from loadtest.studies.trial.trial import check_contract\n"
        f"print(check_contract(*(Path('app/strategies', name) for name in {names})))"
    )
    tried = python(checkout, "-c", code)
    assert re.fullmatch(r"\{'remedy': \d+, 'remedy_without_waiting': \d+\}", tried.stdout.strip()), tried


def test_the_five_ways_are_drills_that_there_are() -> None:
    (line,) = CHECKERS["break-it"]
    names = shlex.split(line)[2].split(",")
    assert len(names) == 5
    assert all((ROOT / "loadtest" / "scenarios" / "drills" / f"{name}.toml").is_file() for name in names)
