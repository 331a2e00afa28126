"""A variable of `make` is a text: it reaches the program it is for as it was written, or is refused; it never runs."""

import re
from pathlib import Path

import pytest

from tests.bin.clone import ROOT, Clone

MAKEFILE = (ROOT / "Makefile").read_text(encoding="utf-8")
VARIABLES = re.findall(r"^(\w+)=", (ROOT / ".env").read_text(encoding="utf-8"), re.MULTILINE)
TAKES = {
    target: names.split()
    for target, names in re.findall(r"^takes\.(\S+)\s*:= (.*)$", MAKEFILE, re.MULTILINE)
    if "VARIABLES" not in names
}
FLAGS = set(re.findall(r"\$\(if \$\((\w+)\),--", MAKEFILE))
"""Of which it only counts whether there is any text."""
OF_THE_STACK = ("up", "load", "dev")
NASTY = {
    "a function of make": "$(shell touch {hit})",
    "a nested one": "$$(shell touch {hit})$(eval X := $(shell touch {hit}))",
    "backticks": "`touch {hit}`",
    "a substitution": "$(touch {hit})$$(touch {hit})",
    "a single quote": "'; touch {hit}; '",
    "a double quote": '"; touch {hit}; "',
    "an operator": "x; touch {hit} & touch {hit} | touch {hit} #",
    "a second line": "x\ntouch {hit}\n",
    "a backslash at the end": "a b\\",
    "an option": "--results=/nowhere",
    "nothing special": "Größe 7 %\t<= \\n ${{HOME}} $HOME ~ *",
}


@pytest.fixture
def clone(tmp_path: Path) -> Clone:
    return Clone(tmp_path / "a clone")


@pytest.mark.parametrize("how", ["on the command line", "in the environment"])
@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
def test_no_value_runs_and_each_arrives_as_it_was_written(clone: Clone, value: str, how: str) -> None:
    hit = clone.outside / "hit"
    value = value.format(hit=hit)
    for target, names in TAKES.items():
        given = dict.fromkeys(names, value)
        if how == "in the environment":
            ended = clone.run("make", target, **given)
        else:
            ended = clone.run("make", target, *(f"{name}={text}" for name, text in given.items()))
        assert ended.returncode == 0, (target, ended.stderr)
        assert not hit.exists(), f"make {target} ran what a variable holds"
        program, own_words = ("python", 3) if f"$(BENCHMARKS) {target} " in MAKEFILE else ("lab", 1)
        *_, words = clone.words(program)
        options = words[own_words:]
        arrived = [word.partition("=")[2] if word.startswith("--") and word != value else word for word in options]
        assert sorted(word for word in arrived if word) == [value] * len(set(names) - FLAGS), target


@pytest.mark.parametrize("target", OF_THE_STACK)
@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
def test_no_knob_of_the_stack_runs(clone: Clone, target: str, value: str) -> None:
    hit = clone.outside / "hit"
    clone.spy(
        "docker", version="2.40.0", ps="0123abcd", config="x/load", to={"loadtest.worlds.stack_settings": "RATE=7"}
    )
    clone.spy("sleep")
    clone.run("make", target, *(f"{name}={value.format(hit=hit)}" for name in VARIABLES))
    clone.run("make", target, "SCENARIO=" + value.format(hit=hit), "LOCUST_PORT=19731")
    assert not hit.exists()


def test_the_stack_takes_every_knob_of_env(clone: Clone) -> None:
    clone.spy("docker", version="2.40.0")
    ended = clone.run("make", "-n", "up", *(f"{name}=1" for name in VARIABLES))
    assert (ended.returncode, ended.stderr) == (0, "")


