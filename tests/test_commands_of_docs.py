"""Every command of README.md and docs/ can be called as it stands there; what virtual time does quickly is run."""

import os
import re
import shlex
import subprocess
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import pytest
from typer.main import get_command
from typer.testing import CliRunner

from app.discovery import discover
from app.strategy_groups import ALL, CONTENDERS, WRONG
from loadtest import ROOT
from loadtest.cli import COMMANDS, app
from loadtest.workload.scenario import scenario_names

_FENCED = re.compile(r"^```(\w*)\n(.*?)^```", re.MULTILINE | re.DOTALL)
_INLINE = re.compile(r"`((?:\.venv/bin/)?(?:lab|make) [^`]+)`")
_COMMENT = re.compile(r"\s+#.*$|^#.*$")
_OPEN = re.compile(r"…|<|\b(?:SEED|NAME|COMMAND|OWNER)\b|=$")
"""A command that a reader has to complete: its name and its options are checked, its values cannot be."""
READERS_OWN = re.compile(r"^(mine|my|mylib|writes|stampede|results)\b")
"""Files, strategies and runs that a reader makes while following a page."""

OTHERS = {
    "$EDITOR": "the reader's editor",
    ".": "changes the reader's shell",
    "apt-get": "changes the machine",
    "curl": "asks a pod that runs; tests/app asks the same paths",
    "dask": "several machines; tests/loadtest/studies/sweep has a cluster of one",
    "git": "asks the network",
    "pytest": "this is one; tests/loadtest/generator/test_open_loop.py",
    "pip": "asks the network; tests/test_wheel.py installs the wheel",
    "redis-server": "a server that does not end",
    "python": "a process that does not end; tests/app starts it",
    "locust": "a process that does not end; tests/loadtest/generator starts it",
}
"""Programs that are not the lab's, and the reason why a test does not start them."""
NOT_RUN = {
    "bench": "a load on real processes; tests/loadtest/worlds",
    "calibrate": "a load on real processes; tests/loadtest/studies/calibration",
    "break": "needs the stack; tests/loadtest/cli/test_break.py",
    "warm": "needs a Redis with pods; tests/loadtest/cli/test_warm.py",
    "claims": "a quarter of an hour; tests/loadtest/studies/claims",
    "drill": "minutes; tests/loadtest/studies/drills",
    "league": "hours; tests/loadtest/studies/league",
    "mistakes": "a minute; tests/loadtest/studies/mistakes",
    "steps": "minutes; tests/loadtest/studies/steps",
    "sweep": "minutes; tests/loadtest/studies/sweep",
    "tipping": "minutes; tests/loadtest/studies/tipping",
    "try": "needs a file of the reader's; tests/loadtest/studies/trial",
    "new": "writes into app/; tests/loadtest/cli/test_new.py",
    "verify": "minutes; tests/loadtest/sim/search/test_search.py",
    "reference": "writes the pages; tests/test_reference.py",
    "compare": "needs two runs; tests/loadtest/cli/test_compare_and_gate.py",
    "gate": "needs a run; tests/loadtest/cli/test_compare_and_gate.py, tests/test_lessons.py",
    "report": "needs a run; tests/loadtest/report/test_write.py, tests/loadtest/cli/test_report_several.py",
    "replay": "tests/loadtest/sim/search/test_replay.py, tests/loadtest/report/test_replay_page.py",
    "advise": "a minute; tests/loadtest/studies/advise",
    "settings": "tells a machine's settings; tests/loadtest/worlds",
    "pages": "minutes; tests/loadtest/studies",
}
"""Commands of `lab` that this test parses and does not run, with the reason and the tests that run them."""
RUN = ("list", "sim")
SHORT_S = 1.5
"""The seconds of load that a run of this test has."""
WHOLE = {
    "popularity-shift-tuned": "tests/loadtest/sim/cluster/test_popularity_shift.py",
    "popularity-shift": "tests/loadtest/sim/cluster/test_popularity_shift.py",
    "owner-dies": "tests/loadtest/sim/cluster/test_peers.py",
    "loadtest/scenarios/league/origin-down.toml": "docs/pages.toml, by lab pages",
    "welcome-back": "docs/pages.toml, by lab pages",
    "death-spiral-nets": "tests/loadtest/workload/test_stories.py",
    "death-spiral": "tests/loadtest/workload/test_stories.py",
    "docs/lessons/storm.toml": "tests/test_lessons.py",
}
"""Scenarios whose faults or phases need their whole time, and what runs them; any other runs here, however long."""
OFTEN = 200_000
"""The requests per second above which a scenario takes longer than a test may."""


