import signal
import time
from pathlib import Path

import pytest

import app.file_imports
import app.strategies
import app.strategies.wrong
from app.alarm import TookTooLong, within
from app.discovery import check_name, discover
from app.strategy import Strategy, parameter
from app.strategy_groups import UnknownStrategy

BODY = """
from app.strategy import Loader, Lookup, Strategy, parameter

class Mine(Strategy):
    async def get_or_load(self, key: str, load: Loader) -> Lookup: ...
"""
METHOD = "    async def"
PARAMETER = '    x: float = parameter(5, "why", low=0)\n'


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setattr(app.strategies, "__path__", [*app.strategies.__path__, str(tmp_path)])
    return tmp_path


def test_the_file_names_the_strategy(folder: Path) -> None:
    (folder / "brand_new.py").write_text(BODY)
    assert discover().strategies["brand_new"].name == "brand_new"


def test_the_baseline_comes_first_and_there_is_one() -> None:
    found = discover()
    assert next(iter(found.strategies)) == found.baseline
    assert sum(strategy.is_baseline for strategy in found.strategies.values()) == 1


def test_bounds_are_found_only_when_they_are_asked_for_and_are_no_strategies() -> None:
    assert discover().references == {}
    found = discover(references=True)
    assert list(found.references) == ["nocache"]
    assert found.strategies == discover().strategies
    assert list(found.runnable) == [*found.strategies, "nocache"]


