"""Contenders are found as strategies are; one whose library is missing, or that is broken, harms no other."""

import ast
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import app.contenders
import app.file_imports
import app.proxies
from app.contender_discovery import find_contenders
from app.contender_names import contender_names, file_of, libraries, version_of
from app.discovery import check_name, discover
from app.settings import Settings
from app.strategy import MechanismKind
from app.strategy_groups import UnknownStrategy
from loadtest import ROOT
from loadtest.worlds.environment import describe

BODY = """
from app.contender import Contender, LoadValue, Site, parameter

class Mine(Contender):
    "The idea."

    library = "mylib"
    share: float = parameter(0.5, "a share", low=0, high=1)

    async def get(self, key: str, load: LoadValue) -> bytes:
        return await load()
"""
SECOND = """
class Again(Mine):
    setting = "again"
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    before = set(sys.modules)
    monkeypatch.setattr(app.contenders, "__path__", [str(tmp_path)])
    monkeypatch.setattr(app.proxies, "__path__", [])
    yield tmp_path
    for name in set(sys.modules) - before:
        if name.startswith("app.contenders."):
            del sys.modules[name]


def test_the_file_and_the_setting_name_a_contender(folder: Path) -> None:
    (folder / "mylib.py").write_text(BODY + SECOND)
    found = discover(contenders=True)
    assert list(found.contenders) == ["mylib", "mylib_again"]
    again = found.contenders["mylib_again"]
    assert (again.name, again.library, again.__doc__) == ("mylib_again", "mylib", None)
    assert found.contenders["mylib"].__doc__ == "The idea."
    assert again.over_the_wire
    assert not again.runs_by_default
    stated = again.stated(5.0, {"share": 0.25})
    assert vars(stated)["share"] == 0.25
    assert stated.mechanism().kind is MechanismKind.UNKNOWN
    with pytest.raises(ValueError, match=r"mylib_again.share: must be a number from 0 to 1"):
        again.stated(5.0, {"share": 2})


def test_contenders_are_found_only_when_they_are_asked_for_and_are_in_no_other_group(folder: Path) -> None:
    (folder / "mylib.py").write_text(BODY + SECOND)
    assert discover().contenders == {}
    found = discover(contenders=True)
    assert found.strategies == discover().strategies
    assert found.choose("static,contenders") == ["static", "mylib", "mylib_again"]
    assert found.choose("mylib_again") == ["mylib_again"]
    assert not {"mylib", "mylib_again"} & {*found.choose(None), *found.choose("all")}
    assert {"mylib", "mylib_again"} <= found.runnable.keys()


def test_only_the_libraries_of_those_that_are_named_are_imported(folder: Path) -> None:
    for name in ("mylib", "other"):
        (folder / f"{name}.py").write_text(BODY + SECOND)
    assert list(discover(contenders="mylib_again").contenders) == ["mylib", "mylib_again"]
    assert "app.contenders.other" not in sys.modules
    assert list(discover(contenders="mylib,contenders").contenders) == ["mylib", "mylib_again", "other", "other_again"]
    assert discover(contenders="static").contenders == {}


@pytest.mark.parametrize(
    ("given", "names"), [("1", "contenders"), ("true", "contenders"), ("0", ""), ("", ""), (" a, b_c", "a,b_c")]
)
def test_a_pod_s_setting_names_them_or_says_all_of_them(given: str, names: str) -> None:
    assert Settings(contenders=given).contenders == names


@pytest.mark.parametrize(("stated", "library"), [('library = "mylib"', "mylib"), ("library = NAME", "no_such_module")])
def test_one_whose_library_is_missing_is_told_with_the_command_that_installs_it(
    folder: Path, stated: str, library: str
) -> None:
    (folder / "mylib.py").write_text(f"import no_such_module.part\n{BODY}".replace('library = "mylib"', stated))
    found = discover(contenders=True)
    command = f"{Path(sys.prefix) / 'bin/pip'} install {library}".removeprefix(f"{Path.cwd()}/")
    assert found.missing == {"mylib": command}
    assert not found.broken_contenders
    assert not found.contenders
    for name in ("mylib", "mylib_again"):
        with pytest.raises(UnknownStrategy) as refused:
            found.choose(name)
        assert str(refused.value) == f"{name} needs a library that is not installed: {command}"


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("1 / 0\n", "ZeroDivisionError: division by zero (line 1)"),
        ("while True: pass\n", "its import does not end: not done after 0.2 s, at line 1"),
        ("import app.nothing\n", "ModuleNotFoundError: No module named 'app.nothing' (line 1)"),
        ("", "ValueError: it has no Contender"),
        (BODY.replace("def get", "def fetch"), "ValueError: Mine does not define get"),
        (BODY.replace('library = "mylib"', ""), "TypeError: Mine does not state its library"),
        (BODY.replace("0.5", "5"), "ValueError: mylib.share: must be a number from 0 to 1, not 5"),
        (BODY + "class Again(Mine): pass\n", "ValueError: two of its classes have the setting ''"),
        (
            BODY + "class Again(Mine):\n    setting = 'No'\n",
            "ValueError: 'mylib_No': a contender's name has letters, digits and _, lower case, 40 at most",
        ),
    ],
)
def test_a_broken_one_is_reported_and_harms_no_other(
    folder: Path, text: str, why: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    if "while" in text:
        monkeypatch.setattr(app.file_imports, "IMPORT_S_MAX", 0.2)
    (folder / "mylib.py").write_text(text)
    (folder / "other.py").write_text(BODY)
    found = discover(contenders=True)
    assert found.broken_contenders == {"mylib": why}
    assert list(found.contenders) == ["other"]
    with pytest.raises(UnknownStrategy, match=r"app/contenders/mylib.py is broken: "):
        found.choose("mylib_fast")


def test_a_strategy_may_not_have_a_contender_s_name_and_a_contender_stands_aside_for_a_strategy(folder: Path) -> None:
    (folder / "mylib.py").write_text(BODY)
    (folder / "swr.py").write_text(BODY)
    for name in ("mylib", "mylib_again"):
        with pytest.raises(ValueError, match=r"that name is a contender's \(app/contenders/mylib.py\)"):
            check_name(name)
    check_name("mylibrary")
    assert list(find_contenders().strategies) == ["mylib"]
    assert discover().strategies.keys() >= {"swr"}
    assert [file_of(name) for name in ("mylib", "mylib_again", "mylibrary", "swr", "other")] == [
        "mylib", "mylib", None, None, None,
    ]  # fmt: skip


def test_a_run_records_the_versions_of_the_libraries_without_importing_them(folder: Path) -> None:
    (folder / "mylib.py").write_text(f"raise RuntimeError\n{BODY}")
    (folder / "other.py").write_text(BODY.replace('"mylib"', '"redis"'))
    assert libraries() == ["mylib", "redis"]
    versions = describe("lab bench", 1)["versions"]
    assert versions["mylib"] == "not installed"
    assert versions["redis"] == version_of("redis") != ""


def test_those_of_the_lab_are_whole_and_state_what_they_are() -> None:
    found = find_contenders()
    assert not found.broken
    for name, strategy in found.strategies.items():
        contender = strategy.contender
        assert version_of(contender.library), f"{name}: {contender.library} is no installed distribution"
        assert contender.documentation.startswith("https://"), name
        for word in ("Setting:", "Reference:"):
            assert word in (contender.__doc__ or ""), f"{name}: its docstring has no {word}"


@pytest.mark.parametrize("path", sorted((ROOT / "app" / "contenders").glob("*.py")), ids=lambda path: path.stem)
def test_a_contender_knows_of_the_lab_its_vocabulary_alone(path: Path) -> None:
    imported = {
        name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    of_the_lab = {name for name in imported if name and name.partition(".")[0] in {"app", "loadtest", "tests"}}
    assert of_the_lab <= {"app.contender"}


def test_names_are_known_without_an_import() -> None:
    assert contender_names() == list(find_contenders().strategies)
