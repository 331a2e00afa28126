"""What `make try` says of the mistakes that are made: the promise, the line and what to do, on one screen."""

import shutil
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import NamedTuple

import pytest

import app.strategies
import loadtest.studies.trial.trial
from app.discovery import discover
from loadtest import ROOT
from loadtest.studies.trial.breach import Breach, unusable
from loadtest.studies.trial.trial import check_contract

SCREEN_LINES = 24
BLOCKING = {"spins", "blocks"}
PLAIN = """
entry = await self.lab.cache.get(key)
if entry is not None:
    return Lookup(Status.HIT, entry)
loaded = await load(LoadReason.MISS)
return Lookup(Status.MISS, await self.lab.store(key, loaded, self.ttl_s))
"""


class Mistake(NamedTuple):
    """A strategy with its mistake in the line that says HERE, and what has to be on the screen."""

    text: str
    promise: str
    what: str
    advice: str


def strategy(
    body: str, top: str = "", head: str = "async def get_or_load(self, key: str, load: Loader) -> Lookup:"
) -> str:
    method = f"    {head}\n" + textwrap.indent(textwrap.dedent(body).strip("\n"), " " * 8)
    return f"from app.strategy import *\n{top}\n\nclass Mine(Strategy):\n{method}\n"


def declaring(mechanism: str) -> str:
    """A good strategy that declares its mechanism so."""
    return f"{strategy(PLAIN)}\n    def mechanism(self) -> Mechanism:\n        return {mechanism}\n"