@pytest.fixture
def mistakes(tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path_factory.mktemp("mistakes")
    monkeypatch.setattr(app.strategies.wrong, "__path__", [*app.strategies.wrong.__path__, str(folder)])
    return folder


def _with(line: str, body: str = BODY) -> str:
    return body.replace(METHOD, f"    {line}\n\n{METHOD}")


def test_who_does_not_run_by_default_is_served_and_runs_when_it_is_named_or_with_all(folder: Path) -> None:
    (folder / "aside").with_suffix(".py").write_text(_with("runs_by_default = False"))
    (folder / "extends_it.py").write_text("from app.strategies.aside import Mine\n\nclass Yours(Mine):\n    pass\n")
    found = discover()
    assert "aside" in found.runnable
    assert "aside" not in found.choose(None)
    assert found.choose("static, aside,static") == ["static", "aside"]
    assert found.choose("all") == list(found.strategies)
    assert found.choose("aside,all")[:2] == ["aside", found.baseline]
    assert "extends_it" in found.choose("default")  # whatever a user adds runs at once


def test_mistakes_are_found_apart_only_when_they_are_asked_for(mistakes: Path) -> None:
    (mistakes / "so_wrong.py").write_text(_with('right_twin = "static"'))
    assert "so_wrong" not in discover().runnable
    found = discover(wrong=True)
    assert found.strategies == discover().strategies
    assert "so_wrong" in found.wrong
    assert "so_wrong" not in found.choose("all")
    assert found.choose("static,wrong") == ["static", *found.wrong]
    assert found.choose("so_wrong") == ["so_wrong"]
    with pytest.raises(ValueError, match="a mistake of the lab has that name"):
        check_name("so_wrong")


@pytest.mark.parametrize(("name", "twin"), [("alone", ""), ("with_nobody", "nobody")])
def test_a_mistake_without_a_right_twin_is_broken(mistakes: Path, name: str, twin: str) -> None:
    (mistakes / f"{name}.py").write_text(_with(f'right_twin = "{twin}"'))
    found = discover(wrong=True)
    assert name not in found.runnable
    assert found.broken[name] == f"its right_twin, {twin!r}, is no strategy"


def test_who_is_not_there_is_refused_with_those_that_are() -> None:
    with pytest.raises(
        UnknownStrategy, match=r"there is no strategy 'nix': name some of static, .*, default, all, wrong"
    ):
        discover().choose("static,nix")


def test_files_with_an_underscore_are_left_alone(folder: Path) -> None:
    (folder / "_draft.py").write_text("raise SystemExit")
    assert not discover().broken


@pytest.mark.parametrize(
    ("name", "text", "reason"),
    [
        ("no_strategy", "x = 1", "one Strategy per file, not 0"),
        ("two", BODY + BODY.replace("Mine", "Yours"), "one Strategy per file, not 2 (Mine, Yours)"),
        ("nocache", BODY, "a reference of the lab has that name"),
        ("swallows", "while True:\n    try:\n        while True: pass\n    except Exception: pass", "does not end"),
        ("sleeps", "import time\n\ntime.sleep(60)", "its import does not end: not done after 0.2 s, at line 3"),
        ("hides", BODY.replace(METHOD, PARAMETER.replace("x:", "ttl_s:") + METHOD), "Mine.ttl_s: every strategy has"),
        (
            "hides_a_method",
            BODY.replace(METHOD, PARAMETER.replace("x:", "checked_params:") + METHOD),
            "Mine.checked_params: every strategy",
        ),
        ("abstract", "from app.strategy import Strategy\nclass A(Strategy): ...", "does not define get_or_load"),
        ("exits", "raise SystemExit(3)", "SystemExit"),
        ("no_module", "import nowhere_to_be_found", "ModuleNotFoundError"),
        ("metrics", BODY, "a route of the service itself"),
        ("all", BODY, "that word stands for several strategies"),
        ("Upper", BODY, "lower case"),
        (
            "mute",
            BODY.replace(METHOD, "    def mechanism(self): return None\n\n" + METHOD),
            "mechanism() answers None, which is no Mechanism",
        ),
        (
            "asks_the_lab",
            BODY.replace(METHOD, "    def mechanism(self): return self.lab.clock\n\n" + METHOD),
            "AttributeError: 'Mine' object has no attribute 'lab' (line 5)",
        ),
        (
            "out_of_bounds",
            BODY.replace(METHOD, PARAMETER.replace("low=0", "low=6") + METHOD),
            "out_of_bounds.x",
        ),
    ],
)
def test_a_broken_file_is_named_with_its_reason_and_the_others_stay(
    folder: Path, name: str, text: str, reason: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(app.file_imports, "IMPORT_S_MAX", 0.2)
    (folder / f"{name}.py").write_text(text)
    found = discover()
    assert reason in found.broken[name]
    assert len(found.strategies) >= 5


@pytest.mark.parametrize("name", ["", "a b", "../x", "class", "readyz", "X", "ä", "a" * 41, "1a"])
def test_a_name_that_cannot_be_a_route_is_refused(name: str) -> None:
    with pytest.raises(ValueError, match=r"route|lower case"):
        check_name(name)


def test_a_folder_is_no_strategy(folder: Path) -> None:
    (folder / "several").mkdir()
    (folder / "several" / "__init__.py").write_text(BODY)
    assert "a strategy is one file" in discover().broken["several"]


def test_of_classes_that_extend_each_other_the_last_is_the_files_strategy(folder: Path) -> None:
    (folder / "extends.py").write_text(BODY + "\nclass Yours(Mine):\n    pass\n\nTheSame = Yours\n")
    assert discover().strategies["extends"].__name__ == "Yours"


class _Parent(Strategy):
    is_baseline = True
    beta: float = parameter(1.0, "of the parent", low=0, high=100)
    form: str = parameter("one", "of the parent", choices=("one", "two"))


def test_who_extends_a_strategy_has_its_parameters_and_may_give_them_other_defaults() -> None:
    class Child(_Parent):
        beta: float = 2.0
        gamma: float = parameter(3.0, "its own", high=4)

    assert Child.checked_params({}) == {"beta": 2.0, "form": "one", "gamma": 3.0}
    assert Child.checked_params({"beta": 5, "form": "two"}) == {"beta": 5.0, "form": "two", "gamma": 3.0}
    assert Child.parameters()["beta"].high == 100
    assert _Parent.checked_params({})["beta"] == 1.0
    assert not Child.is_baseline


@pytest.mark.parametrize("default", [101.0, "many", None, float("nan"), 10**400])
def test_another_default_keeps_the_inherited_bound(default: object) -> None:
    child: type[Strategy] = type("Child", (_Parent,), {"beta": default})
    with pytest.raises(ValueError, match=r"\.beta: must be a (finite )?number from 0 to 100, not"):
        child.checked_params({})


def test_a_strategy_of_another_file_can_be_extended(folder: Path) -> None:
    (folder / "parent.py").write_text(BODY.replace(METHOD, PARAMETER + METHOD))
    (folder / "child.py").write_text("from app.strategies.parent import Mine\n\nclass Yours(Mine):\n    x = 7.0\n")
    found = discover()
    assert found.broken == {}
    assert (found.strategies["child"].name, found.strategies["parent"].name) == ("child", "parent")
    assert found.strategies["child"].checked_params({}) == {"x": 7.0}


EXTENDED = """
from app.strategies.swr import StaleWhileRevalidate
from app.strategy import Mechanism, parameter

class Longer(StaleWhileRevalidate):
    stretch: float = parameter(1.0, "how many TTLs an entry is fresh", low=0.1, high=10)

    def mechanism(self) -> Mechanism:
        return Mechanism.stale(window_s=self.stale_s, stretch=self.stretch)
"""


def test_who_extends_a_strategy_of_the_lab_adds_parameters_and_states_its_own_mechanism(folder: Path) -> None:
    (folder / "longer.py").write_text(EXTENDED)
    found = discover().strategies
    assert list(found["longer"].parameters()) == ["stale_s", "stretch"]
    assert found["longer"].stated(10.0, {"stretch": 2.0, "stale_s": 1.0}).oldest_s() == 21.0
    assert found["swr"].stated(10.0, {}).oldest_s() == 15.0


def test_an_alarm_names_the_line_and_gives_back_the_one_before() -> None:
    rung: list[int] = []
    before = signal.signal(signal.SIGALRM, lambda number, _: rung.append(number))
    left_s, interval_s = signal.setitimer(signal.ITIMER_REAL, 60.0)
    try:
        with pytest.raises(TookTooLong, match=r"not done after 0\.05 s, at line \d+"), within(0.05, __file__):
            time.sleep(5)
        assert 0 < signal.getitimer(signal.ITIMER_REAL)[0] <= 60.0
        assert rung == []
    finally:
        signal.setitimer(signal.ITIMER_REAL, left_s, interval_s)
        signal.signal(signal.SIGALRM, before)