@pytest.mark.parametrize("value", NASTY.values(), ids=NASTY)
def test_nothing_runs_in_the_stacks_bench(clone: Clone, value: str) -> None:
    hit = clone.outside / "hit"
    clone.spy("docker", ps="0123abcd", settings="LAB_TTL_S=5\nAPP_REPLICAS=3")
    names = [name for name in TAKES["bench"] if name not in {"WORLD", "LIVE"}]
    ended = clone.run("make", "bench", "WORLD=stack", *(f"{name}={value.format(hit=hit)}" for name in names))
    assert ended.returncode == 0, ended.stderr
    assert not hit.exists()
    bench = next(words for words in clone.words("docker") if "--world=stack" in words)
    assert f"--strategies={value.format(hit=hit)}" in bench
    assert f"--scenario={value.format(hit=hit)}" in bench


def test_the_stacks_bench_is_not_watched_by_the_benchs_own_page(clone: Clone) -> None:
    ended = clone.run("make", "bench", "WORLD=stack", "LIVE=1")
    assert ended.returncode == 2
    assert "error: LIVE: the stack is watched in Grafana" in ended.stderr
    assert clone.words("docker") == []


@pytest.mark.parametrize("target", [*TAKES, *OF_THE_STACK, "list", "test", "clean", "help"])
def test_a_slip_of_the_pen_is_refused_in_a_line_that_names_what_there_is(clone: Clone, target: str) -> None:
    hit = clone.outside / "hit"
    ended = clone.run("make", target, f"SCENARO=$(shell touch {hit})")
    assert ended.returncode == 2
    line, *more = ended.stderr.strip().splitlines()
    assert not more
    assert f"make {target}: there is no SCENARO; it takes" in line
    assert all(name in line for name in TAKES.get(target, ()))
    assert not hit.exists()
    assert clone.words("lab") == []


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["try"], "make try: S is missing. Write: make try S="),
        (["try", "S= "], "make try: S is missing"),
        (["new"], "make new: S is missing"),
        (["replay", "S=x"], "make replay: SEED is missing"),
        (["replay", "SEED=1"], "make replay: S is missing"),
        (["compare", "A=x"], "make compare: B is missing. Write: make compare A=… B=…"),
        (["compare"], "make compare: A is missing"),
        (["sim", "WORLD=stack"], "make sim: there is no WORLD"),
    ],
)
def test_what_is_missing_is_said_in_one_line(clone: Clone, words: list[str], said: str) -> None:
    ended = clone.run("make", *words)
    assert ended.returncode == 2
    assert said in " ".join(ended.stderr.split())
    assert len(ended.stderr.strip().splitlines()) == 1
    assert clone.words("lab") == []


def test_help_names_no_variable_that_its_target_does_not_take(clone: Clone) -> None:
    for line in clone.run("make").stdout.splitlines():
        if line.startswith("  make "):
            target, _, said = line.removeprefix("  make ").partition(" ")
            taken = VARIABLES if target in OF_THE_STACK else TAKES.get(target, [])
            assert set(re.findall(r"\b([A-Z]+)=", said)) <= {*taken}, line


def test_what_is_set_for_another_project_reaches_no_program(clone: Clone) -> None:
    foreign = dict.fromkeys(("PYTHONHOME", "PYTHONPATH", "PYTHONOPTIMIZE", "VIRTUAL_ENV"), "/another")
    clone.run("make", "list", **foreign)
    (call,) = clone.calls("lab")
    assert not set(foreign) & set(call.environment)


def test_every_variable_of_a_recipe_is_one_that_its_target_takes() -> None:
    recipes = re.findall(r"^([a-z-]+):[^\n=]*\n((?:\t.*\n)+)", MAKEFILE, re.MULTILINE)
    options = "".join(re.findall(r"^bench_options = .*\\\n.*\n", MAKEFILE, re.MULTILINE))
    for target, recipe in recipes:
        used = set(re.findall(r'call option,(\w+)|\$\$\{?"?\$*([A-Z]+)\b', recipe.replace("$(bench_options)", options)))
        names = {one or other for one, other in used}
        assert names <= {*TAKES.get(target, [])}, target