class Told(NamedTuple):
    """A command as a page has it."""

    page: str
    words: tuple[str, ...]
    is_mention: bool

    @property
    def is_open(self) -> bool:
        return any(_OPEN.search(word) for word in self.words)


def told() -> Iterator[Told]:
    """Every command of every page."""
    for path in [ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md"))]:
        page, text = str(path.relative_to(ROOT)), path.read_text(encoding="utf-8")
        for language, block in _FENCED.findall(text):
            for line in block.replace("\\\n", " ").splitlines() if language == "sh" else ():
                if said := _COMMENT.sub("", line).strip():
                    yield Told(page, _words(said), is_mention=False)
        for said in _INLINE.findall(_FENCED.sub("", text)):
            yield Told(page, _words(" ".join(said.split())), is_mention=True)


def _words(said: str) -> tuple[str, ...]:
    return tuple(shlex.split(re.split(r" > | && | &$", said)[0]))


def _program(words: tuple[str, ...]) -> tuple[str, tuple[str, ...]]:
    """The program and its arguments, without the variables in front of it."""
    first = next(place for place, word in enumerate(words) if "=" not in word)
    return Path(words[first]).name or words[first], words[first + 1 :]


@cache
def takes() -> dict[str, set[str]]:
    """The variables of each target, as make itself expands them."""
    said = subprocess.run(["make", "-pn", "help"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    found = {name: set(variables.split()) for name, variables in re.findall(r"^takes\.([\w-]+) := (.*)$", said, re.M)}
    targets = next(line for line in said.splitlines() if line.startswith(".PHONY:")).split()[1:]
    return {target: found.get(target, set()) for target in targets}


@cache
def known_strategies() -> set[str]:
    found = discover(wrong=True, contenders=True)
    return {*found.choosable, *found.missing, *found.groups, ALL, WRONG, CONTENDERS}


def fault_of(one: Told) -> str:
    """The reason why the command cannot be called so; empty where it can."""
    program, arguments = _program(one.words)
    if program == "make":
        return fault_of_make(arguments)
    if program == "lab":
        return fault_of_lab(one, arguments)
    return "" if program in OTHERS else f"{program}: state in OTHERS why it is not run"


def fault_of_make(arguments: tuple[str, ...]) -> str:
    target = arguments[0]
    if target not in takes():
        return f"make has no target {target}"
    variables = dict(word.split("=", 1) for word in arguments[1:])
    if unknown := variables.keys() - takes()[target]:
        return f"make {target} takes no {min(unknown)}"
    return fault_of_names(variables.get("SCENARIO", ""), variables.get("STRATEGIES", ""))


def fault_of_lab(one: Told, arguments: tuple[str, ...]) -> str:
    name, *rest = arguments
    if name == "COMMAND":
        return ""
    if name not in COMMANDS:
        return f"lab has no command {name}"
    if name not in RUN and name not in NOT_RUN:
        return f"lab {name}: run it, or state in NOT_RUN why not"
    if (one.is_mention and all(word.startswith("-") for word in rest)) or one.is_open:
        own = {word for option in command(name).params for word in [*option.opts, *option.secondary_opts]}
        unknown = [word for word in rest if word.startswith("--") and word not in own]
        return f"lab {name} has no {unknown[0]}" if unknown else ""
    try:
        context = command(name).make_context(name, [*rest])
    except Exception as error:  # whatever the parser has against it
        return f"lab {name}: {getattr(error, 'message', error)}"
    scenario, strategies = (str(context.params.get(field) or "") for field in ("scenario", "strategies"))
    return fault_of_names(scenario, strategies if "[" not in strategies else "")


def fault_of_names(scenario: str, strategies: str) -> str:
    """The scenario or strategy that there is not; empty where there are all."""
    own = not scenario or READERS_OWN.match(scenario) or "…" in scenario
    if not own and scenario not in scenario_names() and not (ROOT / scenario).is_file():
        return f"there is no scenario {scenario}"
    missing = [one for one in strategies.split(",") if one and not READERS_OWN.match(one) and "…" not in one]
    unknown = [one for one in missing if one not in known_strategies() and not _is_not_installed(one)]
    return f"there is no strategy {unknown[0]}" if unknown else ""


def _is_not_installed(name: str) -> bool:
    """Whether it is a setting of a library or a proxy that this machine has not."""
    return any(name.startswith(f"{one}_") for one in discover(contenders=True).missing)


@cache
def command(name: str) -> Any:
    lazy: Any = get_command(app)
    return lazy.commands[name].callback()


def test_every_command_of_the_docs_is_one_that_there_is_with_its_options_scenarios_and_strategies() -> None:
    found = list(told())
    assert len(found) > 200
    faults = {f"{one.page}: {' '.join(one.words)}: {why}" for one in found if (why := fault_of(one))}
    assert sorted(faults) == []


def test_what_is_not_run_here_has_tests_that_are_there() -> None:
    named = [
        path
        for why in [*NOT_RUN.values(), *OTHERS.values(), *WHOLE.values()]
        for path in re.findall(r"tests/[\w/.]+\w", why)
    ]
    assert [path for path in named if not (ROOT / path).exists()] == []
    assert not {*RUN} & NOT_RUN.keys()


def simulations() -> list[tuple[str, ...]]:
    """The runs in virtual time that pages ask for, the first of each scenario; the league's pages have a study."""
    found = dict.fromkeys(
        _as_lab(*_program(one.words))
        for one in told()
        if not one.is_open and not one.page.startswith("docs/league") and one.page != "docs/mistakes.md"
    )
    run = [words for words in found if words and words[0] in RUN and not any(map(READERS_OWN.match, _values(words)))]
    return list({(words[0], _scenario_of(words), "--wire" in words): words for words in reversed(run)}.values())


def _scenario_of(words: tuple[str, ...]) -> str:
    return words[words.index("--scenario") + 1] if "--scenario" in words else "hot-key"


def _as_lab(program: str, arguments: tuple[str, ...]) -> tuple[str, ...]:
    """The command of `lab` behind a command; empty where there is none."""
    if program == "lab":
        return arguments
    if program != "make" or arguments[0] not in RUN:
        return ()
    options = (word.split("=", 1) for word in arguments[1:])
    return (arguments[0], *(part for name, value in options for part in _as_option(name, value)))


def _as_option(name: str, value: str) -> tuple[str, ...]:
    return (f"--{name.lower()}",) if name in ("WIRE", "RAW") else (f"--{name.lower()}", value)


def _values(words: tuple[str, ...]) -> list[str]:
    return [part for word in words[1:] for part in word.split(",")]


@pytest.mark.usefixtures("one_worker")
@pytest.mark.parametrize("words", simulations(), ids=" ".join)
def test_what_virtual_time_does_quickly_runs_as_a_page_says(
    words: tuple[str, ...], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A shorter load than the page's, where its faults allow: the words are what is tested."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "docs").symlink_to(ROOT / "docs")
    (tmp_path / "loadtest").symlink_to(ROOT / "loadtest")
    if words[0] == "sim":
        words = (*words, *_shorter(words))
    said = CliRunner().invoke(app, [*words], env={**os.environ, "COLUMNS": "200"})
    assert said.exit_code in (0, 3), said.output  # so short a load may show no expiry, and is no result
    assert words[0] != "sim" or (tmp_path / "results" / "latest" / "summary.json").is_file()


def _shorter(words: tuple[str, ...]) -> tuple[str, ...]:
    from loadtest.workload.scenario import BadScenario, read_scenario

    name = _scenario_of(words)
    scenario = read_scenario(str(ROOT / name) if (ROOT / name).is_file() else name)
    if (scenario.target_rate or 0) > OFTEN:
        pytest.skip(f"{name}: minutes of load at {scenario.target_rate:,.0f} requests/s; docs/scale.md has its runs")
    try:
        read_scenario(str(ROOT / name) if (ROOT / name).is_file() else name, duration_s=SHORT_S)
    except BadScenario:
        if name in WHOLE:
            pytest.skip(f"{name} needs its whole time: run by {WHOLE[name]}")
        return ()
    return ("--duration", f"{SHORT_S:g}")
