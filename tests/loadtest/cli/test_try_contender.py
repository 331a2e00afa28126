"""`lab try` of a contender: its behaviour on one screen; only one that cannot be used is refused."""

import json
import subprocess
import sys
from collections.abc import Iterator
from functools import partial
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from app.contender_files import VARIABLE
from loadtest.cli import app, try_contender
from loadtest.contract.behaviour.examination import examine
from loadtest.contract.behaviour.finding import Behaviour, FindingOutcome, Protection
from loadtest.contract.behaviour.probes import PROBES

RIGHT = """
from redis.asyncio import Redis

from app.contender import Contender, LoadValue, Site


class Mine(Contender):
    "Cache-aside by hand."

    library = "redis"

    def __init__(self, site: Site) -> None:
        self.redis, self.ttl_ms = Redis.from_url(site.redis_url), round(site.ttl_s * 1000)

    async def get(self, key: str, load: LoadValue) -> bytes:
        cached = await self.redis.get(key)
        if cached is not None:
            return cached
        value = await load()
        await self.redis.set(key, value, px=self.ttl_ms)
        return value

    async def aclose(self) -> None:
        await self.redis.aclose()
"""
FAILS = RIGHT.replace("        cached = await self.redis.get(key)\n", "        cached = await self.nothing.get(key)\n")


@pytest.fixture(autouse=True)
def outside(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.setenv(VARIABLE, "")
    monkeypatch.chdir(tmp_path)
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("app.contenders."):
            del sys.modules[name]


def lab_try(*words: str) -> Result:
    return CliRunner().invoke(app, ["try", *words, "--no-compare"], env={"COLUMNS": "300"})


def test_its_behaviour_is_one_screen_and_a_file(outside: Path) -> None:
    (outside / "mylib.py").write_text(RIGHT)
    tried = lab_try("mylib.py", "--findings", "findings.json", "--hold", "failed-load,leader-cancelled")
    assert tried.exit_code == 0, tried.output
    lines = tried.output.splitlines()
    assert len(lines) < 50
    assert lines[0].startswith("mylib (redis ")
    for probe in PROBES:
        assert sum(probe.question in line for line in lines) == 1
    (stated,) = json.loads((outside / "findings.json").read_text())
    behaviour = Behaviour.of_json(json.dumps(stated))
    assert json.loads(behaviour.as_json()) == stated
    assert behaviour.protection is Protection.EVERY
    assert [one.name for one in behaviour.findings] == [probe.name for probe in PROBES]
    assert all(one.outcome is not FindingOutcome.UNKNOWN for one in behaviour.findings)


def test_a_finding_that_is_to_hold_decides_the_exit_code(outside: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    two = [probe for probe in PROBES if probe.name in {"age", "failed-load"}]
    monkeypatch.setattr(try_contender, "examine", partial(examine, probes=two))
    (outside / "mylib.py").write_text(RIGHT.replace("px=self.ttl_ms", "px=self.ttl_ms * 3"))
    tried = lab_try("mylib.py", "--hold", "age,failed-load")
    assert tried.exit_code == 1
    assert "mylib: age not held" in tried.output
    assert lab_try("mylib.py", "--hold", "nothing").exit_code == 2


@pytest.mark.parametrize(
    ("text", "code", "what", "advice"),
    [
        (FAILS, 1, "AttributeError: 'Mine' object has no attribute 'nothing' (line 16)", "each of its paths"),
        (RIGHT + "\nx = 1 / 0\n", 2, "ZeroDivisionError: division by zero (line 26)", "importable"),
        (RIGHT.replace("def get", "def got"), 2, "Mine does not define get", "Add: async def get"),
        (RIGHT.replace('    library = "redis"\n', ""), 2, "does not state its library", "the distribution"),
        ("", 2, "it has no Contender", "class MyLib(Contender)"),
    ],
)
def test_one_that_cannot_be_used_gets_one_screen(outside: Path, text: str, code: int, what: str, advice: str) -> None:
    (outside / "mylib.py").write_text(text)
    tried = lab_try("mylib.py")
    assert tried.exit_code == code, tried.output
    assert tried.output.startswith("mylib cannot be used")
    for said in (what, advice, "mylib.py", "Then: lab try mylib.py"):
        assert said in tried.output
    assert len(tried.output.splitlines()) < 15


def test_a_library_that_is_not_installed_is_told_with_the_command(outside: Path) -> None:
    (outside / "mylib.py").write_text("import nothing_there\n" + RIGHT)
    tried = lab_try("mylib.py")
    assert tried.exit_code == 2
    assert "needs what is not installed" in " ".join(tried.output.split())
    assert "pip install redis" in " ".join(tried.output.split())


def test_a_process_that_never_returns_is_unknown_and_the_others_are_found(outside: Path) -> None:
    """A contender whose own code blocks is ended after the time of a probe."""
    (outside / "mylib.py").write_text(RIGHT)
    script = (
        "import asyncio\n"
        "from app.discovery import discover\n"
        "from loadtest.contract.behaviour import examination\n"
        "from loadtest.contract.behaviour.probes import PROBES\n"
        "examination.PROBE_CPU_S_MAX = 2.0\n"
        "kind = discover(contenders=True).contenders['mylib'].contender\n"
        "found = asyncio.run(examination.examine(kind, [one for one in PROBES if one.name in {'expires', 'age'}]))\n"
        "print(found.as_json())\n"
    )
    (outside / "mylib.py").write_text(
        RIGHT.replace("    async def get", "    import os\n    calls = 0\n\n    async def get").replace(
            "        cached = await",
            "        Mine.calls += 1\n        while Mine.calls > 100: pass\n        cached = await",
        )
    )
    ended = subprocess.run(
        [sys.executable, "-c", script],
        capture_output=True,
        text=True,
        check=False,
        env={VARIABLE: str(outside / "mylib.py")},
    )
    found = Behaviour.of_json(ended.stdout)
    assert {one.name: one.outcome for one in found.findings} == {
        "age": FindingOutcome.UNKNOWN,
        "expires": FindingOutcome.HELD,
    }