ANSWERS, SELF_LAB = "it answers a request", "it takes nothing past self.lab"
MISTAKES = {
    "returns_none": Mistake(
        strategy("if await self.lab.cache.get(key):\n    return None\nawait load(LoadReason.MISS)  # HERE"),
        ANSWERS, "answered None, not a Lookup", "Some path through get_or_load ends without an answer",
    ),
    "returns_an_entry": Mistake(
        strategy(PLAIN.replace("return Lookup(Status.MISS, await", "return (await").rstrip() + "  # HERE"),
        ANSWERS, "answered Entry(", "Return Lookup(status, entry)",
    ),
    "returns_what_was_loaded": Mistake(
        strategy("return Lookup(Status.MISS, await load(LoadReason.MISS))  # HERE"),
        ANSWERS, "a Lookup of <Status.MISS", "Return Lookup(status, entry)",
    ),
    "forgot_async": Mistake(
        strategy(PLAIN, head="def get_or_load(self, key: str, load: Loader) -> Lookup:").replace(
            "get(key)", "get(key)  # HERE", 1
        ),
        "its file can be used", "'await' outside async function", "Write `async def`",
    ),
    "forgot_async_and_awaits_nothing": Mistake(
        strategy("return Lookup(Status.HIT, None)  # HERE", head="def get_or_load(self, key, load):"),
        ANSWERS, "can't be used in 'await' expression", "its `async` is missing",
    ),
    "forgot_await": Mistake(
        strategy(PLAIN.replace("await self.lab.cache.get(key)", "self.lab.cache.get(key)  # HERE")),
        ANSWERS, "was never awaited", "An `await` is missing",
    ),
    "forgot_to_await_the_store": Mistake(
        strategy("loaded = await load(LoadReason.MISS)\nself.lab.store(key, loaded, 5)  # HERE\n"
                 "return Lookup(Status.MISS, loaded.as_entry(5))"),
        ANSWERS, "coroutine 'Lab.store' was never awaited", "An `await` is missing",
    ),
    "awaits_a_number": Mistake(
        strategy("\nawait self.lab.clock.now_s()  # HERE" + PLAIN),
        ANSWERS, "can't be used in 'await' expression", "is no coroutine",
    ),
    "raises": Mistake(strategy("return {}[key]  # HERE"), ANSWERS, "KeyError: 'lab:raises:0'", "Return a Lookup"),
    "raises_deep": Mistake(
        strategy("return self.answer(key)\n\ndef answer(self, key):\n    return self.cahce  # HERE").replace(
            "        def answer", "    def answer"
        ).replace("            return self.cahce", "        return self.cahce"),
        ANSWERS, "has no attribute 'cahce'", "Return a Lookup",
    ),
    "exits": Mistake(strategy("raise SystemExit('enough')  # HERE"), ANSWERS, "SystemExit: enough", "Return a Lookup"),
    "hangs": Mistake(
        strategy("await asyncio.Event().wait()  # HERE", "import asyncio"),
        ANSWERS, "nothing is left to run", "waits for something that never comes",
    ),
    "sleeps_for_ever": Mistake(
        strategy("await asyncio.sleep(1e9)  # HERE", "import asyncio"),
        ANSWERS, "not done after 3600 s", "waits for something that never comes",
    ),
    "spins_awaiting": Mistake(
        strategy("while True:\n    await asyncio.sleep(0)  # HERE", "import asyncio"),
        ANSWERS, "the time stands still", "waits for something that never comes",
    ),
    "spins": Mistake(
        strategy("while True:  # HERE\n    try: pass\n    except BaseException: pass").replace("  # HERE", "").replace(
            "try: pass", "try: sum(range(9**9))  # HERE"
        ),
        ANSWERS, "get_or_load holds up everything: after", "Nothing else runs until a coroutine awaits",
    ),
    "blocks": Mistake(
        strategy("import queue\nqueue.Queue().get()  # HERE"),
        ANSWERS, "get_or_load holds up everything: after", "no time.sleep",
    ),
    "starts_a_thread": Mistake(
        strategy("await asyncio.to_thread(print)  # HERE", "import asyncio"),
        ANSWERS, "threads, sockets, processes and signals have no place", "starts no thread",
    ),
    "imports_time": Mistake(
        strategy("\ntime.sleep(1)" + PLAIN, "import time  # HERE"), SELF_LAB, "it imports time", "self.lab",
    ),
    "imports_random": Mistake(
        strategy(PLAIN, "from random import random  # HERE"), SELF_LAB, "it imports random", "self.lab",
    ),
    "imports_redis": Mistake(
        strategy(PLAIN, "import redis.asyncio  # HERE"), SELF_LAB, "neither app.strategy nor the standard", "self.lab",
    ),
    "imports_nothing_there": Mistake(
        strategy(PLAIN, "import nothing_there  # HERE"),
        "its file can be used", "No module named 'nothing_there'", "Import from app.strategy",
    ),
    "no_python": Mistake(
        strategy("entry = = 1  # HERE"), "its file can be used", "invalid syntax", "Python cannot read that line",
    ),
    "mechanism_without_its_number": Mistake(
        declaring("Mechanism.stale()  # HERE"), "its file can be used", "required keyword-only argument: 'window_s'",
        "Return a Mechanism with the numbers",
    ),
    "mechanism_out_of_bounds": Mistake(
        declaring("Mechanism.stale(window_s=-1)  # HERE"), "its file can be used", "must be a finite number from 0",
        "Return a Mechanism with the numbers",
    ),
    "mechanism_that_is_none": Mistake(
        declaring("None"), "its file can be used", "answers None, which is no Mechanism",
        "Return a Mechanism with the numbers",
    ),
    "no_class": Mistake("x = 1\n", "its file can be used", "one Strategy per file, not 0", "The file needs a class"),
    "undefined_at_the_top": Mistake(
        strategy(PLAIN, "x = undefined  # HERE"), "its file can be used", "'undefined' is not defined", "importable",
    ),
    "never_stores": Mistake(
        strategy("return Lookup(Status.MISS, (await load(LoadReason.MISS)).as_entry(5))"),
        "a loaded entry is there for the next request", "6 asked the origin", "Store what was loaded",
    ),
    "its_own_constructor": Mistake(
        strategy(PLAIN).replace("    async def", "    def __init__(self):\n        pass\n\n    async def"),
        ANSWERS, "__init__() takes 1 positional argument", "needs no __init__",
    ),
    "swallows_the_outage": Mistake(
        strategy("try:\n    entry = await self.lab.cache.get(key)\nexcept CacheAway:\n    entry = None"
                 + PLAIN.partition("get(key)")[2]),
        "while the cache is away", "not collapsed in a pod", "Let CacheAway through",
    ),
    "prints_a_lot": Mistake(
        strategy("print('x' * 99_999)\nreturn None  # HERE"), ANSWERS, "not a Lookup", "Some path",
    ),
}  # fmt: skip


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A copy of the lab in which the mistakes are strategies."""
    copy = tmp_path_factory.mktemp("lab")
    ignored = shutil.ignore_patterns("__pycache__", "results")
    for name in ("app", "loadtest", "tests"):
        shutil.copytree(ROOT / name, copy / name, ignore=ignored)
    shutil.copy(ROOT / "pyproject.toml", copy)
    for name, mistake in MISTAKES.items():
        (copy / "app" / "strategies" / f"{name}.py").write_text(mistake.text)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(loadtest.studies.trial.trial, "ROOT", copy)
        patch.setenv("PYTHONPATH", str(copy))
        yield copy


def source(lab: Path, name: str) -> Path:
    return lab / "app" / "strategies" / f"{name}.py"


@pytest.fixture(scope="module")
def breaches(lab: Path) -> dict[str, Breach | int]:
    """Of all that can be imported: in one go, but for those that end whoever runs them."""
    names = {name for name, mistake in MISTAKES.items() if mistake.promise != "its file can be used"}
    with ThreadPoolExecutor() as at_once:
        goes = [sorted(names - BLOCKING), *([name] for name in sorted(BLOCKING))]
        found = at_once.map(lambda go: check_contract(*(source(lab, name) for name in go)), goes)
        return {name: breach for one in found for name, breach in one.items()}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("name", [name for name, one in MISTAKES.items() if one.promise != "its file can be used"])
def test_a_mistake_is_named_with_its_promise_its_line_and_what_to_do(
    lab: Path, breaches: dict[str, Breach | int], name: str
) -> None:
    breach, mistake = breaches[name], MISTAKES[name]
    assert isinstance(breach, Breach), f"it keeps {breach} promises"
    screen = breach.screen(name, source(lab, name))
    check(screen, name)
    assert screen.startswith(f"{name} breaks a promise: {mistake.promise}")


def check(screen: str, name: str) -> None:
    mistake, shown = MISTAKES[name], " ".join(screen.split())
    assert len(screen.splitlines()) <= SCREEN_LINES
    assert mistake.what in shown, screen
    assert mistake.advice in shown, screen
    assert screen.endswith(f"Then: make try S={name}")
    if "# HERE" in mistake.text:
        line = next(number for number, text in enumerate(mistake.text.splitlines(), 1) if "# HERE" in text)
        assert f"app/strategies/{name}.py, line {line}\n" in screen, screen
        assert any(text.startswith("  > ") and "# HERE" in text for text in screen.splitlines()), screen


UNUSABLE = [name for name, mistake in MISTAKES.items() if mistake.promise == "its file can be used"]


@pytest.mark.parametrize("name", UNUSABLE)
def test_a_file_that_is_no_strategy_is_told_with_its_line(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.strategies, "__path__", [*app.strategies.__path__, str(tmp_path)])
    path = tmp_path / f"{name}.py"
    path.write_text(MISTAKES[name].text)
    check(unusable(discover().broken[name]).screen(name, path), name)


def test_a_file_that_is_no_strategy_is_bad_input(lab: Path) -> None:
    ended = run(lab, UNUSABLE[0])
    assert ended.returncode == 2
    check(ended.stderr.strip(), UNUSABLE[0])


def test_a_broken_promise_is_exit_code_1_and_nothing_but_the_screen(lab: Path) -> None:
    ended = run(lab, "returns_none")
    assert ended.returncode == 1
    assert ended.stdout == ""
    assert ended.stderr.startswith("returns_none breaks a promise")
    assert len(ended.stderr.splitlines()) <= SCREEN_LINES


def test_one_strategy_is_tried_by_its_name(lab: Path) -> None:
    ended = run(lab, "")
    assert ended.returncode == 2
    assert "try takes one strategy, by its name: make try S=mine" in ended.stderr


def run(lab: Path, name: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "loadtest", "try", name],
        cwd=lab, capture_output=True, text=True, timeout=120, check=False,
    )  # fmt: skip


def test_a_strategy_without_a_mistake_holds_every_promise(lab: Path) -> None:
    held = check_contract(source(lab, "static"))["static"]
    assert isinstance(held, int)
    assert held >= 20
